#include "tools/benchmark/devices/generator.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "protocol/check.h"
#include "protocol/decimal.h"
#include "tools/sim/random.h"

namespace agiddi::tools {
namespace {

constexpr double kPriceMean = 0.437, kPriceDeviation = 1.131;   // of the price's logarithm
constexpr double kKmPerDegree = 111.19;
constexpr std::uint64_t kDevicesPerProvider = 100, kProvidersMin = 64, kProvidersMax = 10'000;
constexpr TimeMs kFirst = 1'672'531'200'000, kLast = 1'735'689'599'000;   // 2023 and 2024

// In (0, 1): its logarithm is finite.
double unit_interval(Random& random) { return (static_cast<double>(random.next() >> 11) + 0.5) / 9007199254740992.0; }

double normal(Random& random) {
  const double radius = std::sqrt(-2 * std::log(unit_interval(random)));
  return radius * std::cos(2 * std::numbers::pi * unit_interval(random));
}

template <class T>
const T& weighted(Random& random, std::span<const T> choices) {
  std::int64_t sum = 0;
  for (const T& choice : choices) sum += choice.weight;
  std::int64_t at = random.between(0, sum - 1);
  for (const T& choice : choices) {
    if (at < choice.weight) return choice;
    at -= choice.weight;
  }
  return choices.back();
}

template <class T>
const T& any(Random& random, std::span<const T> choices) {
  return choices[static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(choices.size()) - 1))];
}

std::string decimal4(double value) { return Decimal(std::llround(value * 1e4), 4).text(); }

std::size_t sensor_count(Random& random) {
  const std::int64_t at = random.between(0, 99);
  return at < 57 ? 1 : at < 81 ? 2 : at < 94 ? 3 : at < 99 ? 4 : 5;
}

GeneratedSensor make_sensor(Random& random, const SensorKind& kind) {
  static constexpr std::string_view kSampling[] = {"1", "10", "30", "60", "300", "900", "3600"};
  GeneratedSensor sensor;
  sensor.kind = &kind;
  sensor.unit = &weighted(random, kind.units);
  sensor.range = any(random, sensor.unit->ranges);
  if (random.chance(900)) sensor.accuracy = any(random, kind.accuracies);
  sensor.sampling_s = any(random, std::span<const std::string_view>(kSampling));
  return sensor;
}

// Different kinds, as far as the device's kind has them.
std::vector<GeneratedSensor> make_sensors(Random& random, const DeviceKind& kind) {
  std::vector<KindShare> left(kind.sensors.begin(), kind.sensors.end());
  std::vector<GeneratedSensor> sensors;
  for (std::size_t wanted = std::min(sensor_count(random), left.size()); wanted > 0; --wanted) {
    const SensorKind* chosen = weighted(random, std::span<const KindShare>(left)).kind;
    sensors.push_back(make_sensor(random, *chosen));
    std::erase_if(left, [&](const KindShare& share) { return share.kind == chosen; });
  }
  return sensors;
}

}  // namespace

DeviceGenerator::DeviceGenerator(std::uint64_t seed, std::uint64_t count) : seed_(seed), count_(count) {
  const std::uint64_t providers = std::clamp(count / kDevicesPerProvider, kProvidersMin, kProvidersMax);
  double sum = 0;
  for (std::uint64_t rank = 1; rank <= providers; ++rank) provider_shares_.push_back(sum += 1 / static_cast<double>(rank));
  for (double& share : provider_shares_) share /= sum;
}

GeneratedDevice DeviceGenerator::device(std::uint64_t index) const {
  AGIDDI_CHECK(index < count_, "a generated device's index is below the count");
  Random random(seed_ * 0x9e3779b97f4a7c15ULL + index);
  const bool known = index == std::min(kKnownDevice, count_ - 1);
  GeneratedDevice device;
  device.number = known ? kKnownDevice : index;
  device.kind = &weighted(random, device_kinds());
  device.city = &weighted(random, cities());

  const double away_km = -std::log(unit_interval(random)) * device.city->spread_km;
  const double direction = 2 * std::numbers::pi * unit_interval(random);
  const double latitude = device.city->latitude + away_km * std::sin(direction) / kKmPerDegree;
  const double longitude =
      device.city->longitude + away_km * std::cos(direction) / (kKmPerDegree * std::cos(device.city->latitude * std::numbers::pi / 180));
  device.latitude = decimal4(latitude);
  device.longitude = decimal4(longitude);
  device.geohash = geohash(latitude, longitude, 6);

  const auto rank = std::lower_bound(provider_shares_.begin(), provider_shares_.end(), unit_interval(random));
  device.provider = static_cast<std::uint64_t>(std::min<std::ptrdiff_t>(rank - provider_shares_.begin(), static_cast<std::ptrdiff_t>(providers()) - 1));
  const double maker = unit_interval(random);
  device.maker = makers()[static_cast<std::size_t>(maker * maker * static_cast<double>(makers().size()))];
  const std::int64_t protocol = random.between(0, 99), currency = random.between(0, 99);
  device.protocol = protocol < 60 ? "MQTT" : protocol < 75 ? "CoAP" : protocol < 90 ? "HTTP" : "LoRaWAN";
  device.currency = currency < 70 ? "TKN" : currency < 90 ? "EUR" : "USD";
  device.cost_per_minute = known ? "0.0155" : decimal4(std::max(std::exp(kPriceMean + kPriceDeviation * normal(random)), 0.0001));
  device.registered_at = kFirst + static_cast<TimeMs>(std::sqrt(unit_interval(random)) * static_cast<double>(kLast - kFirst)) / 1000 * 1000;
  device.sensors = make_sensors(random, *device.kind);
  device.name = std::string(device.maker) + " " + std::string(device.city->name) + " " + std::to_string(device.number);
  return device;
}

std::string geohash(double latitude, double longitude, int characters) {
  static constexpr char kDigits[] = "0123456789bcdefghjkmnpqrstuvwxyz";
  double south = -90, north = 90, west = -180, east = 180;
  std::string out;
  bool of_longitude = true;
  for (int i = 0; i < characters; ++i) {
    unsigned digit = 0;
    for (int bit = 0; bit < 5; ++bit) {
      double& low = of_longitude ? west : south;
      double& high = of_longitude ? east : north;
      const double middle = (low + high) / 2;
      const bool upper = (of_longitude ? longitude : latitude) >= middle;
      (upper ? low : high) = middle;
      digit = digit * 2 + (upper ? 1 : 0);
      of_longitude = !of_longitude;
    }
    out += kDigits[digit];
  }
  return out;
}

}  // namespace agiddi::tools
