// The unit table: an excerpt of QUDT units with exact rational factors (ontology/data/units.csv, see its README). Every validator
// converts with the same table: its digest stands in genesis.
//
// Threads: units() is immutable after its first use and safe everywhere. Errors: a broken built-in table aborts; an unknown unit or
// incompatible units give Status::invalid.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/rational.h"

namespace agiddi::ontology {

// value in the reference unit = value * multiplier + offset. The reference unit of a quantity kind is the coherent SI unit, except
// where the ratio to it is irrational or logarithmic (plane angle: the degree; levels: the decibel; pH).
struct Unit {
  std::string iri;            // "http://qudt.org/vocab/unit/DEG_C"
  std::string name;           // "DEG_C"
  std::string ucum;           // "Cel"
  std::string symbol;         // "°C"
  std::string label;          // "degree Celsius"
  Rational multiplier, offset;
  std::string dimension;      // QUDT dimension vector, "A0E0L0I0M0H1T0D0"
  std::string quantity_kind;  // IRI; units convert into each other when kind and dimension are the same
};

class UnitTable {
 public:
  explicit UnitTable(std::string_view csv);
  // By IRI, by "unit:DEG_C" or by UCUM code; nullptr when the table has none.
  const Unit* find(std::string_view name) const;
  const std::vector<Unit>& all() const { return units_; }
  // The dimension vector of a quantity kind's units; nothing when the table has no unit of that kind.
  std::optional<std::string> dimension_of_kind(std::string_view quantity_kind) const;

 private:
  std::vector<Unit> units_;
  std::map<std::string, std::size_t, std::less<>> by_iri_, by_ucum_;
  std::map<std::string, std::string, std::less<>> kinds_;
};

const UnitTable& units();
std::string_view units_csv();
Hash units_digest();                    // BLAKE2b-256 of the file's bytes: Genesis::units_digest

bool commensurable(const Unit& a, const Unit& b);
Rational to_si(const Rational& value, const Unit& unit);              // into the reference unit of its kind
Rational difference_to_si(const Rational& value, const Unit& unit);   // a difference, such as an accuracy: no offset
Result<Rational> convert(const Rational& value, const Unit& from, const Unit& to);

// Digits kept of a reference-unit value in the triples: enough that two different declared values (Decimal's bounds) in any two units
// of one kind keep different texts, in their order. units_test proves it for the whole table.
inline constexpr int kSiDigits = 56;
std::string si_text(const Rational& value);   // floor_text(kSiDigits)

}  // namespace agiddi::ontology
