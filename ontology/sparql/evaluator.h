// Runs a Query against a Dataset within limits, and gives terms.
//
// Threads: evaluate() is pure towards its arguments; any number of threads may run the same Query on the same Dataset. CancelToken is
// the one thing that another thread may touch while a query runs. Ownership: the Dataset refers to its sources, which must outlive
// the call. Errors: Status::unavailable when a limit was passed or the query was cancelled, naming which; Status::invalid when FROM names
// a graph that the dataset does not have.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ledger/triple_source.h"
#include "ontology/sparql/query.h"
#include "protocol/result.h"
#include "protocol/time.h"

namespace agiddi::ontology::sparql {

struct Limits {
  std::int64_t time_ms = 10'000;
  std::size_t memory_bytes = 256 * 1024 * 1024;  // bindings held by sorts, groups, hash tables, and the result itself
  std::size_t rows = 1'000'000;                  // rows (or triples) of the result
};

class CancelToken {
 public:
  // above: whose cancelling cancels this one too; must outlive it.
  explicit CancelToken(const CancelToken* above = nullptr) : above_(above) {}
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed) || (above_ != nullptr && above_->cancelled()); }

 private:
  const CancelToken* above_;
  std::atomic<bool> cancelled_{false};
};

// A default graph and any number of named graphs. All of them must share one dictionary: the same term has the same id in each.
class Dataset {
 public:
  explicit Dataset(const ledger::TripleSource& default_graph) : default_graph_(&default_graph) {}
  void add_graph(std::string iri, const ledger::TripleSource& graph) { named_.insert_or_assign(std::move(iri), &graph); }

  const ledger::TripleSource& default_graph() const { return *default_graph_; }
  const std::map<std::string, const ledger::TripleSource*>& named_graphs() const { return named_; }

 private:
  const ledger::TripleSource* default_graph_;
  std::map<std::string, const ledger::TripleSource*> named_;
};

struct QueryResult {
  QueryForm form = QueryForm::select;
  std::vector<std::string> variables;                          // SELECT: the columns, without the question mark
  std::vector<std::vector<std::optional<ledger::Term>>> rows;  // SELECT: one entry a column, empty = unbound
  bool boolean = false;                                        // ASK
  std::vector<ledger::Triple> triples;                         // CONSTRUCT, DESCRIBE: a set, in a stable order
  std::uint64_t triples_read = 0;                              // what the scans visited
  std::size_t memory_peak_bytes = 0;
};

// now: what NOW() gives. cancel may be null.
Result<QueryResult> evaluate(const Query& query, const Dataset& dataset, const Limits& limits = {}, CancelToken* cancel = nullptr,
                             TimeMs now = 0);

}  // namespace agiddi::ontology::sparql
