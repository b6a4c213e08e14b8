#include "subservices/forwarding/measurement.h"

#include <algorithm>
#include <optional>

#include "ontology/units.h"

namespace agiddi::subservices {
namespace {

constexpr int kConvertedDigits = 12;   // decimal places of a converted value that is no finite decimal

// SenML's unit registry names some units otherwise than UCUM (RFC 8428 section 12.1).
std::string_view ucum_of_senml(std::string_view unit) {
  if (unit == "%RH" || unit == "%EL") return "%";
  if (unit == "l") return "L";
  if (unit == "/" || unit == "count") return "1";
  if (unit == "l/s") return "L/s";
  return unit;
}

const ontology::Unit* find_senml_unit(std::string_view unit) {
  if (const ontology::Unit* found = ontology::units().find(unit)) return found;
  return ontology::units().find(ucum_of_senml(unit));
}

// A record belongs to the sensor of its whole name, or, its base name being the device's own, of the rest.
std::optional<std::size_t> find_sensor(const std::vector<SensorTemplate>& sensors, const Reading& reading) {
  const auto named = [&sensors](std::string_view name) -> std::optional<std::size_t> {
    const auto found = std::find_if(sensors.begin(), sensors.end(), [&](const SensorTemplate& sensor) { return sensor.name == name; });
    if (found == sensors.end()) return std::nullopt;
    return static_cast<std::size_t>(found - sensors.begin());
  };
  if (const auto whole = named(reading.name)) return whole;
  const std::string_view rest = std::string_view(reading.name).substr(reading.base_name.size());
  if (!rest.empty()) return reading.base_name.empty() ? std::nullopt : named(rest);
  return sensors.size() == 1 ? std::optional<std::size_t>(0) : std::nullopt;
}

std::string converted_text(const Rational& value) { return value.decimal_text(value.is_finite_decimal() ? 70 : kConvertedDigits); }

}  // namespace

std::vector<ResolvedReading> resolve_readings(const MeasurementFrame& frame, const std::vector<Reading>& readings, TimeMs arrival) {
  const ontology::Unit* wanted = frame.delivery_unit.empty() ? nullptr : ontology::units().find(frame.delivery_unit);
  std::vector<ResolvedReading> resolved;
  for (const Reading& reading : readings) {
    const auto sensor = find_sensor(frame.device.sensors, reading);
    if (!sensor) continue;
    const SensorTemplate& declared = frame.device.sensors[*sensor];
    ResolvedReading out{*sensor, reading.value, declared.unit, reading.time.value_or(arrival)};
    const ontology::Unit* target = ontology::units().find(declared.unit);
    const ontology::Unit* source = target;
    if (!reading.unit.empty()) {
      source = find_senml_unit(reading.unit);
      if (source == nullptr || target == nullptr || !ontology::commensurable(*source, *target)) continue;
    }
    if (wanted != nullptr && target != nullptr && ontology::commensurable(*target, *wanted)) target = wanted;
    if (source != target) {
      const auto converted = ontology::convert(reading_rational(reading.value), *source, *target);
      if (!converted) continue;
      out.value = converted_text(*converted);
    }
    if (target != nullptr) out.unit = target->iri;
    resolved.push_back(std::move(out));
  }
  return resolved;
}

std::string measurement_json(const MeasurementFrame& frame, const ResolvedReading& reading, std::uint64_t sequence) {
  const SensorTemplate& sensor = frame.device.sensors[reading.sensor];
  return Json::object({{"@context", frame.device.context},
                       {"@type", "sosa:Observation"},
                       {"madeBySensor", sensor.iri},
                       {"observedProperty", sensor.observed_property},
                       {"hasResult", Json::object({{"numericValue", Json::number(reading.value)}, {"unit", reading.unit}})},
                       {"resultTime", time_text(reading.time)},
                       {"device", frame.device.device},
                       {"deviceVersion", frame.device.version},
                       {"integration", frame.integration},
                       {"epoch", frame.epoch},
                       {"sequence", sequence}})
      .dump();
}

Result<std::string> resolve_delivery_unit(std::string_view unit, const std::vector<DeviceTemplate>& devices) {
  const ontology::Unit* wanted = ontology::units().find(unit);
  if (wanted == nullptr) return fail_field("/delivery/unit", "is not a unit IRI or UCUM code of the unit table");
  for (const DeviceTemplate& device : devices) {
    const bool fits = std::any_of(device.sensors.begin(), device.sensors.end(), [&](const SensorTemplate& sensor) {
      const ontology::Unit* declared = ontology::units().find(sensor.unit);
      return declared != nullptr && ontology::commensurable(*declared, *wanted);
    });
    if (!fits) return fail_field("/delivery/unit", "no sensor of " + device.device + " can be expressed in " + wanted->iri);
  }
  return wanted->iri;
}

}  // namespace agiddi::subservices
