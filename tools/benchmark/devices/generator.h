// Devices from a seed: the same seed and count give the same devices on every machine, in any order. For benchmarks and tests only.
//
// Distributions: cities by weight and devices around their centres, thinning out with the distance; kinds of devices by weight, one to five sensors; prices log-normal
// (median 1.55 a minute, 85 % below 5, 0.006 % below 0.02); providers by a power law; makers likewise; registrations growing over two years.
//
// Threads: immutable after construction, any thread. Errors: none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/time.h"
#include "tools/benchmark/devices/catalogue.h"

namespace agiddi::tools {

struct GeneratedSensor {
  const SensorKind* kind = nullptr;
  const UnitChoice* unit = nullptr;
  Range range;
  std::optional<std::string_view> accuracy;
  std::string_view sampling_s;
};

struct GeneratedDevice {
  std::uint64_t number = 0;
  std::string name;
  const DeviceKind* kind = nullptr;
  const City* city = nullptr;
  std::string latitude, longitude;      // degrees, four decimals
  std::string geohash;                  // six characters
  std::uint64_t provider = 0;           // its rank: 0 has the most devices
  std::string_view maker, protocol, currency;
  std::string cost_per_minute;          // at most four decimals
  TimeMs registered_at = 0;             // whole seconds
  std::vector<GeneratedSensor> sensors;
};

// Whatever the count, one device bears this number and a price below 0.02: queries for both find something in a small world too.
inline constexpr std::uint64_t kKnownDevice = 5678;

class DeviceGenerator {
 public:
  DeviceGenerator(std::uint64_t seed, std::uint64_t count);
  std::uint64_t seed() const { return seed_; }
  std::uint64_t count() const { return count_; }
  std::uint64_t providers() const { return provider_shares_.size(); }
  GeneratedDevice device(std::uint64_t index) const;      // index < count

 private:
  std::uint64_t seed_, count_;
  std::vector<double> provider_shares_;                   // cumulative, the last is 1
};

// The cell of a place: base 32 of interleaved bits, longitude first.
std::string geohash(double latitude, double longitude, int characters);

}  // namespace agiddi::tools
