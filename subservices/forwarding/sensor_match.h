// Which sensor of a device a reading belongs to. Pure.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include "subservices/forwarding/reading.h"

namespace agiddi::subservices {

// A record belongs to the sensor of its whole name, or, its base name being the device's own, of the rest; what has no name at all to the only sensor.
// Sensors: a vector of anything with a `name`. The answer is an index.
template <class Sensors>
std::optional<std::size_t> find_sensor(const Sensors& sensors, const Reading& reading) {
  const auto named = [&sensors](std::string_view name) -> std::optional<std::size_t> {
    const auto found = std::find_if(sensors.begin(), sensors.end(), [&](const auto& sensor) { return sensor.name == name; });
    if (found == sensors.end()) return std::nullopt;
    return static_cast<std::size_t>(found - sensors.begin());
  };
  if (const auto whole = named(reading.name)) return whole;
  const std::string_view rest = std::string_view(reading.name).substr(reading.base_name.size());
  if (!rest.empty()) return reading.base_name.empty() ? std::nullopt : named(rest);
  return sensors.size() == 1 ? std::optional<std::size_t>(0) : std::nullopt;
}

}  // namespace agiddi::subservices
