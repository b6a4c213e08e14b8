// ServiceClock: for how long a device was served. Time is earned while its node is present (it runs, and its lease holds) and the device is heard: from its last
// sign on for as long as patience says, after that it is silent until the next. What came before is never looked at again, so nothing is left out twice.
// A device whose connection broke is silent from then on, if it stays away for a while (absence_ms): so long nothing is said of the time since.
//
// Pure: times are given. One thread. Kept by the node, and by the broker's plugin while a device's readings go through it alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "protocol/time.h"

namespace agiddi::subservices {

class ServiceClock {
 public:
  static constexpr std::int64_t kEver = std::int64_t{1} << 60;

  ServiceClock() = default;
  // patience: kEver, when silence does not count. The rest as a former run left it.
  ServiceClock(TimeMs from, std::int64_t patience_ms, std::int64_t earned_ms = 0, std::int64_t silent_ms = 0)
      : to_(from), heard_(from), patience_(patience_ms), earned_(earned_ms), silent_(silent_ms) {}

  // How long a device whose connection broke may stay away; kEver (as made): it is not looked at.
  void set_absence(std::int64_t absence_ms) { absence_ = absence_ms; }

  // Counts what lies between the last call and `at`; the node was present until `present` at most.
  void account(TimeMs at, TimeMs present) {
    if (may_come_back(at)) at = std::min(at, *lost_);
    if (at <= to_) return;
    const TimeMs until = std::min(at, present), quiet = lost_ ? std::min(heard_ + patience_, *lost_) : heard_ + patience_;
    earned_ += std::max<std::int64_t>(std::min(until, quiet) - to_, 0);
    silent_ += std::max<std::int64_t>(until - std::max(to_, quiet), 0);
    to_ = at;
  }
  // A sign of the device; account() what lies before it first.
  void heard(TimeMs at) {
    heard_ = std::max(heard_, at);
    if (lost_ && heard_ >= *lost_) lost_.reset();
  }
  // Its connection broke, or it is there again: in time, and nothing was lost; later, and only its next sign ends the silence.
  void lost(TimeMs at) {
    if (absence_ != kEver && !lost_) lost_ = std::max(at, heard_);
  }
  void back(TimeMs at) {
    if (may_come_back(at)) lost_.reset();
  }
  // The last account: whoever may still come back was not away.
  void finish(TimeMs at, TimeMs present) {
    back(at);
    account(at, present);
  }
  // As another clock of the same device, which went on from this one, has it: nothing is added up, so a figure may come twice, or late.
  void take_up(TimeMs accounted_to, TimeMs heard, std::optional<TimeMs> lost, std::int64_t earned_ms, std::int64_t silent_ms) {
    to_ = accounted_to;
    heard_ = heard;
    lost_ = lost;
    earned_ = earned_ms;
    silent_ = silent_ms;
  }
  // What the ledger has is not to be less here.
  void at_least(std::int64_t earned_ms) { earned_ = std::max(earned_, earned_ms); }

  std::int64_t earned_ms() const { return earned_; }
  std::int64_t silent_ms() const { return silent_; }
  TimeMs accounted_to() const { return to_; }
  TimeMs last_sign() const { return heard_; }
  std::int64_t patience_ms() const { return patience_; }
  std::int64_t absence_ms() const { return absence_; }
  std::optional<TimeMs> lost_at() const { return lost_; }
  bool is_silent(TimeMs at) const { return at > heard_ + patience_ || (lost_ && !may_come_back(at)); }

 private:
  bool may_come_back(TimeMs at) const { return lost_ && at < *lost_ + absence_; }

  TimeMs to_ = 0, heard_ = 0;
  std::optional<TimeMs> lost_;
  std::int64_t patience_ = kEver, absence_ = kEver, earned_ = 0, silent_ = 0;
};

}  // namespace agiddi::subservices
