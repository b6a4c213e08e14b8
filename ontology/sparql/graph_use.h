// Which named graphs a query speaks of, for a store that makes graphs only when they are asked for; and a query with another dataset than its own,
// as the SPARQL protocol's default-graph-uri and named-graph-uri choose it. Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "ontology/sparql/query.h"

namespace agiddi::ontology::sparql {

struct GraphUse {
  std::set<std::string> constants;    // GRAPH <iri>
  bool variable = false;              // GRAPH ?g
  std::vector<std::string> from, from_named;
  bool has_dataset() const { return !from.empty() || !from_named.empty(); }
  bool any() const { return variable || !constants.empty() || has_dataset(); }
};

GraphUse graph_use(const Query& query);

// The same query over these graphs; its own FROM and FROM NAMED clauses count no more (SPARQL 1.1 Protocol, section 2.1.4).
Query with_dataset(const Query& query, std::vector<std::string> from, std::vector<std::string> from_named);

}  // namespace agiddi::ontology::sparql
