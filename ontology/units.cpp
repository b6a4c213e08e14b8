#include "ontology/units.h"

#include "ontology/vocabulary.h"
#include "protocol/check.h"
#include "protocol/crypto/crypto.h"

namespace agiddi::ontology {
namespace embedded {
std::string_view units_csv();
}

namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string expand(std::string_view prefixed) {
  for (const Prefix& prefix : prefixes()) {
    if (prefixed.size() > prefix.name.size() && prefixed.starts_with(prefix.name) && prefixed[prefix.name.size()] == ':') {
      return std::string(prefix.iri) + std::string(prefixed.substr(prefix.name.size() + 1));
    }
  }
  AGIDDI_CHECK(false, "the unit table uses known prefixes");
}

Rational ratio(std::string_view text) {
  auto value = Rational::parse(text);
  AGIDDI_CHECK(value.has_value(), "the unit table's factors are ratios");
  return *value;
}

}  // namespace

UnitTable::UnitTable(std::string_view csv) {
  for (const auto line : split(csv, '\n')) {
    if (line.empty() || line.front() == '#') continue;
    const auto columns = split(line, ',');
    AGIDDI_CHECK(columns.size() == 8, "a line of the unit table has eight columns");
    const auto codes = split(columns[1], ' ');
    Unit unit{expand(columns[0]), std::string(columns[0].substr(columns[0].find(':') + 1)), std::string(codes.front()), std::string(columns[2]),
              std::string(columns[3]), ratio(columns[4]), ratio(columns[5]), std::string(columns[6]), expand(columns[7])};
    AGIDDI_CHECK(!unit.multiplier.is_zero() && !unit.multiplier.is_negative(), "a unit's multiplier is above zero");
    const auto [kind, fresh] = kinds_.emplace(unit.quantity_kind, unit.dimension);
    AGIDDI_CHECK(fresh || kind->second == unit.dimension, "the units of one kind have one dimension");
    AGIDDI_CHECK(by_iri_.emplace(unit.iri, units_.size()).second, "a unit stands once in the table");
    for (const auto code : codes) {
      AGIDDI_CHECK(by_ucum_.emplace(std::string(code), units_.size()).second, "a UCUM code names one unit");
    }
    units_.push_back(std::move(unit));
  }
  AGIDDI_CHECK(!units_.empty(), "the unit table has units");
}

const Unit* UnitTable::find(std::string_view name) const {
  if (const auto code = by_ucum_.find(name); code != by_ucum_.end()) return &units_[code->second];
  const auto iri = name.starts_with("unit:") ? by_iri_.find(std::string(ns::kUnit) + std::string(name.substr(5))) : by_iri_.find(name);
  return iri == by_iri_.end() ? nullptr : &units_[iri->second];
}

std::optional<std::string> UnitTable::dimension_of_kind(std::string_view quantity_kind) const {
  const auto found = kinds_.find(quantity_kind);
  if (found == kinds_.end()) return std::nullopt;
  return found->second;
}

const UnitTable& units() {
  static const UnitTable kTable(units_csv());
  return kTable;
}

std::string_view units_csv() { return embedded::units_csv(); }

Hash units_digest() {
  static const Hash kDigest = blake2b(units_csv());
  return kDigest;
}

bool commensurable(const Unit& a, const Unit& b) { return a.quantity_kind == b.quantity_kind && a.dimension == b.dimension; }

Rational to_si(const Rational& value, const Unit& unit) { return value * unit.multiplier + unit.offset; }

Rational difference_to_si(const Rational& value, const Unit& unit) { return value * unit.multiplier; }

Result<Rational> convert(const Rational& value, const Unit& from, const Unit& to) {
  if (!commensurable(from, to)) {
    return fail(Status::invalid, from.label + " (" + from.ucum + ") cannot be converted into " + to.label + " (" + to.ucum + ")");
  }
  return (to_si(value, from) - to.offset) / to.multiplier;
}

std::string si_text(const Rational& value) { return value.floor_text(kSiDigits); }

}  // namespace agiddi::ontology
