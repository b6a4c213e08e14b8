#include "subservices/forwarding/measurement.h"

#include <algorithm>
#include <optional>

#include "ontology/units.h"
#include "subservices/forwarding/senml_pack.h"
#include "subservices/forwarding/sensor_match.h"

namespace agiddi::subservices {
namespace {

constexpr int kConvertedDigits = 12;   // decimal places of a converted value that is no finite decimal

const ontology::Unit* find_senml_unit(std::string_view unit) {
  if (const ontology::Unit* found = ontology::units().find(unit)) return found;
  if (unit == "count") return ontology::units().find("1");   // of whatever is counted
  return ontology::units().find(ucum_of_senml(unit));
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

MeasurementText measurement_text(const MeasurementFrame& frame, std::size_t sensor_index, const std::string& unit) {
  if (frame.senml) return senml_text(frame, sensor_index, unit);
  const SensorTemplate& sensor = frame.device.sensors[sensor_index];
  const auto open = [](Json json) {   // a document without its last bracket
    std::string text = json.dump();
    text.pop_back();
    return text;
  };
  MeasurementText text;
  text.head = open(Json::object({{"@context", frame.device.context},
                                 {"@type", "sosa:Observation"},
                                 {"madeBySensor", sensor.iri},
                                 {"observedProperty", sensor.observed_property}}));
  text.head += ",\"hasResult\":{\"numericValue\":";
  text.middle = ",\"unit\":";
  append_json_string(text.middle, unit);
  text.middle += "},\"resultTime\":\"";
  text.tail = "\"," + open(Json::object({{"device", frame.device.device}, {"deviceVersion", frame.device.version}, {"integration", frame.integration}, {"epoch", frame.epoch}})).substr(1);
  text.tail += ",\"sequence\":";
  return text;
}

std::optional<std::vector<MeasurementText>> texts_without_conversion(const MeasurementFrame& frame) {
  const ontology::Unit* wanted = frame.delivery_unit.empty() ? nullptr : ontology::units().find(frame.delivery_unit);
  std::vector<MeasurementText> texts;
  for (std::size_t i = 0; i < frame.device.sensors.size(); ++i) {
    const ontology::Unit* declared = ontology::units().find(frame.device.sensors[i].unit);
    if (wanted != nullptr && declared != nullptr && declared != wanted && ontology::commensurable(*declared, *wanted)) return std::nullopt;
    texts.push_back(measurement_text(frame, i, declared != nullptr ? declared->iri : frame.device.sensors[i].unit));
  }
  return texts;
}

std::string measurement_json(const MeasurementFrame& frame, const ResolvedReading& reading, std::uint64_t sequence) {
  std::string out;
  write_measurement(out, measurement_text(frame, reading.sensor, reading.unit), reading.value, reading.time, sequence);
  return out;
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
