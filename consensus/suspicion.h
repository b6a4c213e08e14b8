// Suspicion: when the primary has had its chance. Timers of held transactions, of batches in flight, of heartbeats and of awaited NewViews; they
// double with each further view that brought nothing, up to a cap, and are halved again step by step while commits come so fast that half of the shorter
// time would do. Where everything is slow (no processor time, long links) they stay long enough for commits, instead of falling back with
// the first one and changing the view again at once. A primary that is slow on purpose gains little: a minute after the last change of view each step
// falls whatever it does. A primary without a connection is gone rather than slow: for it the timeouts are half as long, and
// grow to twice the plain ones at most (where single links stay broken, views must still come to rest).
//
// A primary is suspected when there is work and nothing commits for a timeout, or when one held transaction waits longer than the timeout plus an
// allowance for those held before it (censorship): so long as transactions took lately, each. Never while no quorum is in reach: then the timers
// begin anew. While we are behind (blocks to catch up with, the apply lane, the window full) the first timer begins anew too; but a primary can make
// us be behind, so the patience clock by which a transaction waits only stands still meanwhile, and each batch that this primary commits moves it:
// there was room for the transaction in it.
// A lone waiting member changes nothing: the NewView timer runs only once a quorum asks for a view.
//
// Core lane only.
#pragma once

#include <algorithm>

#include "consensus/messages.h"

namespace agiddi::consensus {

struct SuspicionInput {
  bool active = true;                                   // in a view, not waiting for a NewView
  bool view_change_quorum = false;                      // a quorum asks for our view or a later one
  bool cut_off = false;                                 // no quorum in reach
  bool behind = false;                                  // with blocks, with applying them, or the window is full
  bool primary_reachable = true;                        // connected to it
  std::size_t held = 0;                                 // transactions in the mempool
  std::optional<std::int64_t> oldest_held_ms;
  std::optional<std::int64_t> oldest_held_patience_ms;  // the same by patience_ms()
  std::optional<std::int64_t> oldest_in_flight_ms;      // first batch that is accepted and not committed
  std::optional<std::int64_t> heartbeat_due_ms;         // when the next heartbeat block is due
};

class Suspicion {
 public:
  Suspicion(std::int64_t request_timeout_ms, std::int64_t view_change_timeout_ms, std::int64_t cap_ms);

  // The patience clock: does not run while we are behind (as of the last evaluate()). A transaction that comes now has waited since then.
  std::int64_t patience_ms(std::int64_t now_ms) const { return (behind_since_ms_ < 0 ? now_ms : std::min(now_ms, behind_since_ms_)) - behind_ms_; }
  void progress(std::int64_t now_ms, std::size_t transactions);  // a batch was committed in this view
  void view_entered(std::int64_t now_ms);
  void view_change_started(std::int64_t now_ms);
  // True when the next view must be asked for.
  bool evaluate(const SuspicionInput& input, std::int64_t now_ms);
  std::int64_t wake_at_ms() const { return wake_at_ms_; }  // of the last evaluate(); 0: no timer runs

  static constexpr std::int64_t kPaceMin_us = 500, kPaceMax_us = 10'000;

 private:
  std::int64_t scaled(std::int64_t timeout_ms, bool primary_reachable) const;
  std::int64_t doubled(std::int64_t timeout_ms, unsigned failures) const;
  void measure_pace(const SuspicionInput& input, std::int64_t now_ms);

  std::int64_t request_timeout_ms_, view_change_timeout_ms_, cap_ms_;
  unsigned failures_ = 0;                               // views asked for in a row; falls again with commits
  std::int64_t failed_ms_ = 0;                          // when the last one was
  std::int64_t step_ms_ = 0;                            // the present step, or a further try to leave it, began
  std::int64_t slowest_ms_ = 0;                         // the longest wait for a commit since then
  std::int64_t waiting_since_ms_ = -1;                  // for a commit; -1: for nothing
  std::int64_t base_ms_ = 0;                            // timers count from here at the earliest
  std::int64_t patience_base_ms_ = 0;                   // by the patience clock, and not moved by progress
  std::int64_t behind_ms_ = 0;                          // how long we were behind, in all
  std::int64_t behind_since_ms_ = -1;                   // -1: we are not
  std::int64_t credit_ms_ = 0;                          // by which committed batches may move the patience clock while we are
  std::int64_t pace_us_ = kPaceMin_us;                  // of a transaction, while some were held
  std::int64_t pace_since_ms_ = -1;
  std::size_t pace_transactions_ = 0;
  std::int64_t quorum_since_ms_ = -1;
  std::int64_t wake_at_ms_ = 0;
};

}  // namespace agiddi::consensus
