#include "tools/benchmark/devices/own_form.h"

#include "protocol/check.h"
#include "protocol/encoding.h"

namespace agiddi::tools {
namespace {

constexpr std::size_t kCiphertext_bytes = 160, kNonce_bytes = 24, kSealedKey_bytes = 80;

Hash stream_of(const DeviceGenerator& generator, std::string_view what, std::uint64_t number) {
  return blake2b("discovery benchmark " + std::to_string(generator.seed()) + " " + std::string(what) + " " + std::to_string(number));
}

Json sealed_access(const DeviceGenerator& generator, const GeneratedDevice& device, const std::vector<std::string>& members) {
  const Bytes bytes = keystream(stream_of(generator, "device", device.number), kCiphertext_bytes + kNonce_bytes + kSealedKey_bytes * members.size());
  const BytesView view = bytes;
  Json recipients = Json::array();
  for (std::size_t i = 0; i < members.size(); ++i) {
    const BytesView key = view.substr(kCiphertext_bytes + kNonce_bytes + i * kSealedKey_bytes, kSealedKey_bytes);
    recipients.push(Json::object({{"member", members[i]}, {"key", to_base64url(key)}}));
  }
  return Json::object({{"ciphertext", to_base64url(view.substr(0, kCiphertext_bytes))},
                       {"nonce", to_base64url(view.substr(kCiphertext_bytes, kNonce_bytes))},
                       {"recipients", std::move(recipients)}});
}

Json description_of(const GeneratedSensor& sensor) {
  Json json = Json::object({{"name", sensor.kind->name},
                            {"observedProperty", sensor.kind->property},
                            {"unit", sensor.unit->ucum},
                            {"range", Json::object({{"min", Json::number(std::string(sensor.range.min))}, {"max", Json::number(std::string(sensor.range.max))}})}});
  if (sensor.accuracy) json.set("accuracy", Json::number(std::string(*sensor.accuracy)));
  json.set("samplingSeconds", Json::number(std::string(sensor.sampling_s)));
  return json;
}

}  // namespace

KeyPair provider_key(const DeviceGenerator& generator, std::uint64_t rank) {
  auto key = KeyPair::from_seed(stream_of(generator, "provider", rank).view());
  AGIDDI_CHECK(key.has_value(), "a hash has the length of a seed");
  return std::move(*key);
}

Json own_description(const DeviceGenerator& generator, const GeneratedDevice& device, const std::vector<std::string>& members) {
  Json sensors = Json::array();
  for (const GeneratedSensor& sensor : device.sensors) sensors.push(description_of(sensor));
  return Json::object(
      {{"name", device.name},
       {"type", device.kind->type},
       {"description", "Made by " + std::string(device.maker)},
       {"location", Json::object({{"latitude", Json::number(device.latitude)}, {"longitude", Json::number(device.longitude)}, {"place", device.city->name}})},
       {"sensors", std::move(sensors)},
       {"cost", Json::object({{"currency", device.currency}, {"perMinute", device.cost_per_minute}})},
       {"payment", Json::object({{"methods", Json::array({"credit"})}})},
       {"access", Json::object({{"protocol", "mqtt"}, {"sealed", sealed_access(generator, device, members)}})}});
}

void each_registration(const DeviceGenerator& generator, const std::vector<std::string>& members, std::size_t batch,
                       const std::function<bool(std::uint64_t, std::size_t, const Json&)>& visit) {
  std::vector<std::vector<std::uint64_t>> waiting(generator.providers());   // indexes of a provider's devices
  const auto flush = [&](std::uint64_t provider) {
    Json devices = Json::array();
    for (const std::uint64_t index : waiting[provider]) devices.push(own_description(generator, generator.device(index), members));
    const std::size_t count = waiting[provider].size();
    waiting[provider].clear();
    return visit(provider, count, Json::object({{"devices", std::move(devices)}}));
  };
  for (std::uint64_t index = 0; index < generator.count(); ++index) {
    const std::uint64_t provider = generator.device(index).provider;
    waiting[provider].push_back(index);
    if (waiting[provider].size() == batch && !flush(provider)) return;
  }
  for (std::uint64_t provider = 0; provider < waiting.size(); ++provider) {
    if (!waiting[provider].empty() && !flush(provider)) return;
  }
}

}  // namespace agiddi::tools
