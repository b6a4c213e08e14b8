// The triples of one predicate as sorted columns. Immutable, so any number of threads may read it.
//
//   subjects   one for each triple, in the order (subject, object)
//   ranks      in the same order: where the object stands in `values`
//   values     the distinct objects, ascending by id
//   starts     where each value's run begins in `holders`, and the end of the last one
//   holders    one for each triple, in the order (object, subject)
//
// 12 bytes a triple, and 12 more for each distinct object. Two small tables say for every 2^k ids where they begin in `subjects` and in
// `values`, so a look-up is a step into the table and a short search. Internal to the ledger.
#pragma once

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "ledger/columns/node.h"

namespace agiddi::ledger::columns {

struct Pair {
  Node subject = 0;
  TermId object = kNoTerm;
  friend bool operator==(const Pair&, const Pair&) = default;
};

struct BySubject {
  static bool less(const Pair& a, const Pair& b) { return a.subject != b.subject ? a.subject < b.subject : a.object < b.object; }
};
struct ByObject {
  static bool less(const Pair& a, const Pair& b) { return a.object != b.object ? a.object < b.object : a.subject < b.subject; }
};

// Half-open.
struct Span {
  std::uint32_t begin = 0, end = 0;
  std::uint32_t size() const { return end - begin; }
};

class Base {
 public:
  Base() = default;
  // Row by row; sorted by subject and then object, no row twice.
  Base(std::vector<Node> subjects, const std::vector<TermId>& objects);

  std::uint32_t size() const { return static_cast<std::uint32_t>(subjects_.size()); }
  std::uint32_t distinct_subjects() const { return distinct_subjects_; }
  std::uint32_t distinct_objects() const { return static_cast<std::uint32_t>(values_.size()); }

  Node subject(std::uint32_t row) const { return subjects_[row]; }
  TermId object(std::uint32_t row) const { return values_[ranks_[row]]; }
  std::uint32_t rank(std::uint32_t row) const { return ranks_[row]; }
  TermId value(std::uint32_t rank) const { return values_[rank]; }
  Node holder(std::uint32_t place) const { return holders_[place]; }

  std::uint32_t lower_row(Node subject) const;                   // the first row whose subject is not smaller
  Span rows_of(Node subject) const;                              // rows of a subject
  // The same of many (kTogether at most) that lie anywhere: each waits for memory several times, and here they wait together.
  static constexpr std::size_t kTogether = 32;
  void rows_of(std::span<const Node> subjects, Span* rows) const;
  Span holders_of(std::uint32_t rank) const { return {starts_[rank], starts_[rank + 1]}; }
  std::uint32_t lower_rank(TermId object) const;                 // the first value that is not smaller
  std::uint32_t upper_rank(TermId object) const;                 // the first value that is larger
  bool contains(const Pair& pair) const;
  std::size_t memory_bytes() const;

 private:
  // Where the ids with the same upper bits begin in a sorted column of them.
  struct Steps {
    int shift = 0;
    TermId first = 0;
    std::vector<std::uint32_t> begins;
    template <class At>
    void build(std::size_t count, At at);
    // The part of the column that holds an id if anything does, and everything below and above it lies before and behind.
    Span around(TermId id, std::uint32_t count) const;
    void prefetch(TermId id) const;
  };
  Span rows_of(Node subject, Span near) const;

  std::vector<Node> subjects_, holders_;
  std::vector<std::uint32_t> ranks_, starts_;
  std::vector<TermId> values_;
  Steps by_subject_, by_value_;
  std::uint32_t distinct_subjects_ = 0;
};

}  // namespace agiddi::ledger::columns
