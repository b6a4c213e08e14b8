// A term as expressions see it: the term and, for the datatypes that SPARQL knows, its value.
#pragma once

#include <optional>
#include <string>

#include "ledger/term.h"
#include "ontology/sparql/moment.h"
#include "ontology/sparql/number.h"

namespace agiddi::ontology::sparql {

struct Value {
  enum class Kind : std::uint8_t {
    error,      // a type error, or an unbound variable
    iri, blank,
    string,     // xsd:string
    tagged,     // with a language
    boolean, number, date_time, date, time,
    other,      // a datatype that is not known, or a lexical form that is not of its datatype
  };
  Kind kind = Kind::error;
  bool boolean = false;
  ledger::Term term;                        // of a computed number it is empty until term_of() makes it
  std::optional<Number> number;
  std::optional<Moment> moment;
  ledger::TermId id = ledger::kNoTerm;      // when it was read from a row

  bool is_error() const { return kind == Kind::error; }
  bool is_literal() const { return kind >= Kind::string; }
  bool is_stringlike() const { return kind == Kind::string || kind == Kind::tagged; }
  const std::string& text() const { return term.value; }  // of stringlike values and IRIs

  static Value error() { return {}; }
  static Value of(const ledger::Term& term);
  static Value of(bool value);
  static Value of(Number number);
  static Value of(std::optional<Number> number) { return number ? of(*std::move(number)) : error(); }
  static Value string(std::string text);
  static Value like(const Value& model, std::string text);  // with the language of the model, if it has one
  static Value iri(std::string text);
};

ledger::Term term_of(const Value& value);       // value is no error
std::string datatype_of(const Value& literal);  // full IRI; rdf:langString for tagged ones
std::string lexical_of(const Value& value);     // what STR gives; value is no error and no blank node

// Effective boolean value (17.2.2); nothing is a type error.
std::optional<bool> effective_boolean(const Value& value);
// "=" (17.3): nothing is a type error.
std::optional<bool> equal(const Value& a, const Value& b);
// "<" and the others: nothing is a type error; unordered compares false with everything (NaN).
std::optional<std::partial_ordering> compare(const Value& a, const Value& b);
// ORDER BY (15.1): errors and unbound first, then blank nodes, IRIs, literals; total.
std::strong_ordering sort_order(const Value& a, const Value& b);
bool same_term(const Value& a, const Value& b);

}  // namespace agiddi::ontology::sparql
