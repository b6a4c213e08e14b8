// Finds, of many standing queries, those that a device can concern: each is filed under the rarest of its demands, a pair of predicate and object or a
// range of numbers, and a look-up visits only the files that the device's own pairs and numbers lead to.
//
// A demand is necessary, never sufficient (ontology/sparql/requirements.h): who is found is then asked exactly. Threads: one at a time.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ledger/triple_source.h"
#include "ontology/sparql/requirements.h"
#include "ontology/sparql/small_graph.h"

namespace agiddi::subservices {

using Digest = std::uint64_t;   // of a predicate, or of a predicate and an object: two that share one cost a query that is asked for nothing

// One thing that a device must have.
struct Demand {
  enum class Kind : std::uint8_t { nothing, pair, any_of, range };
  Kind kind = Kind::nothing;
  Digest key = 0;                                  // of the pair; of a range's predicate
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  std::vector<Digest> pairs;                       // any_of
};

// What one device has, as far as demands can ask for it.
class Facts {
 public:
  // ranged: the predicates (their digests) whose numbers are asked for.
  Facts(const ontology::sparql::SmallGraph& graph, const std::unordered_map<Digest, std::size_t>& ranged);
  const std::vector<Digest>& pairs() const { return pairs_; }
  const std::vector<std::pair<Digest, double>>& numbers() const { return numbers_; }
  bool has(Digest pair) const;
  bool has(Digest predicate, double low, double high) const;
  bool meet(const Demand& demand) const;

 private:
  std::vector<Digest> pairs_, table_;              // table_: open addressing; 0 is free
  std::vector<std::pair<Digest, double>> numbers_; // by predicate
};

class StandingIndex {
 public:
  using Number = std::uint64_t;                    // of a query

  StandingIndex();
  ~StandingIndex();
  // now: tells which of the demands is rare.
  void add(Number query, const std::vector<ontology::sparql::Requirement>& requirements, const ledger::TripleSource& now);
  void remove(Number query);
  // Those whose demands the device meets, each once, in no order; added to `out`.
  void find(const Facts& facts, std::vector<Number>& out);
  const std::unordered_map<Digest, std::size_t>& ranged() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agiddi::subservices
