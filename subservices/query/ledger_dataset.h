// SPARQL over the ledger at one height. The default graph is what holds now: the metadata of devices, payments, accesses, usage. The named graphs are the
// transactions, urn:agiddi:transaction:<id> (transaction_graph.h); GRAPH with a variable ranges over those whose blocks are here. FROM and FROM NAMED
// choose among them, and may also name the default graph: kCurrentGraph.
//
// A query that speaks of no named graph runs on the store itself and pays nothing for them. Any thread; the snapshot must outlive the call. Errors: as
// sparql::evaluate(), and Status::unavailable when GRAPH would range over more graphs than kGraphsMax.
#pragma once

#include <string_view>

#include "ledger/ledger.h"
#include "ontology/sparql/evaluator.h"

namespace agiddi::subservices {

inline constexpr std::string_view kCurrentGraph = "urn:agiddi:graph:current";
// A GRAPH with a variable tries each for each solution around it: the bound keeps the steps between two looks at the clock short.
inline constexpr std::size_t kGraphsMax = 20'000;

Result<ontology::sparql::QueryResult> evaluate_on_ledger(const ledger::LedgerSnapshot& snapshot, const ontology::sparql::Query& query,
                                                         const ontology::sparql::Limits& limits = {}, ontology::sparql::CancelToken* cancel = nullptr,
                                                         TimeMs now = 0, std::size_t graphs_max = kGraphsMax);
// The plan as text (sparql/explain.h).
Result<std::string> explain_on_ledger(const ledger::LedgerSnapshot& snapshot, const ontology::sparql::Query& query);

}  // namespace agiddi::subservices
