// A mix of standing queries as applications would hold them, made from generated devices so that each new device meets a few of ten thousand.
//
// In turn: type, property, range and cost; a provider's devices; a price threshold or a band of prices; a radius around a place; attributes of a sensor in a
// city.
// Pure functions of the generator and the numbers.
#pragma once

#include <string>
#include <vector>

#include "tools/benchmark/devices/generator.h"

namespace agiddi::tools {

// Conditions, as POST /v1/query takes them. Devices with an index of `from` on are what they are made from.
std::vector<std::string> standing_mix(const DeviceGenerator& generator, std::uint64_t from, std::size_t count);
inline constexpr std::size_t kMixForms = 5;

}  // namespace agiddi::tools
