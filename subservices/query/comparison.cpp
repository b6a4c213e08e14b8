#include "subservices/query/comparison.h"

#include <algorithm>

#include "ledger/term.h"
#include "ontology/units.h"
#include "ontology/vocabulary.h"
#include "protocol/field_reader.h"
#include "protocol/identity.h"
#include "protocol/spelling.h"
#include "protocol/time.h"

namespace agiddi::subservices {
namespace {

constexpr std::size_t kListMax = 100;
constexpr std::size_t kTextMax_bytes = 800;
// A normalised price has at most 18 decimals, rounded down; with fewer decimals in the condition a comparison is exact nevertheless.
constexpr int kPriceDecimalsMax = 16;

bool takes_order(AttributeKind kind) {
  const auto operators = operators_of(kind);
  return std::find(operators.begin(), operators.end(), "<") != operators.end();
}

const char* symbol(Operator op) {
  switch (op) {
    case Operator::equal: return "=";
    case Operator::not_equal: return "!=";
    case Operator::less: return "<";
    case Operator::less_equal: return "<=";
    case Operator::greater: return ">";
    case Operator::greater_equal: return ">=";
    case Operator::between: break;
  }
  return "";
}

// Cuts a leading operator off.
Operator take_operator(std::string_view& text) {
  for (const Operator op : {Operator::less_equal, Operator::greater_equal, Operator::not_equal, Operator::less, Operator::greater}) {
    if (!text.starts_with(symbol(op))) continue;
    text.remove_prefix(std::string_view(symbol(op)).size());
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    return op;
  }
  return Operator::equal;
}

// A unit may be known by its symbol, its name or its label too; here it is to be written as its UCUM code.
std::string unit_question(std::string_view text) {
  Spelling spelling(text);
  for (const auto& unit : ontology::units().all()) {
    for (const std::string* name : {&unit.ucum, &unit.symbol, &unit.name, &unit.label}) spelling.offer(*name, unit.ucum);
  }
  return spelling.question();
}

template <class Named>   // by IRI
std::string name_question(std::string_view text, const std::map<std::string, Named, std::less<>>& known) {
  Spelling spelling(text.substr(text.starts_with("agiddi:") ? 7 : 0));
  for (const auto& [iri, named] : known) {
    for (const std::string* name : {&named.name, &named.label}) spelling.offer(*name, named.name);
  }
  return spelling.question();
}

class Reader {
 public:
  Reader(const Attribute& attribute, std::vector<FieldError>& errors) : attribute_(attribute), errors_(errors) {}

  std::vector<Comparison> read(const Json& value, const std::string& pointer) {
    const std::size_t before = errors_.size();
    std::vector<Comparison> out;
    if (value.is_array()) {
      if (value.items().empty() || value.items().size() > kListMax) {
        error(pointer, "must have 1 to " + std::to_string(kListMax) + " items");
      } else {
        for (std::size_t i = 0; i < value.items().size(); ++i) read_one(value.items()[i], pointer_index(pointer, i), out);
      }
    } else {
      read_one(value, pointer, out);
    }
    if (errors_.size() != before) out.clear();
    return out;
  }

 private:
  void error(const std::string& pointer, std::string detail) { errors_.push_back({pointer, std::move(detail)}); }

  void read_one(const Json& value, const std::string& pointer, std::vector<Comparison>& out) {
    if (value.is_object() && takes_order(attribute_.kind)) return read_bounds(value, pointer, out);
    if (value.is_number()) {
      if (auto operand = read_operand(value.number_text(), true, pointer)) out.push_back({Operator::equal, std::move(operand), {}, {}});
      return;
    }
    if (!value.is_string()) return error(pointer, std::string("must be a value, a list of values") +
                                                      (takes_order(attribute_.kind) ? " or {\"min\",\"max\"}" : "") + ", not " + value.type_name());
    std::string_view text = value.as_string();
    if (text.size() > kTextMax_bytes) return error(pointer, "is too long");
    const Operator op = attribute_.kind == AttributeKind::text ? Operator::equal : take_operator(text);
    if (op != Operator::equal && op != Operator::not_equal && !takes_order(attribute_.kind)) {
      return error(pointer, std::string("cannot be compared with ") + symbol(op) + "; operators here are = and !=");
    }
    if (auto operand = read_operand(text, false, pointer)) out.push_back({op, std::move(operand), {}, {}});
  }

  void read_bounds(const Json& value, const std::string& pointer, std::vector<Comparison>& out) {
    Comparison comparison{Operator::between, {}, {}, {}};
    FieldReader reader(value, pointer, errors_);
    for (const bool low : {true, false}) {
      const char* name = low ? "min" : "max";
      const Json* bound = reader.optional(name);
      if (!bound) continue;
      auto& into = low ? comparison.min : comparison.max;
      if (bound->is_number()) {
        into = read_operand(bound->number_text(), true, reader.pointer(name));
      } else if (bound->is_string() && bound->as_string().size() <= kTextMax_bytes) {
        into = read_operand(bound->as_string(), false, reader.pointer(name));
      } else {
        reader.error(name, "must be a number or a string that holds one");
      }
    }
    reader.finish();
    if (value.members().empty()) error(pointer, "needs min, max or both");
    if (comparison.min && comparison.max && above(*comparison.min, *comparison.max)) return error(pointer_member(pointer, "min"), "must not be above max");
    if (comparison.min || comparison.max) out.push_back(std::move(comparison));
  }

