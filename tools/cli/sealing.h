// Sealed access (API.md): what only the members of the network can open.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "protocol/crypto/crypto.h"
#include "tools/cli/outcome.h"

namespace agiddi::tools {

struct SealRecipient {
  std::string member;
  std::array<std::uint8_t, 32> sealing_key{};
};

// The members of a GET /v1/validators answer.
Outcome<std::vector<SealRecipient>> recipients_of(const Json& validators);

// {"ciphertext","nonce","recipients":[{"member","key"}]}: the clear JSON under a fresh key, and that key sealed to each member.
Outcome<Json> seal_json(const Json& clear, const std::vector<SealRecipient>& recipients);

// Checks access in clear ({"protocol"?,"endpoint","topic","token"?,"username"?,"password"?}) and gives the document to be sealed: without the
// protocol, with provider and network written in when they are not empty. pointer: where it stands, for errors.
Outcome<Json> clear_access(const Json& access, const std::string& pointer, const std::string& provider, const std::string& network);

// A device as in DEVICES.json: access in clear becomes {"protocol","sealed"}; sealed access stays as it is.
Outcome<Json> seal_device(const Json& device, const std::string& pointer, const std::string& provider, const std::string& network,
                          const std::vector<SealRecipient>& recipients);

}  // namespace agiddi::tools
