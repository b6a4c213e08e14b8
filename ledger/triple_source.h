// What a query reads: one immutable state of the triples (the default graph), pinned to a block height.
// Thread-safe; every combination of bound subject, predicate and object is answered from an index.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "ledger/term.h"

namespace agiddi::ledger {

struct TriplePattern {
  TermId subject = kNoTerm, predicate = kNoTerm, object = kNoTerm;  // kNoTerm = any
};

class TripleSource {
 public:
  virtual ~TripleSource() = default;
  virtual TermId find(const Term& term) const = 0;   // kNoTerm when the store has no such term (then no triple matches it)
  virtual Term term(TermId id) const = 0;            // id came from this source
  // Matches in the order of the index that was chosen (spo, pos or osp), until visit returns false.
  virtual void scan(const TriplePattern& pattern, const std::function<bool(TermId s, TermId p, TermId o)>& visit) const = 0;
  // Triples with this predicate whose object is an inline number (integer or decimal) within [low, high] as numbers; ordered by value,
  // descending on request. Objects whose value is not inline are visited too, after the others: the caller filters.
  virtual void scan_number_range(TermId predicate, const Term* low, const Term* high, bool descending,
                                 const std::function<bool(TermId s, TermId o)>& visit) const = 0;
  virtual std::uint64_t estimate(const TriplePattern& pattern) const = 0;  // for planning; exact or not, at least 0, cheap
};

// scan_number_range for a source without an index by value: scans all triples of the predicate, sorts and visits.
void sort_number_range(const TripleSource& source, TermId predicate, const Term* low, const Term* high, bool descending,
                       const std::function<bool(TermId s, TermId o)>& visit);

}  // namespace agiddi::ledger
