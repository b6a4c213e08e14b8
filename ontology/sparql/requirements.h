// What a graph must hold for a query to have any solution: so that, of many queries, those that a small graph can concern are found without
// running all of them.
//
// Necessary, never sufficient: parts that say little by themselves (unions, sub-queries with groups, paths, filters of other kinds) demand nothing.
// Threads: a pure function of an immutable Query.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "ledger/term.h"
#include "ontology/sparql/query.h"

namespace agiddi::ontology::sparql {

// The default graph has a triple with this predicate whose object is one of these terms, or, without any, a number within [low, high].
struct Requirement {
  std::string predicate;
  std::vector<ledger::Term> any_of;
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();   // rounded outwards

  bool is_range() const { return any_of.empty(); }
};

// All of them must be met. Those that only ask for a predicate, whatever the object, are left out.
std::vector<Requirement> requirements_of(const Query& query);

}  // namespace agiddi::ontology::sparql
