// The query sub-service (API.md step 2): search conditions -> SPARQL -> devices with their public metadata.
//
// Threads: every function may run on any thread; what it reads is the immutable triple source of one block height. The texts, which several services and
// threads may share, outlive it.
// Errors: 422 with JSON pointers for bad conditions, a foreign or damaged cursor; 503 when the query passes its limits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ledger/triple_source.h"
#include "ontology/sparql/evaluator.h"
#include "protocol/json.h"
#include "subservices/query/conditions.h"
#include "subservices/query/device_texts.h"

namespace agiddi::subservices {

class QueryService {
 public:
  // Without texts the metadata of every device is made anew; answers are the same.
  explicit QueryService(ontology::sparql::Limits limits = {}, DeviceTexts* texts = nullptr) : limits_(limits), texts_(texts) {}

  // POST /v1/query, as JSON text: {"sparql","devices":[{"id","version","metadata","distanceKm"?}],"next"?,"height"?}. The SPARQL text run at /sparql
  // on the same state selects the same devices in the same order. height: that of the state, where the answer is to say it.
  Result<std::string> search(const Json& body, const ledger::TripleSource& triples) const;
  Result<std::string> search(const SearchPlan& plan, const ledger::TripleSource& triples, std::optional<std::uint64_t> height = {}) const;

  // GET /v1/query/attributes: {"attributes":[{"name","type","iri","operators","orderBy"}]}.
  static Json attributes();

 private:
  ontology::sparql::Limits limits_;
  DeviceTexts* texts_;
};

}  // namespace agiddi::subservices
