// All triples at one height: a column for each predicate. Immutable; a block gives the next one, which shares what the block did not touch.
// Internal to the ledger.
#pragma once

#include <memory>
#include <vector>

#include "ledger/columns/pairs.h"

namespace agiddi::ledger::columns {

struct Predicate {
  TermId id = kNoTerm;
  std::shared_ptr<const Pairs> pairs;
};

struct State {
  std::uint64_t height = 0;
  std::uint64_t terms = 0;                        // dictionary numbers up to this one exist here
  std::uint64_t triples = 0;
  std::vector<Predicate> predicates;        // ascending by id; none is empty
  TermId x = kNoTerm, y = kNoTerm;                // the predicates of coordinates; kNoTerm: unknown as yet, or not wanted
  Predicate cells;                                // where the subjects lie (ledger/columns/places.h); null: not wanted

  const Pairs* find(TermId predicate) const {
    const auto at = std::lower_bound(predicates.begin(), predicates.end(), predicate, [](const Predicate& one, TermId id) { return one.id < id; });
    return at == predicates.end() || at->id != predicate ? nullptr : at->pairs.get();
  }
};

}  // namespace agiddi::ledger::columns
