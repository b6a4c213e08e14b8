// LedgerClock: what time it is on the ledger. What was bought ends at a time of blocks, so a node whose own clock is set wrongly, or is set while readings
// flow, must neither lengthen nor shorten it: between blocks the steady clock counts.
//
// A block reaches a node some milliseconds after its time, never before it, but for the primary's own clock: the largest difference of the last blocks is the
// best known. Threads: any.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <mutex>

#include "protocol/time.h"

namespace agiddi::node {

class LedgerClock {
 public:
  using Steady = std::chrono::steady_clock;

  // Until a block has been seen the wall clock has to do.
  explicit LedgerClock(TimeMs wall, Steady::time_point at = Steady::now()) : offset_(wall - milliseconds(at)) {}

  TimeMs now(Steady::time_point at = Steady::now()) {
    const std::lock_guard lock(mutex_);
    return last_ = std::max(last_, milliseconds(at) + offset_);
  }
  bool has_seen_block() {
    const std::lock_guard lock(mutex_);
    return !seen_.empty();
  }
  // A block of this time was applied just now.
  void saw_block(TimeMs timestamp, Steady::time_point at = Steady::now()) {
    const std::lock_guard lock(mutex_);
    if (seen_.empty()) last_ = 0;   // the wall clock's word counts no more
    seen_.push_back(timestamp - milliseconds(at));
    if (seen_.size() > kSeenMax) seen_.pop_front();
    offset_ = *std::max_element(seen_.begin(), seen_.end());
  }

 private:
  static constexpr std::size_t kSeenMax = 64;
  static TimeMs milliseconds(Steady::time_point at) { return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count(); }

  std::mutex mutex_;
  std::deque<TimeMs> seen_;   // differences to the steady clock
  TimeMs offset_, last_ = 0;
};

}  // namespace agiddi::node
