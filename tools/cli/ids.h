// Ids given on the command line are looked at before anything is sent: a slip of the hand is wrong usage, not a node's refusal.
#pragma once

#include <string>
#include <vector>

#include "protocol/identity.h"
#include "tools/cli/outcome.h"

namespace agiddi::tools {

// Of a payment or an integration: 64 lower-case hexadecimal digits. name: how the command calls it ("--payment").
Outcome<void> check_id(const std::string& name, const std::string& text);
// urn:agiddi:device: and 64 lower-case hexadecimal digits.
Outcome<void> check_device_id(const std::string& name, const std::string& text);
Outcome<void> check_device_ids(const std::string& name, const std::vector<std::string>& texts);

// The account that a key signs for: its own DID, or the one given with --account after agiddi rotate-key.
Outcome<std::string> account_of(const KeyPair& key, const std::string& given);
inline constexpr const char* kAccountHelp = "The account's DID, when its key was rotated (default: the key's own)";

}  // namespace agiddi::tools
