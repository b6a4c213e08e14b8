#include "subservices/query/attributes.h"

#include <algorithm>

#include "ontology/vocabulary.h"

namespace agiddi::subservices {
namespace {

using enum AttributeKind;

constexpr Attribute kAttributes[] = {
    {"type", type, "rdf:type", "type", false, true, false},
    {"name", string, "schema:name", "name", false, true, false},
    {"text", text, "schema:description", "text", false, false, true},
    {"provider", provider, "prov:wasAttributedTo", "provider", false, true, false},
    {"registeredAt", time, "agiddi:registeredAt", "registeredAt", false, true, false},
    {"near", near, "agiddi:distanceKm", "distance", false, false, false},
    {"location.place", string, "agiddi:place", "place", false, true, true},
    {"sensor.observedProperty", property, "sosa:observes", "observed", true, false, false},
    {"sensor.unit", unit, "qudt:hasUnit", "unit", true, false, false},
    {"sensor.range", range, "agiddi:rangeMin", "range", true, false, false},
    {"sensor.range.min", measure, "agiddi:rangeMin", "rangeMin", true, false, false},
    {"sensor.range.max", measure, "agiddi:rangeMax", "rangeMax", true, false, false},
    {"sensor.accuracy", measure, "agiddi:accuracy", "accuracy", true, false, true},
    {"sensor.samplingSeconds", number, "agiddi:samplingSeconds", "samplingSeconds", true, false, true},
    {"cost.currency", string, "schema:priceCurrency", "currency", false, true, false},
    {"cost.perMinute", price, "agiddi:costPerMinute", "perMinute", false, true, true},
    {"cost.perKilobyte", price, "agiddi:costPerKilobyte", "perKilobyte", false, true, true},
    {"payment.method", string, "agiddi:paymentMethod", "method", false, false, false},
    {"access.protocol", string, "agiddi:accessProtocol", "protocol", false, true, false},
};

const char* type_name(AttributeKind kind) {
  switch (kind) {
    case type: return "deviceType";
    case property: return "observableProperty";
    case unit: return "unit";
    case provider: return "did";
    case string: return "string";
    case text: return "text";
    case time: return "dateTime";
    case number: return "number";
    case measure: return "numberWithUnit";
    case range: return "numberWithUnit";
    case price: return "decimal";
    case near: return "place";
  }
  return "";
}

std::string full_iri(std::string_view prefixed) {
  const auto colon = prefixed.find(':');
  for (const ontology::Prefix& prefix : ontology::prefixes()) {
    if (prefix.name == prefixed.substr(0, colon)) return std::string(prefix.iri) + std::string(prefixed.substr(colon + 1));
  }
  return std::string(prefixed);
}

}  // namespace

std::span<const Attribute> attributes() { return kAttributes; }

const Attribute* find_attribute(std::string_view name) {
  const auto found = std::find_if(std::begin(kAttributes), std::end(kAttributes), [&](const Attribute& a) { return a.name == name; });
  return found == std::end(kAttributes) ? nullptr : found;
}

std::vector<std::string_view> operators_of(AttributeKind kind) {
  switch (kind) {
    case text: return {"=", "list"};
    case near: return {"near"};
    case type:
    case property:
    case unit:
    case provider:
    case string: return {"=", "!=", "list"};
    case time:
    case number:
    case measure:
    case range:
    case price: return {"=", "!=", "<", "<=", ">", ">=", "list", "range"};
  }
  return {};
}

Json attributes_document() {
  Json list = Json::array();
  for (const Attribute& attribute : kAttributes) {
    Json operators = Json::array();
    for (const auto name : operators_of(attribute.kind)) operators.push(name);
    list.push(Json::object({{"name", attribute.name},
                            {"type", type_name(attribute.kind)},
                            {"iri", full_iri(attribute.predicate)},
                            {"operators", std::move(operators)},
                            {"orderBy", attribute.orderable}}));
  }
  return Json::object({{"attributes", std::move(list)}});
}

}  // namespace agiddi::subservices
