// RDF terms and their 64-bit ids. A 4-bit tag, then a small value inline in an order-preserving form, or a dictionary key.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/bytes.h"

namespace agiddi::ledger {

enum class TermKind : std::uint8_t { iri, blank, literal };

// An RDF 1.1 term. datatype is empty for xsd:string and for language-tagged strings.
struct Term {
  TermKind kind = TermKind::iri;
  std::string value;      // IRI, blank node label, or lexical form
  std::string datatype;   // full IRI
  std::string language;   // lower case
  friend auto operator<=>(const Term&, const Term&) = default;

  static Term iri(std::string value) { return {TermKind::iri, std::move(value), {}, {}}; }
  static Term blank(std::string label) { return {TermKind::blank, std::move(label), {}, {}}; }
  static Term literal(std::string value) { return {TermKind::literal, std::move(value), {}, {}}; }
  static Term typed(std::string value, std::string datatype);
  static Term tagged(std::string value, std::string language);
  bool is_iri() const { return kind == TermKind::iri; }
  bool is_literal() const { return kind == TermKind::literal; }
};

struct Triple {
  Term subject, predicate, object;
  friend auto operator<=>(const Triple&, const Triple&) = default;
};

// One whose terms stand elsewhere.
struct TripleView {
  const Term *subject, *predicate, *object;
};

std::string ntriples(const Term& term);      // canonical N-Triples
std::string ntriples(const Triple& triple);  // with " .", no newline

using TermId = std::uint64_t;
inline constexpr TermId kNoTerm = 0;         // unbound, or "not in this store"

namespace xsd {
inline constexpr std::string_view kNamespace = "http://www.w3.org/2001/XMLSchema#";
inline const std::string string = "http://www.w3.org/2001/XMLSchema#string";
inline const std::string boolean = "http://www.w3.org/2001/XMLSchema#boolean";
inline const std::string integer = "http://www.w3.org/2001/XMLSchema#integer";
inline const std::string decimal = "http://www.w3.org/2001/XMLSchema#decimal";
inline const std::string float_ = "http://www.w3.org/2001/XMLSchema#float";
inline const std::string double_ = "http://www.w3.org/2001/XMLSchema#double";
inline const std::string date_time = "http://www.w3.org/2001/XMLSchema#dateTime";
inline const std::string date = "http://www.w3.org/2001/XMLSchema#date";
}  // namespace xsd

}  // namespace agiddi::ledger
