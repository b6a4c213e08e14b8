// A graph of some dozens of triples, such as one device's, made once and asked by many compiled queries (conjunction.h).
//
// A term has a digest, which a query computes once for each of its constants. Threads: one at a time; values are made when they are first asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ledger/term.h"
#include "ontology/sparql/value.h"

namespace agiddi::ontology::sparql {

// Equal for terms that are one to the store.
std::uint64_t term_digest(const ledger::Term& term);

class SmallGraph {
 public:
  using Index = std::uint32_t;                       // of a term of the graph
  static constexpr Index kNone = 0xffffffff;
  struct Entry {
    Index subject = kNone, predicate = kNone, object = kNone;
    friend auto operator<=>(const Entry&, const Entry&) = default;
  };

  explicit SmallGraph(std::span<const ledger::TripleView> triples);   // whose terms must outlive it

  std::span<const Entry> entries() const { return entries_; }        // a set, ordered by subject, then predicate
  std::span<const Entry> with(Index subject, Index predicate) const;
  Index find(const ledger::Term& term, std::uint64_t digest) const;  // kNone: the graph has no such term
  std::uint64_t digest(Index term) const { return terms_[term].digest; }
  const Value& value(Index term) const;

 private:
  struct Entity {
    const ledger::Term* term = nullptr;
    std::uint64_t digest = 0;
    mutable std::optional<Value> value;
  };
  Index intern(const ledger::Term& term);
  std::size_t place(const ledger::Term& term, std::uint64_t digest) const;   // in table_: where it is or would be

  std::vector<Entity> terms_;
  std::vector<Index> table_;                         // open addressing, at most half full
  std::vector<Entry> entries_;
};

}  // namespace agiddi::ontology::sparql
