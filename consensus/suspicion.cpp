#include "consensus/suspicion.h"

namespace agiddi::consensus {
namespace {

constexpr std::int64_t kStepMax_ms = 60'000;
constexpr std::int64_t kGoneMax_timeouts = 2;
constexpr std::int64_t kBatchCredit_ms = 20;      // so the clock runs at full speed from 50 batches a second on
constexpr std::int64_t kCreditMax_ms = 500;
constexpr std::int64_t kPaceOver_ms = 1000;

}  // namespace

Suspicion::Suspicion(std::int64_t request_timeout_ms, std::int64_t view_change_timeout_ms, std::int64_t cap_ms)
    : request_timeout_ms_(request_timeout_ms), view_change_timeout_ms_(view_change_timeout_ms), cap_ms_(cap_ms) {}

void Suspicion::progress(std::int64_t now_ms, std::size_t transactions) {
  credit_ms_ = std::min(credit_ms_ + kBatchCredit_ms, kCreditMax_ms);
  pace_transactions_ += transactions;
  if (waiting_since_ms_ >= 0) slowest_ms_ = std::max(slowest_ms_, now_ms - waiting_since_ms_);
  waiting_since_ms_ = -1;
  base_ms_ = now_ms;
  if (failures_ <= 1) {   // nothing is doubled yet
    failures_ = 0;
    return;
  }
  if (now_ms - step_ms_ < doubled(request_timeout_ms_, failures_)) return;
  const bool fast = 2 * slowest_ms_ <= doubled(request_timeout_ms_, failures_ - 1);
  if (fast || now_ms - failed_ms_ >= kStepMax_ms) --failures_;
  step_ms_ = now_ms;
  slowest_ms_ = 0;
}

void Suspicion::view_entered(std::int64_t now_ms) {
  base_ms_ = now_ms;
  patience_base_ms_ = patience_ms(now_ms);
  quorum_since_ms_ = -1;
}

void Suspicion::view_change_started(std::int64_t now_ms) {
  if (failures_ == 0 || doubled(request_timeout_ms_, failures_) < cap_ms_) ++failures_;
  failed_ms_ = step_ms_ = now_ms;
  slowest_ms_ = 0;
  waiting_since_ms_ = -1;
  quorum_since_ms_ = -1;
}

// The first view after the one that failed gets the plain timeout, each further one twice as much.
std::int64_t Suspicion::doubled(std::int64_t timeout_ms, unsigned failures) const {
  const unsigned doublings = failures > 1 ? std::min(failures - 1, 16u) : 0;
  return std::min(timeout_ms << doublings, std::max(cap_ms_, timeout_ms));
}

std::int64_t Suspicion::scaled(std::int64_t timeout_ms, bool primary_reachable) const {
  if (primary_reachable) return doubled(timeout_ms, failures_);
  return std::min(doubled(timeout_ms, failures_) / 2, kGoneMax_timeouts * timeout_ms);
}

// Slower ones than the longest allowed are the primary's fault.
void Suspicion::measure_pace(const SuspicionInput& input, std::int64_t now_ms) {
  if (input.held == 0 || !input.active) {
    pace_since_ms_ = -1;
    return;
  }
  if (pace_since_ms_ < 0) {
    pace_since_ms_ = now_ms;
    pace_transactions_ = 0;
  }
  const std::int64_t over_ms = now_ms - pace_since_ms_;
  if (over_ms < kPaceOver_ms) return;
  const std::int64_t each_us = pace_transactions_ == 0 ? kPaceMax_us : over_ms * 1000 / static_cast<std::int64_t>(pace_transactions_);
  pace_us_ = std::clamp((pace_us_ + each_us) / 2, kPaceMin_us, kPaceMax_us);
  pace_since_ms_ = now_ms;
  pace_transactions_ = 0;
}

bool Suspicion::evaluate(const SuspicionInput& input, std::int64_t now_ms) {
  wake_at_ms_ = 0;
  if (behind_since_ms_ >= 0) {
    const std::int64_t stood_ms = std::max<std::int64_t>(now_ms - behind_since_ms_, 0), credited_ms = std::min(stood_ms, credit_ms_);
    credit_ms_ -= credited_ms;
    behind_ms_ += stood_ms - credited_ms;
  }
  behind_since_ms_ = input.behind ? now_ms : -1;
  measure_pace(input, now_ms);
  if (!input.active) {
    if (!input.view_change_quorum) {
      quorum_since_ms_ = -1;
      return false;
    }
    if (quorum_since_ms_ < 0) quorum_since_ms_ = now_ms;
    wake_at_ms_ = quorum_since_ms_ + scaled(view_change_timeout_ms_, input.primary_reachable);
    return now_ms >= wake_at_ms_;
  }
  if (input.cut_off || input.behind) {
    base_ms_ = now_ms;
    waiting_since_ms_ = -1;
  }
  if (input.cut_off) {
    patience_base_ms_ = patience_ms(now_ms);
    return false;
  }
  const std::int64_t timeout_ms = scaled(request_timeout_ms_, input.primary_reachable);
  const auto consider = [&](std::int64_t deadline_ms) { wake_at_ms_ = wake_at_ms_ == 0 ? deadline_ms : std::min(wake_at_ms_, deadline_ms); };
  if (!input.behind) {
    for (const auto& oldest_ms : {input.oldest_in_flight_ms, input.heartbeat_due_ms, input.oldest_held_ms}) {
      if (oldest_ms) consider(std::max(base_ms_, *oldest_ms) + timeout_ms);
    }
    waiting_since_ms_ = wake_at_ms_ == 0 ? -1 : wake_at_ms_ - timeout_ms;
  }
  if (input.oldest_held_patience_ms) {
    // The plain timeout, whatever became of the link: a primary that is gone commits nothing, which the others above see.
    const std::int64_t waited_ms = patience_ms(now_ms) - std::max(patience_base_ms_, *input.oldest_held_patience_ms);
    consider(now_ms - waited_ms + doubled(request_timeout_ms_, failures_) + static_cast<std::int64_t>(input.held) * pace_us_ / 1000);
  }
  return wake_at_ms_ != 0 && now_ms >= wake_at_ms_;
}

}  // namespace agiddi::consensus
