#include "consensus/block_sync.h"

#include <algorithm>

namespace agiddi::consensus {
namespace {

constexpr std::int64_t kAvoid_ms = 3000;                              // a peer that did not help
constexpr unsigned kFailedMax = 3;                                    // afterwards it counts as one that has no blocks
constexpr Height kPatientUpTo = 2 * limits::kWindowHeights;           // farther behind, votes cannot help any more

}  // namespace

BlockSync::BlockSync(std::size_t members, MemberIndex self, std::int64_t patience_ms, std::int64_t timeout_ms)
    : peers_(members), self_(self), patience_ms_(patience_ms), timeout_ms_(timeout_ms), last_peer_(self) {}

void BlockSync::peer_certified(MemberIndex peer, Height height) { peers_[peer].certified = height; }

void BlockSync::peer_first(MemberIndex peer, Height height) { peers_[peer].first = height; }

bool BlockSync::gone(Height complete, const std::vector<bool>& connected, std::size_t members) const {
  std::size_t without = 0;
  for (MemberIndex peer = 0; peer < peers_.size(); ++peer) {
    if (peer == self_ || !connected[peer] || peers_[peer].certified <= complete) continue;
    if (peers_[peer].first <= complete + 1 && peers_[peer].failed < kFailedMax) return false;
    without += peer < members && peers_[peer].first > complete + 1;
  }
  return without > (members - 1) / 3;
}

void BlockSync::peer_gone(MemberIndex peer) {
  if (asked_ && asked_->peer == peer) asked_.reset();
}

bool BlockSync::expects(MemberIndex peer, Height from) const { return asked_ && asked_->peer == peer && asked_->from == from; }

void BlockSync::answered(MemberIndex peer, bool useful, std::int64_t now_ms) {
  if (!asked_ || asked_->peer != peer) return;
  asked_.reset();
  eager_ = useful;
  peers_[peer].failed = useful ? 0 : std::min(peers_[peer].failed + 1, kFailedMax);
  if (!useful) peers_[peer].avoid_until_ms = now_ms + kAvoid_ms;
}

std::optional<std::pair<MemberIndex, SyncRequest>> BlockSync::next(Height complete, Height target, const std::vector<bool>& connected,
                                                                   std::int64_t now_ms) {
  wake_at_ms_ = 0;
  if (asked_ && now_ms >= asked_->deadline_ms) answered(asked_->peer, false, now_ms);
  if (target <= complete) {
    behind_since_ms_ = -1;
    eager_ = false;
    return std::nullopt;
  }
  if (behind_since_ms_ < 0 || complete != last_complete_) behind_since_ms_ = now_ms;
  last_complete_ = complete;
  if (asked_) {
    wake_at_ms_ = asked_->deadline_ms;
    return std::nullopt;
  }
  if (!eager_ && target <= complete + kPatientUpTo && now_ms - behind_since_ms_ < patience_ms_) {
    wake_at_ms_ = behind_since_ms_ + patience_ms_;
    return std::nullopt;
  }
  const auto count = static_cast<MemberIndex>(peers_.size());
  for (MemberIndex step = 1; step <= count; ++step) {
    const MemberIndex peer = (last_peer_ + step) % count;
    if (peer == self_ || !connected[peer] || peers_[peer].certified <= complete || peers_[peer].first > complete + 1 ||
        peers_[peer].avoid_until_ms > now_ms) continue;
    last_peer_ = peer;
    asked_ = Asked{peer, complete + 1, now_ms + timeout_ms_};
    wake_at_ms_ = asked_->deadline_ms;
    return std::pair{peer, SyncRequest{complete + 1, std::min(target, complete + kSyncBlocksMax)}};
  }
  wake_at_ms_ = now_ms + patience_ms_;
  return std::nullopt;
}

}  // namespace agiddi::consensus
