#include "tools/cli/ids.h"

#include "protocol/transaction.h"

namespace agiddi::tools {

Outcome<void> check_id(const std::string& name, const std::string& text) {
  if (Hash::from_hex(text)) return {};
  return wrong_usage(name + " is an id of 64 lower-case hexadecimal digits, not '" + text + "'");
}

Outcome<void> check_device_id(const std::string& name, const std::string& text) {
  if (device_from_urn(text)) return {};
  return wrong_usage(name + " is a device's id, urn:agiddi:device: and 64 lower-case hexadecimal digits, not '" + text + "'");
}

Outcome<void> check_device_ids(const std::string& name, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    if (auto fits = check_device_id(name, text); !fits) return fits;
  }
  return {};
}

Outcome<std::string> account_of(const KeyPair& key, const std::string& given) {
  if (given.empty()) return did_from_key(key.public_key());
  if (!key_from_did(given)) return wrong_usage("--account is the did:key of an Ed25519 key, not '" + given + "'");
  return given;
}

}  // namespace agiddi::tools
