// Star: writes the triples of one subject. Private to the ontology floor.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ledger/term.h"
#include "ontology/vocabulary.h"
#include "protocol/time.h"

namespace agiddi::ontology {

class Star {
 public:
  Star(std::vector<ledger::Triple>& out, std::string subject) : out_(out), subject_(ledger::Term::iri(std::move(subject))) {}

  void iri(std::string_view space, std::string_view predicate, std::string_view value) { add(space, predicate, ledger::Term::iri(std::string(value))); }
  void iri(std::string_view space, std::string_view predicate, std::string_view value_space, std::string_view value) {
    add(space, predicate, ledger::Term::iri(joined(value_space, value)));
  }
  void text(std::string_view space, std::string_view predicate, std::string value) {
    add(space, predicate, ledger::Term::literal(std::move(value)));
  }
  void decimal(std::string_view space, std::string_view predicate, std::string value) {
    add(space, predicate, ledger::Term::typed(std::move(value), ledger::xsd::decimal));
  }
  void integer(std::string_view space, std::string_view predicate, std::uint64_t value) {
    add(space, predicate, ledger::Term::typed(std::to_string(value), ledger::xsd::integer));
  }
  void boolean(std::string_view space, std::string_view predicate, bool value) {
    add(space, predicate, ledger::Term::typed(value ? "true" : "false", ledger::xsd::boolean));
  }
  void time(std::string_view space, std::string_view predicate, TimeMs value) {
    add(space, predicate, ledger::Term::typed(time_text(value), ledger::xsd::date_time));
  }

 private:
  void add(std::string_view space, std::string_view predicate, ledger::Term object) {
    out_.push_back({subject_, ledger::Term::iri(joined(space, predicate)), std::move(object)});
  }
  static std::string joined(std::string_view one, std::string_view two) {
    std::string text;
    text.reserve(one.size() + two.size());
    return text.append(one).append(two);
  }

  std::vector<ledger::Triple>& out_;
  ledger::Term subject_;
};

}  // namespace agiddi::ontology