  // Of two of one kind: times, whose text orders like they do, or numbers in one unit, as far as they are short.
  static bool above(const Operand& low, const Operand& high) {
    if (low.quantity_kind != high.quantity_kind) return false;
    const auto a = Decimal::parse(low.text), b = Decimal::parse(high.text);
    if (low.text.ends_with("xsd:dateTime") && high.text.ends_with("xsd:dateTime")) return low.text > high.text;
    return a && b && *a > *b;
  }

  std::optional<Operand> read_operand(std::string_view text, bool number, const std::string& pointer) {
    switch (attribute_.kind) {
      case AttributeKind::number:
      case AttributeKind::measure:
      case AttributeKind::range: return read_measure(text, pointer);
      case AttributeKind::price: return read_price(text, pointer);
      default: break;
    }
    if (number) return error(pointer, "must be a string, not a number"), std::nullopt;
    if (text.empty()) return error(pointer, "must not be empty"), std::nullopt;
    switch (attribute_.kind) {
      case AttributeKind::type: {
        const auto* type = ontology::vocabulary().device_type(text);
        if (type) return Operand{ontology::compact_iri(type->iri), {}};
        return read_foreign(text, "device type", ontology::vocabulary().device_types(), pointer);
      }
      case AttributeKind::property: {
        const auto* property = ontology::vocabulary().observed_property(text);
        if (property) return Operand{ontology::compact_iri(property->iri), {}};
        return read_foreign(text, "observable property", ontology::vocabulary().observed_properties(), pointer);
      }
      case AttributeKind::unit:
        if (const auto* unit = ontology::units().find(text)) return Operand{ontology::compact_iri(unit->iri), {}};
        return error(pointer, "is no unit that is known here: give a QUDT unit IRI or its UCUM code" + unit_question(text)), std::nullopt;
      case AttributeKind::provider:
        if (key_from_did(text)) return Operand{ontology::compact_iri(text), {}};
        return error(pointer, "must be a did:key of an Ed25519 key"), std::nullopt;
      case AttributeKind::time:
        if (const auto time = time_from_text(text)) return Operand{sparql_time(time_text(*time)), {}};
        return error(pointer, "must be a time as in RFC 3339, such as 2026-01-31T08:00:00Z"), std::nullopt;
      default: return Operand{sparql_literal(text), {}};
    }
  }

  // What the ontology does not name may be a name of another.
  template <class Named>
  std::optional<Operand> read_foreign(std::string_view text, const char* what, const std::map<std::string, Named, std::less<>>& known, const std::string& pointer) {
    if (ontology::is_full_iri(text) && !text.starts_with(ontology::ns::kAgiddi)) return Operand{ontology::compact_iri(text), {}};
    error(pointer, std::string("is no ") + what + " of the ontology (see /ontology) and no full IRI" + name_question(text, known));
    return std::nullopt;
  }

  // "100", "-5.5 Cel", "212 http://qudt.org/vocab/unit/DEG_F".
  std::optional<Operand> read_measure(std::string_view text, const std::string& pointer) {
    const auto space = text.find(' ');
    const auto value = Decimal::parse(text.substr(0, space));
    if (!value) return error(pointer, number_error(value.error().detail)), std::nullopt;
    if (space == std::string_view::npos) return Operand{value->text(), {}};
    auto name = text.substr(space);
    name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
    const auto* unit = ontology::units().find(name);
    if (!unit) return error(pointer, "names a unit that is not known here: give a UCUM code or a QUDT unit IRI behind the number" + unit_question(name)), std::nullopt;
    if (attribute_.kind == AttributeKind::number) {
      if (!unit->quantity_kind.ends_with("/Time")) return error(pointer, "must be a time: " + unit->label + " is none"), std::nullopt;
      return Operand{ontology::si_text(ontology::to_si(*value, *unit)), {}};
    }
    const bool difference = attribute_.name == "sensor.accuracy";
    const Rational si = difference ? ontology::difference_to_si(*value, *unit) : ontology::to_si(*value, *unit);
    return Operand{ontology::si_text(si), ontology::compact_iri(unit->quantity_kind)};
  }

  std::optional<Operand> read_price(std::string_view text, const std::string& pointer) {
    const auto value = Decimal::parse(text);
    if (!value) return error(pointer, number_error(value.error().detail)), std::nullopt;
    if (value->scale() > kPriceDecimalsMax) {
      return error(pointer, "must have at most " + std::to_string(kPriceDecimalsMax) + " decimals"), std::nullopt;
    }
    return Operand{value->text(), {}};
  }

  std::string number_error(const std::string& detail) const {
    return "must be a number, if need be behind an operator" +
           std::string(attribute_.kind == AttributeKind::price ? "" : " and before a space and a unit") + ": " + detail;
  }

  const Attribute& attribute_;
  std::vector<FieldError>& errors_;
};

}  // namespace

std::vector<Comparison> read_comparisons(const Attribute& attribute, const Json& value, const std::string& pointer,
                                         std::vector<FieldError>& errors) {
  return Reader(attribute, errors).read(value, pointer);
}

std::string sparql_literal(std::string_view text) { return ledger::ntriples(ledger::Term::literal(std::string(text))); }

std::string sparql_time(std::string_view text) { return sparql_literal(text) + "^^xsd:dateTime"; }

}  // namespace agiddi::subservices
