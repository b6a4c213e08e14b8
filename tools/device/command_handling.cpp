#include "tools/device/command_handling.h"

#include "protocol/crypto/crypto.h"
#include "protocol/field_reader.h"

namespace agiddi::tools {

Result<DeviceCommand> read_command(BytesView payload, const std::string& token) {
  const auto json = parse_json(payload);
  if (!json) return tl::unexpected(json.error());
  std::vector<FieldError> errors;
  FieldReader fields(*json, "", errors);
  const std::string given = fields.optional_string("token", 1024).value_or("");
  if (!token.empty() && !equal_constant_time(given, token)) return fail(Status::unauthorized, "a command without this device's token");
  const auto command = fields.required_string("command", 16);
  DeviceCommand out;
  out.integration = fields.required_string("integration", 128).value_or("");
  if (const auto epoch = fields.optional_integer("epoch", 1, 1'000'000'000)) out.epoch = static_cast<std::uint64_t>(*epoch);
  out.start = command == "start";
  if (command && !out.start && *command != "stop") fields.error("command", "is neither start nor stop");
  std::string broker;
  if (out.start) {
    broker = fields.required_string("broker", 300).value_or("");
    out.topic = fields.required_string("topic", 256).value_or("");
    out.username = fields.required_string("username", 256).value_or("");
    const std::string login = fields.optional_string("login", 16).value_or("password");
    out.own_password = login == "own-password";
    if (login == "jwt") {
      out.audience = fields.required_string("audience", 128).value_or("");
    } else if (!out.own_password) {
      out.password = fields.required_string("password", 256).value_or("");
    }
    out.expires = fields.required_string("expires", 64).value_or("");
  }
  // Members that a later version adds are no reason to refuse a command.
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  if (out.start) {
    const auto url = node::parse_mqtt_url(broker);
    if (!url) return tl::unexpected(url.error());
    out.broker = *url;
  }
  return out;
}

}  // namespace agiddi::tools
