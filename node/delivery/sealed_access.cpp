#include "node/delivery/sealed_access.h"

#include <algorithm>

#include "protocol/crypto/crypto.h"
#include "protocol/device_password.h"
#include "protocol/encoding.h"
#include "protocol/field_reader.h"
#include "protocol/identity.h"

namespace agiddi::node {
namespace {

constexpr std::size_t kTopicMax = 512;
constexpr std::size_t kSecretMax = 1024;

Result<Bytes> binary(const Json* value, const char* what) {
  if (value == nullptr || !value->is_string()) return fail(Status::invalid, std::string("sealed access has no ") + what);
  return from_base64url(value->as_string());
}

Result<Bytes> key_for(const Json& sealed, const std::string& member) {
  const Json* recipients = sealed.find("recipients");
  if (recipients && recipients->is_array()) {
    for (const Json& recipient : recipients->items()) {
      const Json* id = recipient.find("member");
      if (id && id->is_string() && id->as_string() == member) return binary(recipient.find("key"), "key");
    }
  }
  return fail(Status::forbidden, "sealed access was not sealed for this member");
}

bool is_command_topic(std::string_view topic) {
  return !topic.starts_with('$') &&
         std::none_of(topic.begin(), topic.end(), [](char c) { return c == '+' || c == '#' || static_cast<unsigned char>(c) < 0x20; });
}

}  // namespace

Result<DeviceAccess> open_access(const Json& access, const AccessExpectation& expected, const std::function<Result<Bytes>(BytesView)>& open_key) {
  const Json* protocol = access.find("protocol");
  if (!protocol || !protocol->is_string() || protocol->as_string() != "mqtt") return fail(Status::invalid, "the access protocol is not mqtt");
  const Json* sealed = access.find("sealed");
  if (!sealed) return fail(Status::invalid, "there is no sealed access");
  const auto wrapped = key_for(*sealed, expected.member);
  if (!wrapped) return tl::unexpected(wrapped.error());
  const auto ciphertext = binary(sealed->find("ciphertext"), "ciphertext"), nonce = binary(sealed->find("nonce"), "nonce");
  if (!ciphertext || !nonce) return fail(Status::invalid, "sealed access is malformed");
  const auto key = open_key(*wrapped);
  if (!key || key->size() != 32 || nonce->size() != 24) return fail(Status::invalid, "the sealed key cannot be opened");
  const auto clear = aead_decrypt(*key, *nonce, *ciphertext);
  if (!clear) return fail(Status::invalid, "the sealed access cannot be opened");
  const auto json = parse_json(*clear);
  if (!json || !json->is_object()) return fail(Status::invalid, "the opened access is not a JSON object");

  // Members beyond these are the provider's own business. No error here may carry a value: it would reach a log.
  std::vector<FieldError> errors;
  FieldReader fields(*json, "", errors);
  DeviceAccess out;
  const auto endpoint = fields.required_string("endpoint", 300);
  out.topic = fields.required_string("topic", kTopicMax).value_or("");
  out.token = fields.optional_string("token", kSecretMax).value_or("");
  out.username = fields.optional_string("username", kSecretMax).value_or("");
  out.password = fields.optional_string("password", kSecretMax, 0).value_or("");
  out.device_password = fields.optional_string("devicePassword", 4 * kDevicePasswordMax).value_or("");
  out.device_key = fields.optional_string("deviceKey", 128).value_or("");
  const auto provider = fields.optional_string("provider", 256), network = fields.optional_string("network", 128);
  if (!errors.empty()) return fail(Status::invalid, "the opened access lacks " + errors.front().pointer + " or holds it in a wrong form");
  if ((provider && *provider != expected.provider) || (network && *network != expected.network)) {
    return fail(Status::forbidden, "the opened access names another provider or network than the registration");
  }
  if (!out.device_key.empty() && !key_from_did(out.device_key)) return fail(Status::invalid, "deviceKey is not the did:key of an Ed25519 key");
  if (!out.device_password.empty()) {
    if (auto fits = check_device_password(out.device_password); !fits) return fail(Status::invalid, "devicePassword " + fits.error().detail);
    if (!out.device_key.empty()) return fail(Status::invalid, "the opened access holds both deviceKey and devicePassword: a device logs in by one of them");
  }
  if (!is_command_topic(out.topic)) return fail(Status::invalid, "the command topic is not a single topic");
  const auto url = parse_mqtt_url(*endpoint);
  if (!url) return fail(Status::invalid, "the endpoint is not mqtt://host:port or mqtts://host:port");
  out.endpoint = *url;
  return out;
}

}  // namespace agiddi::node
