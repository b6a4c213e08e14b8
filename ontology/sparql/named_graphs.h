// A dataset whose named graphs are made when a query first reads them: the default graph stands in a store, the others are given as terms by a
// function, are indexed in memory within bounds and forgotten again. Terms that the store does not know get ids of this dataset's own.
//
// Threads: one, that of the query. Ownership: the store outlives this, this outlives the evaluation. Errors: past a bound every graph reads as empty, so
// that the query soon ends, and failure() says why: whoever evaluates must look there before using the result.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ontology/sparql/evaluator.h"

namespace agiddi::ontology::sparql {

struct NamedGraphLimits {
  std::int64_t time_ms = 10'000;
  std::size_t triples_cached = 250'000;          // of graphs that were read and may be read again: 72 bytes each
  std::size_t triples_live = 1'000'000;          // those that scans under way still hold included
  std::size_t terms_bytes = 64 * 1024 * 1024;    // of terms that the store's dictionary lacks
};

class NamedGraphs {
 public:
  using Load = std::function<std::vector<ledger::Triple>(const std::string& iri)>;

  NamedGraphs(const ledger::TripleSource& store, Load load, const NamedGraphLimits& limits = {});
  ~NamedGraphs();
  NamedGraphs(const NamedGraphs&) = delete;
  NamedGraphs& operator=(const NamedGraphs&) = delete;

  void add(const std::string& iri);              // a graph that load gives
  void add_store(const std::string& iri);        // the store itself under a name
  std::size_t size() const;
  const Dataset& dataset() const;
  const std::optional<Error>& failure() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agiddi::ontology::sparql
