// The query sub-service (API.md step 2): search conditions -> SPARQL -> devices with their public metadata.
//
// Threads: stateless, every function may run on any thread; what it reads is the immutable triple source of one block height.
// Errors: 422 with JSON pointers for bad conditions, a foreign or damaged cursor; 503 when the query passes its limits.
#pragma once

#include <string>

#include "ledger/triple_source.h"
#include "ontology/sparql/evaluator.h"
#include "protocol/json.h"
#include "subservices/query/conditions.h"

namespace agiddi::subservices {

class QueryService {
 public:
  explicit QueryService(ontology::sparql::Limits limits = {}) : limits_(limits) {}

  // POST /v1/query: {"sparql","devices":[{"id","version","metadata"}],"next"?}. The SPARQL text run at /sparql on the same state
  // selects the same devices in the same order.
  Result<Json> search(const Json& body, const ledger::TripleSource& triples) const;
  Result<Json> search(const SearchPlan& plan, const ledger::TripleSource& triples) const;

  // GET /v1/query/attributes: {"attributes":[{"name","type","iri","operators","orderBy"}]}.
  static Json attributes();

 private:
  ontology::sparql::Limits limits_;
};

}  // namespace agiddi::subservices
