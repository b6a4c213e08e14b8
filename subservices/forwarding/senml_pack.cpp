#include "subservices/forwarding/senml_pack.h"

#include <algorithm>
#include <charconv>

#include "ontology/units.h"
#include "protocol/check.h"
#include "protocol/json.h"

namespace agiddi::subservices {
namespace {

struct UnitName {
  std::string_view ucum, senml;
};
// Where SenML's registries (RFC 8428 section 12.1, RFC 8798) name a unit otherwise than UCUM.
constexpr UnitName kUnitNames[] = {
    {"L", "l"},      {"L/s", "l/s"},    {"1", "/"},     {"{#}", "count"}, {"{#}/s", "1/s"}, {"/min", "1/min"}, {"[ppth]", "/1000"},      {"[ppm]", "ppm"},
    {"[pH]", "pH"},  {"{NTU}", "NTU"},  {"By", "B"},    {"GBy", "GB"},    {"V.A", "VA"},    {"kV.A", "kVA"},   {"V.A{reactive}", "var"},  {"kV.A{reactive}", "kvar"},
    {"A.h", "Ah"},   {"W.h", "Wh"},     {"kW.h", "kWh"}, {"dB{mW}", "dBm"},
};

// RFC 8428 section 4.5.1: letters, digits and - : . / _
std::string senml_name(std::string_view iri) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string name;
  for (const char c : iri) {
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == ':' || c == '.' || c == '/';
    if (allowed) {
      name += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      name += {'_', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return name;
}

// The device's URN with "/sensor/", and what follows it in the sensor's IRI.
std::pair<std::string_view, std::string_view> name_parts(std::string_view iri) {
  constexpr std::string_view kBetween = "/sensor/";
  const std::size_t at = iri.find(kBetween);
  return at == iri.npos ? std::pair(std::string_view(), iri) : std::pair(iri.substr(0, at + kBetween.size()), iri.substr(at + kBetween.size()));
}

struct RecordParts {
  std::string_view sensor_iri, unit_iri, integration;
  std::uint64_t epoch = 0, version = 0;
};

// From the pack's bracket on.
MeasurementText record_text(const RecordParts& parts) {
  MeasurementText text;
  text.senml = true;
  const auto [base, name] = name_parts(parts.sensor_iri);
  text.head = "[{";
  if (!base.empty()) {
    text.head += "\"bn\":";
    append_json_string(text.head, senml_name(base));
    text.head += ',';
  }
  text.head += "\"n\":";
  append_json_string(text.head, senml_name(name));
  if (const std::string unit = senml_unit(parts.unit_iri); !unit.empty()) {
    text.head += ",\"u\":";
    append_json_string(text.head, unit);
  }
  text.head += ",\"v\":";
  text.middle = ",\"t\":";
  text.tail = ",\"agiddi:integration\":";
  append_json_string(text.tail, parts.integration);
  text.tail += ",\"agiddi:epoch\":" + std::to_string(parts.epoch) + ",\"agiddi:deviceVersion\":" + std::to_string(parts.version) + ",\"agiddi:sequence\":";
  return text;
}

std::uint64_t number_of(const Json& measurement, std::string_view name) {
  const std::string& digits = measurement.find(name)->number_text();
  std::uint64_t number = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  AGIDDI_CHECK(read.ec == std::errc{}, "a measurement's numbers are whole");
  return number;
}

}  // namespace

std::string senml_unit(std::string_view unit_iri) {
  const ontology::Unit* unit = ontology::units().find(unit_iri);
  if (unit == nullptr) return {};
  const auto named = std::find_if(std::begin(kUnitNames), std::end(kUnitNames), [&](const UnitName& one) { return one.ucum == unit->ucum; });
  return named != std::end(kUnitNames) ? std::string(named->senml) : unit->ucum;
}

std::string_view ucum_of_senml(std::string_view unit) {
  if (unit == "%RH" || unit == "%EL" || unit == "/100") return "%";
  const auto named = std::find_if(std::begin(kUnitNames), std::end(kUnitNames), [&](const UnitName& one) { return one.senml == unit; });
  return named != std::end(kUnitNames) ? named->ucum : unit;
}

MeasurementText senml_text(const MeasurementFrame& frame, std::size_t sensor, const std::string& unit) {
  return record_text({frame.device.sensors[sensor].iri, unit, frame.integration, frame.epoch, frame.device.version});
}

std::string senml_pack(std::string_view measurement) {
  // The value may have more digits than the reader of JSON takes, and goes over as it is.
  constexpr std::string_view kBefore = ",\"hasResult\":{\"numericValue\":";
  const std::size_t before = measurement.find(kBefore);
  AGIDDI_CHECK(before != measurement.npos, "a measurement has a result");
  const std::size_t begin = before + kBefore.size(), end = measurement.find(',', begin);
  AGIDDI_CHECK(end != measurement.npos, "the unit stands behind the value");
  const auto rest = parse_json(std::string(measurement.substr(0, begin)) + "0" + std::string(measurement.substr(end)));
  AGIDDI_CHECK(rest.has_value(), "a measurement is JSON");
  const auto time = time_from_text(rest->find("resultTime")->as_string());
  AGIDDI_CHECK(time.has_value(), "a measurement has its time");
  const MeasurementText text = record_text({rest->find("madeBySensor")->as_string(), rest->find("hasResult")->find("unit")->as_string(),
                                            rest->find("integration")->as_string(), number_of(*rest, "epoch"), number_of(*rest, "deviceVersion")});
  std::string pack;
  write_measurement(pack, text, measurement.substr(begin, end - begin), *time, number_of(*rest, "sequence"));
  return pack;
}

void append_senml_record(std::string& pack, std::string_view measurement, std::string_view id) {
  const std::string one = senml_pack(measurement);
  if (!pack.empty()) pack += ",\n";
  pack.append(one, 1, one.size() - 3);   // without "[" and "}]"
  if (!id.empty()) {
    pack += ",\"agiddi:id\":";
    append_json_string(pack, id);
  }
  pack += '}';
}

}  // namespace agiddi::subservices
