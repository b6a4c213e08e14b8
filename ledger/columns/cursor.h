// Walks over a part of a column in one order, columns and runs as one. The column must outlive the cursor. Internal to the ledger.
//
//   for (SubjectCursor at(column); !at.done(); at.advance()) use(at.head());
#pragma once

#include "ledger/columns/pairs.h"

namespace agiddi::ledger::columns {

// Changes of one run, within the part; walks upwards or downwards.
template <bool kDown>
struct ChangeSlice {
  const Change* at = nullptr;
  const Change* end = nullptr;    // kDown: before the last one
  bool done() const { return at == end; }
  void advance() { kDown ? --at : ++at; }
};

// Rows of a base in the order of subjects.
class BaseRows {
 public:
  BaseRows(const Base* base, Span rows) : base_(base), at_(rows.begin), end_(rows.end) {}
  bool done() const { return at_ == end_; }
  Pair head() const { return {base_->subject(at_), base_->object(at_)}; }
  void advance() { ++at_; }

 private:
  const Base* base_;
  std::uint32_t at_, end_;
};

// Holders of a range of values, upwards or (values downwards, and the holders of each downwards) downwards.
template <bool kDown>
class BaseHolders {
 public:
  BaseHolders(const Base* base, Span ranks) : base_(base), rank_(kDown ? ranks.end : ranks.begin), end_(kDown ? ranks.begin : ranks.end) {
    if (rank_ != end_) enter();
  }
  bool done() const { return rank_ == end_; }
  Pair head() const { return {base_->holder(kDown ? place_ - 1 : place_), value_}; }
  void advance() {
    kDown ? --place_ : ++place_;
    if (place_ != last_) return;
    kDown ? --rank_ : ++rank_;
    if (rank_ != end_) enter();
  }

 private:
  void enter() {
    const std::uint32_t rank = kDown ? rank_ - 1 : rank_;
    const Span span = base_->holders_of(rank);
    value_ = base_->value(rank);
    place_ = kDown ? span.end : span.begin;
    last_ = kDown ? span.begin : span.end;
  }

  const Base* base_;
  std::uint32_t rank_, end_;
  std::uint32_t place_ = 0, last_ = 0;
  TermId value_ = kNoTerm;
};

// Base and runs merged: of equal pairs the newest change counts.
template <class Order, class BaseCursor, bool kDown>
class Cursor {
 public:
  Cursor(BaseCursor base, std::vector<ChangeSlice<kDown>> newest_last) : base_(std::move(base)), slices_(std::move(newest_last)) { settle(); }
  bool done() const { return done_; }
  const Pair& head() const { return head_; }
  void advance() { settle(); }

 private:
  static bool before(const Pair& a, const Pair& b) { return kDown ? Order::less(b, a) : Order::less(a, b); }

  // Takes the next pair that is there.
  void settle() {
    if (slices_.empty()) {
      done_ = base_.done();
      if (!done_) {
        head_ = base_.head();
        base_.advance();
      }
      return;
    }
    for (;;) {
      bool any = !base_.done(), added = true;
      if (any) head_ = base_.head();
      bool from_base = any;
      for (const auto& slice : slices_) {
        if (slice.done()) continue;
        if (any && before(head_, slice.at->pair)) continue;
        if (!any || before(slice.at->pair, head_)) from_base = false;
        head_ = slice.at->pair;
        added = slice.at->added;
        any = true;
      }
      if (!any) {
        done_ = true;
        return;
      }
      if (from_base) base_.advance();
      bool live = false;
      for (auto& slice : slices_) {
        if (!slice.done() && slice.at->pair == head_) slice.advance();
        live |= !slice.done();
      }
      if (!live) slices_.clear();
      if (added) return;
      if (!live) return settle();
    }
  }

  BaseCursor base_;
  std::vector<ChangeSlice<kDown>> slices_;
  Pair head_;
  bool done_ = false;
};

using SubjectCursor = Cursor<BySubject, BaseRows, false>;
template <bool kDown>
using ObjectCursor = Cursor<ByObject, BaseHolders<kDown>, kDown>;

SubjectCursor all_rows(const Pairs& column);                    // in the order (subject, object)
SubjectCursor rows_of(const Pairs& column, Node subject);
// Objects within [first, last] by id, in the order (object, subject).
template <bool kDown>
ObjectCursor<kDown> holders_of(const Pairs& column, TermId first, TermId last);

}  // namespace agiddi::ledger::columns
