#include "ontology/sparql/value.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace agiddi::ontology::sparql {

using ledger::Term;
using ledger::TermKind;

namespace {

const std::string kLangString = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString";
const std::string kTime = "http://www.w3.org/2001/XMLSchema#time";

enum class Datatype { boolean, integer, decimal, float_, double_, date_time, date, time };

// Name after the XML Schema namespace. The integers are derived types: same values, a narrower range.
struct Known {
  Datatype datatype;
  std::optional<std::string_view> least, most;
};
const std::unordered_map<std::string_view, Known>& known_types() {
  static const std::unordered_map<std::string_view, Known> kTypes = {
      {"boolean", {Datatype::boolean, {}, {}}},
      {"decimal", {Datatype::decimal, {}, {}}},
      {"float", {Datatype::float_, {}, {}}},
      {"double", {Datatype::double_, {}, {}}},
      {"dateTime", {Datatype::date_time, {}, {}}},
      {"date", {Datatype::date, {}, {}}},
      {"time", {Datatype::time, {}, {}}},
      {"integer", {Datatype::integer, {}, {}}},
      {"nonPositiveInteger", {Datatype::integer, {}, "0"}},
      {"negativeInteger", {Datatype::integer, {}, "-1"}},
      {"nonNegativeInteger", {Datatype::integer, "0", {}}},
      {"positiveInteger", {Datatype::integer, "1", {}}},
      {"long", {Datatype::integer, "-9223372036854775808", "9223372036854775807"}},
      {"int", {Datatype::integer, "-2147483648", "2147483647"}},
      {"short", {Datatype::integer, "-32768", "32767"}},
      {"byte", {Datatype::integer, "-128", "127"}},
      {"unsignedLong", {Datatype::integer, "0", "18446744073709551615"}},
      {"unsignedInt", {Datatype::integer, "0", "4294967295"}},
      {"unsignedShort", {Datatype::integer, "0", "65535"}},
      {"unsignedByte", {Datatype::integer, "0", "255"}},
  };
  return kTypes;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t' || text.front() == '\n' || text.front() == '\r')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

const std::string& number_datatype(Number::Type type) {
  switch (type) {
    case Number::Type::integer: return ledger::xsd::integer;
    case Number::Type::decimal: return ledger::xsd::decimal;
    case Number::Type::float_: return ledger::xsd::float_;
    case Number::Type::double_: break;
  }
  return ledger::xsd::double_;
}

void interpret(Value& value, const Known& known) {
  const std::string_view text = trimmed(value.term.value);
  switch (known.datatype) {
    case Datatype::boolean:
      if (text == "true" || text == "1" || text == "false" || text == "0") {
        value.kind = Value::Kind::boolean;
        value.boolean = text == "true" || text == "1";
      }
      return;
    case Datatype::integer:
      value.number = parse_integer(text);
      if (value.number && ((known.least && compare(*value.number, *parse_integer(*known.least)) < 0) ||
                           (known.most && compare(*value.number, *parse_integer(*known.most)) > 0))) {
        value.number.reset();
      }
      break;
    case Datatype::decimal: value.number = parse_decimal(text); break;
    case Datatype::float_: value.number = parse_float(text); break;
    case Datatype::double_: value.number = parse_double(text); break;
    case Datatype::date_time: value.moment = parse_date_time(text); break;
    case Datatype::date: value.moment = parse_date(text); break;
    case Datatype::time: value.moment = parse_time(text); break;
  }
  if (value.number) value.kind = Value::Kind::number;
  if (value.moment) {
    value.kind = known.datatype == Datatype::date_time ? Value::Kind::date_time
                 : known.datatype == Datatype::date    ? Value::Kind::date
                                                       : Value::Kind::time;
  }
}

}  // namespace

Value Value::of(const Term& term) {
  Value value;
  value.term = term;
  switch (term.kind) {
    case TermKind::iri: value.kind = Kind::iri; return value;
    case TermKind::blank: value.kind = Kind::blank; return value;
    case TermKind::literal: break;
  }
  if (!term.language.empty()) {
    value.kind = Kind::tagged;
  } else if (term.datatype.empty() || term.datatype == ledger::xsd::string) {
    value.kind = Kind::string;
  } else {
    value.kind = Kind::other;
    const std::string_view datatype = term.datatype;
    if (datatype.starts_with(ledger::xsd::kNamespace)) {
      const auto found = known_types().find(datatype.substr(ledger::xsd::kNamespace.size()));
      if (found != known_types().end()) interpret(value, found->second);
    }
  }
  return value;
}

Value Value::of(bool boolean) {
  Value value;
  value.kind = Kind::boolean;
  value.boolean = boolean;
  value.term = Term{TermKind::literal, boolean ? "true" : "false", ledger::xsd::boolean, {}};
  return value;
}

Value Value::of(Number number) {
  Value value;
  value.kind = Kind::number;
  value.term.kind = TermKind::literal;
  value.number = std::move(number);
  return value;
}

Value Value::string(std::string text) {
  Value value;
  value.kind = Kind::string;
  value.term = Term{TermKind::literal, std::move(text), {}, {}};
  return value;
}

Value Value::like(const Value& model, std::string text) {
  Value value = string(std::move(text));
  if (model.kind == Kind::tagged) {
    value.kind = Kind::tagged;
    value.term.language = model.term.language;
  }
  return value;
}

Value Value::iri(std::string text) {
  Value value;
  value.kind = Kind::iri;
  value.term = Term{TermKind::iri, std::move(text), {}, {}};
  return value;
}

Term term_of(const Value& value) {
  if (value.kind == Value::Kind::number && value.term.datatype.empty()) {
    return Term{TermKind::literal, value.number->text(), number_datatype(value.number->type), {}};
  }
  return value.term;
}

std::string datatype_of(const Value& literal) {
  if (literal.kind == Value::Kind::tagged) return kLangString;
  if (literal.kind == Value::Kind::string) return ledger::xsd::string;
  if (literal.kind == Value::Kind::number && literal.term.datatype.empty()) return number_datatype(literal.number->type);
  return literal.term.datatype;
}

std::string lexical_of(const Value& value) { return term_of(value).value; }

std::optional<bool> effective_boolean(const Value& value) {
  switch (value.kind) {
    case Value::Kind::boolean: return value.boolean;
    case Value::Kind::number: return !value.number->is_zero_or_nan();
    case Value::Kind::string:
    case Value::Kind::tagged: return !value.term.value.empty();
    case Value::Kind::other: {
      // An invalid boolean or number counts as false (17.2.2).
      const std::string_view datatype = value.term.datatype;
      if (!datatype.starts_with(ledger::xsd::kNamespace)) return std::nullopt;
      const auto found = known_types().find(datatype.substr(ledger::xsd::kNamespace.size()));
      if (found == known_types().end() || found->second.datatype >= Datatype::date_time) return std::nullopt;
      return false;
    }
    default: return std::nullopt;
  }
}

bool same_term(const Value& a, const Value& b) { return term_of(a) == term_of(b); }

std::optional<bool> equal(const Value& a, const Value& b) {
  using Kind = Value::Kind;
  if (a.is_error() || b.is_error()) return std::nullopt;
  if (a.id != ledger::kNoTerm && a.id == b.id && a.kind != Kind::number) return true;
  if (!a.is_literal() || !b.is_literal()) return a.kind == b.kind && a.term.value == b.term.value;
  if (a.kind == b.kind) {
    switch (a.kind) {
      case Kind::string: return a.term.value == b.term.value;
      case Kind::tagged: return a.term == b.term;
      case Kind::boolean: return a.boolean == b.boolean;
      case Kind::number: return compare(*a.number, *b.number) == 0;
      case Kind::date_time:
      case Kind::date:
      case Kind::time: {
        const auto order = compare(*a.moment, *b.moment);
        if (order == std::partial_ordering::unordered) return std::nullopt;
        return order == 0;
      }
      default: break;
    }
  }
  if (a.term == b.term && a.kind == b.kind) return true;
  // Two different literals are known to differ only when both have a value that is known.
  // Nothing but a language-tagged literal equals one, so those are known as well.
  if (a.kind == Kind::tagged || b.kind == Kind::tagged) return false;
  if (a.kind == Kind::other || b.kind == Kind::other) return std::nullopt;
  return false;
}

std::optional<std::partial_ordering> compare(const Value& a, const Value& b) {
  using Kind = Value::Kind;
  if (a.kind != b.kind) return std::nullopt;
  switch (a.kind) {
    case Kind::number: return compare(*a.number, *b.number);
    case Kind::string: return a.term.value.compare(b.term.value) <=> 0;
    case Kind::boolean: return static_cast<int>(a.boolean) <=> static_cast<int>(b.boolean);
    case Kind::date_time:
    case Kind::date:
    case Kind::time: {
      const auto order = compare(*a.moment, *b.moment);
      if (order == std::partial_ordering::unordered) return std::nullopt;
      return order;
    }
    default: return std::nullopt;
  }
}

std::strong_ordering sort_order(const Value& a, const Value& b) {
  using Kind = Value::Kind;
  auto rank = [](const Value& v) -> int {
    switch (v.kind) {
      case Kind::error: return 0;
      case Kind::blank: return 1;
      case Kind::iri: return 2;
      case Kind::number: return 3;
      case Kind::string: return 4;
      case Kind::tagged: return 5;
      case Kind::boolean: return 6;
      case Kind::date_time: return 7;
      case Kind::date: return 8;
      case Kind::time: return 9;
      case Kind::other: break;
    }
    return 10;
  };
  if (const auto order = rank(a) <=> rank(b); order != 0) return order;
  switch (a.kind) {
    case Kind::error: return std::strong_ordering::equal;
    case Kind::number: {
      const auto order = compare(*a.number, *b.number);
      if (order < 0) return std::strong_ordering::less;
      if (order > 0) return std::strong_ordering::greater;
      if (order == 0) return std::strong_ordering::equal;
      // NaN after every number.
      const bool a_nan = !a.number->exact() && a.number->real != a.number->real;
      const bool b_nan = !b.number->exact() && b.number->real != b.number->real;
      return static_cast<int>(a_nan) <=> static_cast<int>(b_nan);
    }
    case Kind::boolean: return static_cast<int>(a.boolean) <=> static_cast<int>(b.boolean);
    case Kind::date_time:
    case Kind::date:
    case Kind::time: return total_order(*a.moment, *b.moment);
    default: break;
  }
  return a.term <=> b.term;
}

}  // namespace agiddi::ontology::sparql
