// The triples in memory, beside the store on disk: built from it at start, moved on by every block, and read at any of the last heights.
//
// Threads: apply() and adopt() belong to the thread that applies blocks; at() and everything about a State to any. Changes that pile up on a large
// column are sorted into it by a thread of this store's own, one column at a time. Internal to the ledger.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "ledger/columns/state.h"
#include "ledger/columns/term_table.h"
#include "ledger/kv.h"
#include "ledger/triple_store.h"

namespace agiddi::ledger::columns {

class Store {
 public:
  // Reads all of a store: seconds for millions of triples.
  Store(const KvReader& reader, std::uint64_t height, std::optional<Coordinates> coordinates = std::nullopt);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // The state after a block. It can be read at once; the store on disk follows.
  void apply(std::uint64_t height, const TripleIdChanges& block);
  // The state at a height that was applied lately; nothing: too long ago.
  std::shared_ptr<const State> at(std::uint64_t height) const;
  const TermTable& terms() const { return terms_; }
  std::size_t memory_bytes() const;

 private:
  struct Job {
    TermId predicate;
    std::shared_ptr<const Pairs> pairs;           // fenced
  };
  void adopt(State& next);
  void adopt(Predicate& column, std::optional<std::pair<TermId, std::shared_ptr<const Base>>>& sorted);
  void place(const State& former, State& next, const TripleIdChanges& block) const;
  void sort_columns();

  TermTable terms_;
  const std::optional<Coordinates> coordinates_;
  mutable std::mutex mutex_;                      // states_, and jobs with their results
  std::deque<std::shared_ptr<const State>> states_;   // the last ones, the newest at the back
  std::optional<Job> job_;
  std::optional<std::pair<TermId, std::shared_ptr<const Base>>> sorted_;
  TermId sorting_ = kNoTerm;                      // apply thread only
  bool stop_ = false;
  std::condition_variable wake_;
  std::thread sorter_;
};

// Reads one state. Keeps both alive.
std::unique_ptr<const TripleSource> make_source(std::shared_ptr<const Store> store, std::shared_ptr<const State> state);

}  // namespace agiddi::ledger::columns
