// Functions that are called by IRI: the xsd: casts (17.5) and agiddi:distanceKm.
#include <cmath>

#include "ontology/sparql/distance.h"
#include "ontology/sparql/expression.h"

namespace agiddi::ontology::sparql {

namespace {

std::string trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

Value cast_boolean(const Value& value) {
  if (value.kind == Value::Kind::boolean) return Value::of(value.boolean);
  if (value.number) return Value::of(!value.number->is_zero_or_nan());
  if (value.kind != Value::Kind::string) return Value::error();
  const std::string text = trimmed(value.text());
  if (text == "true" || text == "1") return Value::of(true);
  if (text == "false" || text == "0") return Value::of(false);
  return Value::error();
}

Value cast_number(const Value& value, Number::Type type) {
  if (value.kind == Value::Kind::boolean) return Value::of(Number::integer(value.boolean ? 1 : 0).promoted(type));
  if (value.kind == Value::Kind::string) {
    const std::string text = trimmed(value.text());
    switch (type) {
      case Number::Type::integer: return Value::of(parse_integer(text));
      case Number::Type::decimal: return Value::of(parse_decimal(text));
      case Number::Type::float_: return Value::of(parse_float(text));
      case Number::Type::double_: return Value::of(parse_double(text));
    }
  }
  if (!value.number) return Value::error();
  switch (type) {
    case Number::Type::integer: return Value::of(to_integer(*value.number));
    case Number::Type::decimal: return Value::of(to_decimal(*value.number));
    case Number::Type::float_: return Value::of(Number::single(static_cast<float>(value.number->as_double())));
    case Number::Type::double_: return Value::of(Number::floating(value.number->as_double()));
  }
  return Value::error();
}

Value cast_string(const Value& value) {
  if (value.kind == Value::Kind::blank || value.kind == Value::Kind::tagged) return Value::error();
  if (value.number) return Value::string(value.number->plain_text());
  if (value.kind == Value::Kind::boolean) return Value::string(value.boolean ? "true" : "false");
  return Value::string(lexical_of(value));
}

Value cast_moment(const Value& value, bool to_date) {
  std::optional<Moment> moment;
  if (value.kind == Value::Kind::string) {
    const std::string text = trimmed(value.text());
    moment = to_date ? parse_date(text) : parse_date_time(text);
    if (!moment) return Value::error();
    return Value::of(ledger::Term::typed(text, to_date ? ledger::xsd::date : ledger::xsd::date_time));
  }
  if (value.kind != Value::Kind::date_time && value.kind != Value::Kind::date) return Value::error();
  if ((value.kind == Value::Kind::date) == to_date) return value;
  moment = value.moment;
  return Value::of(ledger::Term::typed(to_date ? date_text(*moment) : date_time_text(*moment), to_date ? ledger::xsd::date : ledger::xsd::date_time));
}

}  // namespace

bool is_named_function(const std::string& iri) {
  namespace xsd = ledger::xsd;
  return iri == xsd::boolean || iri == xsd::integer || iri == xsd::decimal || iri == xsd::float_ || iri == xsd::double_ || iri == xsd::string ||
         iri == xsd::date_time || iri == xsd::date || iri == kDistanceFunction;
}

Value call_named_function(const std::string& iri, const std::vector<Value>& args) {
  namespace xsd = ledger::xsd;
  if (iri == kDistanceFunction) {
    if (args.size() != 4 || !args[0].number || !args[1].number || !args[2].number || !args[3].number) return Value::error();
    return Value::of(Number::floating(
        distance_km(args[0].number->as_double(), args[1].number->as_double(), args[2].number->as_double(), args[3].number->as_double())));
  }
  if (args.size() != 1) return Value::error();
  const Value& value = args[0];
  if (iri == xsd::string) return cast_string(value);
  if (value.kind == Value::Kind::iri || value.kind == Value::Kind::blank) return Value::error();
  if (iri == xsd::boolean) return cast_boolean(value);
  if (iri == xsd::integer) return cast_number(value, Number::Type::integer);
  if (iri == xsd::decimal) return cast_number(value, Number::Type::decimal);
  if (iri == xsd::float_) return cast_number(value, Number::Type::float_);
  if (iri == xsd::double_) return cast_number(value, Number::Type::double_);
  if (iri == xsd::date_time) return cast_moment(value, false);
  if (iri == xsd::date) return cast_moment(value, true);
  return Value::error();
}

}  // namespace agiddi::ontology::sparql
