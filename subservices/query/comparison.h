// Comparison: one value of a condition, read strictly, with its operands already written as SPARQL text.
//
// Threads: pure functions of values. Errors: FieldErrors in the caller's list. User text enters an operand only as an escaped
// literal, a validated IRI or a number.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/json.h"
#include "subservices/query/attributes.h"

namespace agiddi::subservices {

enum class Operator : std::uint8_t { equal, not_equal, less, less_equal, greater, greater_equal, between };

struct Operand {
  std::string text;            // SPARQL: "100", "\"EUR\"", "agiddi:Temperature", "<did:key:…>"
  std::string quantity_kind;   // SPARQL name of the kind when `text` is a value in its reference unit; empty = in the sensor's own unit
};

struct Comparison {
  Operator op = Operator::equal;
  std::optional<Operand> value;      // all but between
  std::optional<Operand> min, max;   // between: at least one
};

// Any of the comparisons must hold. Empty when an error was added. Not for AttributeKind::near.
std::vector<Comparison> read_comparisons(const Attribute& attribute, const Json& value, const std::string& pointer,
                                         std::vector<FieldError>& errors);

std::string sparql_literal(std::string_view text);   // quoted and escaped
std::string sparql_time(std::string_view text);      // "…"^^xsd:dateTime

}  // namespace agiddi::subservices
