// Device passwords: what a provider chose for its device, by which the device logs in at a broker. The clear text is known to the device and to the nodes that open its
// sealed access; a broker's plugin is given a keyed hash. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "protocol/crypto/crypto.h"

namespace agiddi {

inline constexpr std::size_t kDevicePasswordMin = 12, kDevicePasswordMax = 128;   // characters (code points)

// The first line of a file that nobody else may read. Errors name the file, never what it holds.
Result<std::string> load_device_password(const std::string& path);
// Whether it may be one: its length, valid UTF-8, no control characters. The error (Status::invalid) does not hold it.
Result<void> check_device_password(std::string_view password);

// BLAKE2b-256, keyed: who reads the hash without the key, a random one for each grant, can test no guess; the user name keeps one device's hash from serving for another.
Hash device_password_proof(std::string_view key, std::string_view username, std::string_view password);

}  // namespace agiddi
