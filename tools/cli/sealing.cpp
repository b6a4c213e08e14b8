#include "tools/cli/sealing.h"

#include "node/mqtt/mqtt_client.h"
#include "protocol/device_password.h"
#include "protocol/encoding.h"
#include "protocol/field_reader.h"
#include "protocol/identity.h"

namespace agiddi::tools {
namespace {

constexpr std::size_t kTextMax = 1024;

}  // namespace

Outcome<std::vector<SealRecipient>> recipients_of(const Json& validators) {
  const Json* items = validators.find("validators");
  if (!items || !items->is_array() || items->items().empty()) return failed("the node names no validators to seal to");
  std::vector<SealRecipient> out;
  for (const Json& item : items->items()) {
    const Json *id = item.find("id"), *key = item.find("sealingKey");
    if (!id || !key || !id->is_string() || !key->is_string()) return failed("the node's list of validators lacks an id or a sealingKey");
    auto raw = from_base64url(key->as_string());
    auto bytes = raw ? public_key_from_bytes(*raw) : tl::unexpected(raw.error());
    if (!bytes) return failed("the sealing key of " + id->as_string() + " is not valid");
    out.push_back({id->as_string(), *bytes});
  }
  return out;
}

Outcome<Json> seal_json(const Json& clear, const std::vector<SealRecipient>& recipients) {
  const Bytes key = random_bytes(32), nonce = random_bytes(24);
  Json out = Json::object({{"ciphertext", to_base64url(aead_encrypt(key, nonce, clear.dump()))}, {"nonce", to_base64url(nonce)}});
  Json list = Json::array();
  for (const SealRecipient& recipient : recipients) {
    const Bytes sealed = seal_to(view(recipient.sealing_key), key);
    if (sealed.empty()) return failed("the sealing key of " + recipient.member + " is of low order");
    list.push(Json::object({{"member", recipient.member}, {"key", to_base64url(sealed)}}));
  }
  out.set("recipients", std::move(list));
  return out;
}

Outcome<Json> clear_access(const Json& access, const std::string& pointer, const std::string& provider, const std::string& network) {
  std::vector<FieldError> errors;
  FieldReader reader(access, pointer, errors);
  reader.optional_string("protocol", 32);
  Json out = Json::object();
  const auto take = [&](const char* name, bool required) {
    const auto text = required ? reader.required_string(name, kTextMax) : reader.optional_string(name, kTextMax);
    if (text) out.set(name, *text);
  };
  take("endpoint", true);
  if (const Json* endpoint = out.find("endpoint")) {   // sealed, nobody could see the mistake any more
    if (const auto url = node::parse_mqtt_url(endpoint->as_string()); !url) reader.error("endpoint", url.error().detail);
  }
  take("topic", true);
  take("token", false);
  take("username", false);
  take("password", false);
  take("deviceKey", false);
  if (const Json* key = out.find("deviceKey"); key && !key_from_did(key->as_string())) reader.error("deviceKey", "must be the did:key of the device's Ed25519 key (agiddi keygen makes one)");
  take("devicePassword", false);
  if (const Json* password = out.find("devicePassword")) {
    if (const auto fits = check_device_password(password->as_string()); !fits) reader.error("devicePassword", fits.error().detail);
    if (out.find("deviceKey")) reader.error("devicePassword", "stands beside deviceKey: a device logs in by one of them");
  }
  // Already written in by hand: they must be what would be written now, or a node would start nothing.
  for (const auto& [name, value] : {std::pair<const char*, const std::string&>("provider", provider), {"network", network}}) {
    const auto text = reader.optional_string(name, kTextMax);
    if (text && !value.empty() && *text != value) reader.error(name, "is not that of this registration");
    if (const std::string& written = value.empty() && text ? *text : value; !written.empty()) out.set(name, written);
  }
  reader.finish();
  if (!errors.empty()) return passed_on(invalid_fields(std::move(errors)));
  return out;
}

Outcome<Json> seal_device(const Json& device, const std::string& pointer, const std::string& provider, const std::string& network,
                          const std::vector<SealRecipient>& recipients) {
  const Json* access = device.find("access");
  if (!access || access->find("sealed")) return device;
  auto clear = clear_access(*access, pointer_member(pointer, "access"), provider, network);
  if (!clear) return clear;
  auto sealed = seal_json(*clear, recipients);
  if (!sealed) return sealed;
  Json out = device;
  Json made = Json::object();
  if (const Json* protocol = access->find("protocol")) made.set("protocol", *protocol);
  made.set("sealed", std::move(*sealed));
  out.set("access", std::move(made));
  return out;
}

}  // namespace agiddi::tools
