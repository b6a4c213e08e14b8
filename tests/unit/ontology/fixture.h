// A device as a provider sends it, for tests that change one thing in it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ontology/device.h"
#include "ontology/metadata.h"
#include "protocol/check.h"
#include "protocol/encoding.h"
#include "protocol/transaction.h"

namespace agiddi::ontology::test {

inline const std::string kProvider = "did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd";

inline Json parsed(std::string_view text) {
  auto json = parse_json(text);
  AGIDDI_CHECK(json.has_value(), "the test's JSON is JSON");
  return std::move(*json);
}

inline DeviceContext context() {
  DeviceContext out;
  out.signer = kProvider;
  out.members = {"node-1", "node-2"};
  out.authorities = {"bank"};
  return out;
}

inline Json sealed_json() {
  Json recipients = Json::array();
  for (const char* member : {"node-1", "node-2"}) {
    recipients.push(Json::object({{"member", member}, {"key", to_base64url(Bytes(80, 'k'))}}));
  }
  return Json::object(
      {{"ciphertext", to_base64url(Bytes(60, 'c'))}, {"nonce", to_base64url(Bytes(24, 'n'))}, {"recipients", std::move(recipients)}});
}

inline Json device_json() {
  Json device = parsed(R"({
    "name": "Roof \"A\"", "type": "WeatherStation", "description": "On the roof",
    "location": {"latitude": 48.8566, "longitude": 2.3522, "altitude": 35, "place": "Paris"},
    "sensors": [{"name": "air temp", "observedProperty": "AirTemperature", "unit": "Cel", "range": {"min": -40, "max": 100},
                 "accuracy": 0.5, "samplingSeconds": 60}],
    "cost": {"currency": "EUR", "perHour": "0.10", "perMegabyte": "0.02"},
    "payment": {"methods": ["credit"]},
    "access": {"protocol": "mqtt"}
  })");
  for (auto& [name, value] : device.members()) {
    if (name == "access") value.set("sealed", sealed_json());
  }
  return device;
}

// The member at a path such as "sensors/0/unit"; made when missing.
inline Json& at(Json& json, std::string_view path) {
  const auto slash = path.find('/');
  const std::string step(path.substr(0, slash));
  Json* next = nullptr;
  if (json.is_array()) {
    next = &json.items().at(static_cast<std::size_t>(std::stoi(step)));
  } else {
    if (!json.find(step)) json.set(step, Json());
    for (auto& [name, value] : json.members()) {
      if (name == step) next = &value;
    }
  }
  return slash == std::string_view::npos ? *next : at(*next, path.substr(slash + 1));
}

inline void drop(Json& json, std::string_view name) {
  std::erase_if(json.members(), [&](const Json::Member& member) { return member.first == name; });
}

inline DeviceDescription device(const std::function<void(Json&)>& change = {}) {
  Json json = device_json();
  if (change) change(json);
  std::vector<FieldError> errors;
  auto out = parse_device(json, "", context(), errors);
  AGIDDI_CHECK(out.has_value(), errors.empty() ? "the test's device is valid" : errors.front().detail.c_str());
  return std::move(*out);
}

inline DeviceIdentity identity(unsigned char id = 0xaa) {
  DeviceIdentity out;
  out.device.bytes.fill(id);
  out.provider = kProvider;
  out.transaction.bytes.fill(0xbb);
  out.height = 7;
  out.timestamp = 1'767'254'400'000;  // 2026-01-01T08:00:00.000Z
  return out;
}

}  // namespace agiddi::ontology::test
