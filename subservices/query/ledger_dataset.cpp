#include "subservices/query/ledger_dataset.h"

#include <chrono>

#include "ontology/metadata.h"
#include "ontology/sparql/explain.h"
#include "ontology/sparql/graph_use.h"
#include "ontology/sparql/named_graphs.h"
#include "subservices/query/transaction_graph.h"

namespace agiddi::subservices {
namespace {

namespace sparql = ontology::sparql;
using Clock = std::chrono::steady_clock;

sparql::NamedGraphLimits graph_limits(const sparql::Limits& limits) {
  sparql::NamedGraphLimits out;
  out.time_ms = limits.time_ms;
  return out;
}

class LedgerDataset {
 public:
  LedgerDataset(const ledger::LedgerSnapshot& snapshot, const sparql::Limits& limits)
      : snapshot_(snapshot), limits_(limits), graphs_(snapshot.triples(), [&snapshot](const std::string& iri) {
          const auto id = transaction_of(iri);
          return id ? transaction_graph(snapshot, *id) : ontology::Triples();
        }, graph_limits(limits)) {}

  Result<void> choose(const sparql::GraphUse& use, std::size_t graphs_max) {
    if (use.has_dataset()) {
      // The evaluator refuses what is not there by its name.
      for (const auto* names : {&use.from, &use.from_named}) {
        for (const std::string& name : *names) offer(name, true);
      }
      return {};
    }
    if (use.variable) return all(graphs_max);
    for (const std::string& name : use.constants) offer(name, false);
    return {};
  }

  const sparql::Dataset& dataset() const { return graphs_.dataset(); }
  const std::optional<Error>& failure() const { return graphs_.failure(); }

 private:
  void offer(const std::string& name, bool current_too) {
    if (current_too && name == kCurrentGraph) return graphs_.add_store(name);
    const auto id = transaction_of(name);
    if (id && snapshot_.has_transaction(*id)) graphs_.add(name);
  }

  Result<void> all(std::size_t graphs_max) {
    const auto deadline = Clock::now() + std::chrono::milliseconds(limits_.time_ms);
    for (std::uint64_t height = snapshot_.first_block(); height <= snapshot_.height(); ++height) {
      if ((height & 255u) == 0 && Clock::now() > deadline) {
        return fail(Status::unavailable, "the query passed its time limit of " + std::to_string(limits_.time_ms) + " ms");
      }
      const auto batch = snapshot_.batch(height);
      if (!batch) continue;
      for (const Hash& id : batch->transactions) graphs_.add(ontology::transaction_iri(id));
      if (graphs_.size() > graphs_max) {
        return fail(Status::unavailable, "GRAPH with a variable would range over the graphs of all transactions, which are more than " +
                                             std::to_string(graphs_max) + ": choose some by FROM NAMED or named-graph-uri, or name one, GRAPH <urn:agiddi:transaction:…>");
      }
    }
    return {};
  }

  const ledger::LedgerSnapshot& snapshot_;
  const sparql::Limits limits_;
  sparql::NamedGraphs graphs_;
};

}  // namespace

Result<sparql::QueryResult> evaluate_on_ledger(const ledger::LedgerSnapshot& snapshot, const sparql::Query& query, const sparql::Limits& limits,
                                               sparql::CancelToken* cancel, TimeMs now, std::size_t graphs_max) {
  const sparql::GraphUse use = sparql::graph_use(query);
  if (!use.any()) return sparql::evaluate(query, sparql::Dataset(snapshot.triples()), limits, cancel, now);
  LedgerDataset graphs(snapshot, limits);
  if (auto chosen = graphs.choose(use, graphs_max); !chosen) return tl::unexpected(chosen.error());
  auto result = sparql::evaluate(query, graphs.dataset(), limits, cancel, now);
  if (graphs.failure()) return tl::unexpected(*graphs.failure());
  return result;
}

Result<std::string> explain_on_ledger(const ledger::LedgerSnapshot& snapshot, const sparql::Query& query) {
  const sparql::GraphUse use = sparql::graph_use(query);
  if (!use.any()) return sparql::explain(query, sparql::Dataset(snapshot.triples()));
  LedgerDataset graphs(snapshot, {});
  if (auto chosen = graphs.choose(use, kGraphsMax); !chosen) return tl::unexpected(chosen.error());
  auto plan = sparql::explain(query, graphs.dataset());
  if (graphs.failure()) return tl::unexpected(*graphs.failure());
  return plan;
}

}  // namespace agiddi::subservices
