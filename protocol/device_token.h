// Device tokens: the JWT (RFC 7519, a JWS in compact form with EdDSA) by which a device logs in at a broker instead of with a password, signed with the Ed25519
// key that its provider registered. Pure and thread-safe; what is checked is foreign.
//
//   header  {"alg":"EdDSA","typ"?:"JWT"}           other members are passed over, "crit" is refused
//   claims  {"aud":network,"sub":user name,"iat":seconds,"exp":seconds,"nbf"?:seconds}   whole numbers; aud may be a list; other claims are passed over
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/crypto/crypto.h"

namespace agiddi {

inline constexpr std::size_t kDeviceTokenMax_bytes = 1'024;
inline constexpr std::int64_t kDeviceTokenLifetimeMax_s = 3'600;    // exp - iat: a stolen one is of use for so long
inline constexpr std::int64_t kDeviceTokenClocksDiffer_s = 60;

struct DeviceTokenTerms {
  PublicKey key{};
  std::string audience;    // the network id
  std::string subject;     // the user name of the start command
};

// The error (Status::unauthorized) says what is wrong, without the token. The signature comes last, for it is what costs.
Result<void> check_device_token(std::string_view token, const DeviceTokenTerms& terms, std::int64_t now_s);

std::string make_device_token(const KeyPair& key, std::string_view audience, std::string_view subject, std::int64_t now_s, std::int64_t lifetime_s);

}  // namespace agiddi
