// What generated devices are made of: cities with weights, makers, sensor kinds with the ranges and accuracies of data sheets, kinds of devices.
//
// Tables for measurements, not facts to rely on: weights are rough shares of a sensor network (more devices in large and rich cities), ranges are
// typical of their kind. Numbers that reach a triple are text, so that both forms of a device hold the same exact values.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace agiddi::tools {

struct City {
  std::string_view name;
  double latitude, longitude;
  std::uint32_t weight;
  double spread_km;   // mean distance of a device from the centre
};

struct Range { std::string_view min, max; };

// One unit in which a kind of sensor is sold, with the share of such sensors and the ranges of their data sheets.
struct UnitChoice {
  std::string_view qudt;   // local name in QUDT's units
  std::string_view ucum;
  std::uint32_t weight;
  std::span<const Range> ranges;
};

struct SensorKind {
  std::string_view name;       // of a sensor, within its device
  std::string_view property;   // of our ontology
  std::string_view peer_property;   // of the vocabulary that the peers' queries use
  std::span<const UnitChoice> units;
  std::span<const std::string_view> accuracies;
};

struct KindShare { const SensorKind* kind; std::uint32_t weight; };

struct DeviceKind {
  std::string_view type;       // of our ontology
  std::uint32_t weight;
  std::span<const KindShare> sensors;
};

std::span<const City> cities();
std::span<const std::string_view> makers();
std::span<const DeviceKind> device_kinds();

}  // namespace agiddi::tools
