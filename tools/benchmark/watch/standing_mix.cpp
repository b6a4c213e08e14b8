#include "tools/benchmark/watch/standing_mix.h"

#include "protocol/decimal.h"
#include "protocol/identity.h"
#include "protocol/json.h"
#include "tools/benchmark/devices/own_form.h"
#include "tools/sim/random.h"

namespace agiddi::tools {
namespace {

std::string price(std::int64_t ten_thousandths) { return Decimal(ten_thousandths, 4).text(); }

Json conditions(const DeviceGenerator& generator, const GeneratedDevice& like, std::size_t form, Random& random) {
  const GeneratedSensor& sensor = like.sensors[static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(like.sensors.size()) - 1))];
  switch (form) {
    case 0:
      return Json::object({{"type", like.kind->type},
                           {"sensor.observedProperty", sensor.kind->property},
                           {"sensor.range", ">= " + std::string(sensor.range.max) + " " + std::string(sensor.unit->ucum)},
                           {"cost.perMinute", "<" + price(random.between(300, 1'500))}});
    case 1:
      return Json::object(
          {{"provider",
            did_from_key(
                provider_key(generator, static_cast<std::uint64_t>(random.between(0, static_cast<std::int64_t>(generator.providers()) - 1))).public_key())}});
    case 2: {
      if (random.chance(500)) return Json::object({{"cost.perMinute", "<" + price(random.between(100, 500))}});
      const std::int64_t low = random.between(5'000, 40'000);
      return Json::object({{"cost.perMinute", Json::object({{"min", price(low)}, {"max", price(low + random.between(1, 20))}})}});
    }
    case 3:
      return Json::object({{"near", Json::object({{"latitude", Json::number(like.latitude)}, {"longitude", Json::number(like.longitude)},
                                                  {"km", Json::number(Decimal(random.between(5, 20), 1).text())}})}});
    default:
      return Json::object({{"location.place", like.city->name},
                           {"sensor.observedProperty", sensor.kind->property},
                           {"sensor.samplingSeconds", "<=" + std::string(sensor.sampling_s)},
                           {"cost.perMinute", "<=" + price(random.between(1'000, 10'000))}});
  }
}

}  // namespace

std::vector<std::string> standing_mix(const DeviceGenerator& generator, std::uint64_t from, std::size_t count) {
  Random random(generator.seed() * 7919 + 1);
  std::vector<std::string> out;
  for (std::size_t i = 0; i < count; ++i) {
    const GeneratedDevice like =
        generator.device(from + static_cast<std::uint64_t>(random.between(0, static_cast<std::int64_t>(generator.count() - from) - 1)));
    out.push_back(conditions(generator, like, i % kMixForms, random).dump());
  }
  return out;
}

}  // namespace agiddi::tools
