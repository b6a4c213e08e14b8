#include "consensus/epoch_sync.h"

#include <algorithm>

namespace agiddi::consensus {
namespace {

constexpr std::int64_t kUselessFirst_ms = 1000, kUselessMax_ms = 30'000;   // a peer that did not help

}  // namespace

EpochSync::EpochSync(std::size_t peer_slots, std::int64_t timeout_ms) : peers_(peer_slots), timeout_ms_(timeout_ms) {}

void EpochSync::peer_epoch(MemberIndex peer, std::uint64_t epoch) { peers_[peer].epoch = epoch; }

void EpochSync::peer_gone(MemberIndex peer) {
  if (asked_ && asked_->peer == peer) asked_.reset();
  peers_[peer].epoch = 0;
}

bool EpochSync::expects(MemberIndex peer, std::uint64_t above) const { return asked_ && asked_->peer == peer && asked_->above == above; }

void EpochSync::answered(MemberIndex peer, bool useful, std::int64_t now_ms) {
  if (!asked_ || asked_->peer != peer) return;
  asked_.reset();
  Peer& one = peers_[peer];
  one.penalty_ms = useful ? 0 : std::clamp(2 * one.penalty_ms, kUselessFirst_ms, kUselessMax_ms);
  one.avoid_until_ms = now_ms + one.penalty_ms;
}

void EpochSync::lied(MemberIndex peer) {
  if (asked_ && asked_->peer == peer) asked_.reset();
  peers_[peer].liar = true;
}

std::optional<std::pair<MemberIndex, EpochRequest>> EpochSync::next(std::uint64_t proven, std::uint64_t above, const std::vector<bool>& connected,
                                                                    std::int64_t now_ms) {
  wake_at_ms_ = 0;
  if (asked_ && now_ms >= asked_->deadline_ms) answered(asked_->peer, false, now_ms);
  if (asked_) {
    wake_at_ms_ = asked_->deadline_ms;
    return std::nullopt;
  }
  const auto count = static_cast<MemberIndex>(peers_.size());
  for (MemberIndex step = 1; step <= count; ++step) {
    const MemberIndex peer = (last_peer_ + step) % count;
    const Peer& one = peers_[peer];
    if (!connected[peer] || one.liar || one.epoch <= above) continue;
    if (one.avoid_until_ms > now_ms) {
      wake_at_ms_ = wake_at_ms_ == 0 ? one.avoid_until_ms : std::min(wake_at_ms_, one.avoid_until_ms);
      continue;
    }
    last_peer_ = peer;
    asked_ = Asked{peer, proven, now_ms + timeout_ms_};
    wake_at_ms_ = asked_->deadline_ms;
    return std::pair{peer, EpochRequest{proven}};
  }
  return std::nullopt;
}

}  // namespace agiddi::consensus
