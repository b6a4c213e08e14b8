// What a query reads: one immutable state of the triples (the default graph), pinned to a block height.
// Thread-safe; every combination of bound subject, predicate and object is answered from an index.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ledger/term_id.h"

namespace agiddi::ledger {

struct TriplePattern {
  TermId subject = kNoTerm, predicate = kNoTerm, object = kNoTerm;  // kNoTerm = any
};

// Numbers (integers and decimals) or times between two values.
struct ValueRange {
  enum class Kind : std::uint8_t { number, time };
  Kind kind = Kind::number;
  const Term* low = nullptr;     // inclusive; null: unbounded. A time must be inline (ledger/term_id.h)
  const Term* high = nullptr;
  bool descending = false;
  std::span<const TermTag> tags() const;   // whose ids order like their values
};

struct PredicateCounts {
  double triples = 0, subjects = 0, objects = 0;   // the two last are nearly so
};

// Many look-ups in one predicate at once: the i-th is that of subjects[i], of objects[i], or of both. A side that is empty is what is looked for.
struct LookUps {
  TermId predicate = kNoTerm;
  std::span<const TermId> subjects, objects;
  std::size_t size() const { return subjects.empty() ? objects.size() : subjects.size(); }
};
// Some triples of a predicate, row by row.
using VisitRows = std::function<bool(std::span<const TermId> subjects, std::span<const TermId> objects)>;
// Some of what was found: of[i] says which look-up found found[i], ascending. With both sides given, found[i] is the object.
using VisitFound = std::function<bool(std::span<const std::uint32_t> of, std::span<const TermId> found)>;

// What lies in a rectangle: two numbers of one subject, both within their range.
struct Box {
  TermId x = kNoTerm, y = kNoTerm;        // predicates
  ValueRange x_range, y_range;            // numbers
};

// From edge to edge, edges included; infinite where it has none.
struct Rectangle {
  double x_low, x_high, y_low, y_high;
};
// No less than 0, and no more than how far anything in the rectangle is.
using FarAtLeast = std::function<double(const Rectangle&)>;

inline constexpr std::size_t kFoundMax = 1024;   // matches told at once

class TripleSource {
 public:
  virtual ~TripleSource() = default;
  virtual TermId find(const Term& term) const = 0;   // kNoTerm when the store has no such term (then no triple matches it)
  virtual Term term(TermId id) const = 0;            // id came from this source
  // Matches, in an order that depends on the pattern and the source, until visit returns false.
  virtual void scan(const TriplePattern& pattern, const std::function<bool(TermId s, TermId p, TermId o)>& visit) const = 0;
  // Triples with this predicate whose object is inline, of the range's kind and within it, ordered by value. Objects whose value is not inline are
  // visited too, after the others and in any order: the caller filters.
  virtual void scan_range(TermId predicate, const ValueRange& range, const std::function<bool(TermId s, TermId o)>& visit) const = 0;
  // The same in blocks of bounded size (one triple at first, then more).
  void scan_range_rows(TermId predicate, const ValueRange& range, const VisitRows& visit) const;
  // Whether every object of the predicate is inline and of this kind, so that scan_range visits all of them in the order of their values. False
  // where that is not known at once.
  virtual bool sorts(TermId predicate, ValueRange::Kind kind) const;
  // Nearly how many inline objects scan_range visits, for planning; nothing where that is not known at once.
  virtual std::optional<std::uint64_t> count_range(TermId predicate, const ValueRange& range) const;
  // Joins a block of solutions with a predicate: tells what was found in blocks of bounded size, until visit returns false. kNoTerm and ids that no
  // store has (TermTag::query) find nothing. Here by one scan() each; a source that has better ways overrides it.
  virtual void look_up(const LookUps& wanted, const VisitFound& visit) const;
  // Triples of box.x within box.x_range of the subjects that lie in the box, by subject. Others of box.x may be visited too: the caller filters. False: there is no index for
  // these two predicates, and nothing was visited.
  virtual bool scan_box(const Box& box, const std::function<bool(TermId s, TermId o)>& visit) const;
  virtual std::optional<std::uint64_t> count_box(const Box& box) const;   // nearly, for planning; nothing where there is no index
  // Subjects that may lie in the box, each once, with how far they are at least, ascending by that; until visit returns false. False: there is no index for these two predicates.
  virtual bool scan_nearest(const Box& box, const FarAtLeast& far_at_least, const std::function<bool(TermId s, double at_least)>& visit) const;
  // All triples of a predicate in blocks of bounded size (one triple at first, then more), until visit returns false.
  virtual void scan_rows(TermId predicate, const VisitRows& visit) const;
  // What is known at once of a whole predicate, for planning; nothing where that would take a scan.
  virtual std::optional<PredicateCounts> counts(TermId predicate) const;
  virtual std::uint64_t estimate(const TriplePattern& pattern) const = 0;  // for planning; exact or not, at least 0, cheap
};

// scan_range for a source without an index by value: scans all triples of the predicate, sorts and visits.
void sort_range(const TripleSource& source, TermId predicate, const ValueRange& range, const std::function<bool(TermId s, TermId o)>& visit);

}  // namespace agiddi::ledger
