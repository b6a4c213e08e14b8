// Generated devices as our own descriptions, registered by generated providers.
//
// The sealed access is random bytes of the right lengths: its size and its variety count here, and nobody opens it.
// Pure functions of the seed, any thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "protocol/crypto/crypto.h"
#include "protocol/json.h"
#include "tools/benchmark/devices/generator.h"

namespace agiddi::tools {

KeyPair provider_key(const DeviceGenerator& generator, std::uint64_t rank);
// As in {"devices":[…]}; members: the ids of those to whom the access is sealed.
Json own_description(const DeviceGenerator& generator, const GeneratedDevice& device, const std::vector<std::string>& members);

// All devices as bodies of device.register, each of one provider and of at most `batch` devices, until visit returns false.
void each_registration(const DeviceGenerator& generator, const std::vector<std::string>& members, std::size_t batch,
                       const std::function<bool(std::uint64_t provider, std::size_t devices, const Json& body)>& visit);

}  // namespace agiddi::tools
