#include "subservices/forwarding/senml_pack.h"

#include "ontology/units.h"
#include "protocol/check.h"
#include "protocol/json.h"

namespace agiddi::subservices {
namespace {

// Where SenML's registry (RFC 8428 section 12.1) names a unit otherwise than UCUM.
std::string_view senml_of_ucum(std::string_view unit) {
  if (unit == "L") return "l";
  if (unit == "L/s") return "l/s";
  if (unit == "1") return "/";
  return unit;
}

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

std::string seconds_text(TimeMs time) {
  std::string text = std::to_string(time / 1000);
  if (const auto rest = time % 1000; rest != 0) text += "." + std::to_string(1000 + rest).substr(1);
  return text;
}

}  // namespace

void append_senml_record(std::string& pack, std::string_view measurement, std::string_view id) {
  // The value may have more digits than the reader of JSON takes, and goes over as it is.
  constexpr std::string_view kBefore = ",\"hasResult\":{\"numericValue\":";
  const std::size_t before = measurement.find(kBefore);
  AGIDDI_CHECK(before != measurement.npos, "a measurement has a result");
  const std::size_t begin = before + kBefore.size(), end = measurement.find(',', begin);
  AGIDDI_CHECK(end != measurement.npos, "the unit stands behind the value");
  const auto rest = parse_json(std::string(measurement.substr(0, begin)) + "0" + std::string(measurement.substr(end)));
  AGIDDI_CHECK(rest.has_value(), "a measurement is JSON");
  const std::string& unit_iri = rest->find("hasResult")->find("unit")->as_string();
  const auto time = time_from_text(rest->find("resultTime")->as_string());
  AGIDDI_CHECK(time.has_value(), "a measurement has its time");
  const ontology::Unit* unit = ontology::units().find(unit_iri);

  if (!pack.empty()) pack += ",\n";
  pack += "{\"n\":";
  append_json_string(pack, senml_name(rest->find("madeBySensor")->as_string()));
  if (unit != nullptr && !unit->ucum.empty()) {
    pack += ",\"u\":";
    append_json_string(pack, senml_of_ucum(unit->ucum));
  }
  pack += ",\"v\":";
  pack += measurement.substr(begin, end - begin);
  pack += ",\"t\":" + seconds_text(*time) + ",\"agiddi:id\":";
  append_json_string(pack, id);
  pack += '}';
}

}  // namespace agiddi::subservices
