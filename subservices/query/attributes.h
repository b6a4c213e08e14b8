// What a search may ask for: the condition names of API.md step 2, their types, their place in the ontology and their operators.
//
// Threads: a constant table.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "protocol/json.h"

namespace agiddi::subservices {

enum class AttributeKind : std::uint8_t {
  type,        // device type: a name of the ontology or a full IRI
  property,    // observable property, likewise
  unit,        // UCUM code or QUDT unit IRI
  provider,    // did:key
  string,
  text,        // words looked for in name and description
  time,        // RFC 3339
  number,      // in its own unit
  measure,     // a number in the sensor's unit, or with a unit behind it and then compared in SI
  range,       // asks whether the sensor's range reaches or covers a value
  price,       // decimal
  near,        // {"latitude","longitude","km"}
};

struct Attribute {
  std::string_view name;        // "sensor.range.max"
  AttributeKind kind;
  std::string_view predicate;   // "agiddi:rangeMax", as it stands in the query
  std::string_view variable;    // "rangeMax"
  bool of_sensor = false;
  bool orderable = false;       // single-valued for a device
  bool optional = false;        // a device may lack it
};

std::span<const Attribute> attributes();
const Attribute* find_attribute(std::string_view name);

// The operators in the order of the documentation; "list" and "range" stand for [a, b] and {"min","max"}.
std::vector<std::string_view> operators_of(AttributeKind kind);

Json attributes_document();

}  // namespace agiddi::subservices
