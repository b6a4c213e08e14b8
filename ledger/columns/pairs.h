// One predicate: sorted columns, and the changes since they were made as a few sorted runs, the newest last. Immutable: with() gives the next
// one and shares everything that did not change, so a reader keeps its block's state at no cost. Internal to the ledger.
#pragma once

#include <array>
#include <memory>

#include "ledger/columns/base.h"

namespace agiddi::ledger::columns {

struct Change {
  Pair pair;
  bool added = true;
};

// Changes in both orders, one for a pair.
struct Run {
  std::vector<Change> by_subject, by_object;
  std::vector<std::int32_t> balance;        // by_object: how many more were added than removed before each place, and in all
  std::uint32_t distinct_subjects = 0, distinct_objects = 0;
  std::size_t size() const { return by_subject.size(); }
};
std::shared_ptr<const Run> make_run(std::vector<Change> changes);           // any order; a pair at most once
std::shared_ptr<const Run> merge_runs(const Run& older, const Run& newer);   // newer wins

class Pairs {
 public:
  Pairs() = default;
  explicit Pairs(std::shared_ptr<const Base> base) : base_(std::move(base)), count_(base_->size()) {}

  // These changes on top; each changes something (adds what is not there, removes what is).
  Pairs with(std::vector<Change> changes) const;
  std::size_t changes() const;                                              // in runs
  // To sort all of it into columns again takes a while, and changes go on coming: what comes after fenced() is kept apart from what
  // compacted() takes in, and rebased() stands on the new columns with the rest.
  Pairs fenced() const;
  std::shared_ptr<const Base> compacted() const;
  Pairs rebased(std::shared_ptr<const Base> base) const;

  std::uint64_t count() const { return count_; }
  bool contains(const Pair& pair) const;
  // Nearly: the subjects of later runs are taken to be new ones, their objects known ones.
  std::uint64_t distinct_subjects() const;
  std::uint64_t distinct_objects() const;
  std::uint64_t count_of_subject(Node subject) const;
  // Inclusive, and nearly: what was removed and added again while both were in runs counts twice.
  std::uint64_t count_of_objects(TermId first, TermId last) const;
  bool objects_within(TermId first, TermId last) const;                     // all of them, those of removed pairs too
  std::size_t memory_bytes() const;

  const Base* base() const { return base_.get(); }
  const std::vector<std::shared_ptr<const Run>>& runs() const { return runs_; }

 private:
  std::shared_ptr<const Base> base_;
  std::vector<std::shared_ptr<const Run>> runs_;
  std::size_t fence_ = 0;                                                   // so many runs are not merged with later ones
  std::uint64_t count_ = 0;
};

}  // namespace agiddi::ledger::columns
