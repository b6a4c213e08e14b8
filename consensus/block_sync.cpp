#include "consensus/block_sync.h"

#include <algorithm>
#include <set>

namespace agiddi::consensus {
namespace {

constexpr std::int64_t kAvoid_ms = 3000;                              // a peer that did not help
constexpr std::int64_t kHeldFor_timeouts = 5;                         // blocks that could not be used so long are asked for again
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
  std::erase_if(ranges_, [&](const Range& range) { return range.peer == peer && !range.here; });
}

bool BlockSync::expects(MemberIndex peer, Height from) const {
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& range) { return range.peer == peer && range.from == from && !range.here; });
}

void BlockSync::fail(MemberIndex peer, std::int64_t now_ms) {
  peers_[peer].avoid_until_ms = now_ms + kAvoid_ms;
  peers_[peer].failed = std::min(peers_[peer].failed + 1, kFailedMax);
  at_a_time_ = 1;
  eager_ = false;
}

void BlockSync::arrived(MemberIndex peer, Height from, Height last, std::int64_t now_ms) {
  for (Range& range : ranges_) {
    if (range.peer != peer || range.from != from || range.here) continue;
    range.here = true;
    range.to = std::min(range.to, last);
    range.deadline_ms = now_ms + kHeldFor_timeouts * timeout_ms_;
    peers_[peer].failed = 0;
    at_a_time_ = std::min(at_a_time_ + 1, kRequestsMax);
    eager_ = true;
    return;
  }
}

void BlockSync::nothing(MemberIndex peer, Height from, bool failed, std::int64_t now_ms) {
  const auto erased = std::erase_if(ranges_, [&](const Range& range) { return range.peer == peer && range.from == from && !range.here; });
  if (erased > 0 && failed) fail(peer, now_ms);
}

// The next peer in turn that has this block and may be asked for more.
std::optional<MemberIndex> BlockSync::pick(Height from, const std::vector<bool>& connected, std::int64_t now_ms) {
  const auto count = static_cast<MemberIndex>(peers_.size());
  for (MemberIndex step = 1; step <= count; ++step) {
    const MemberIndex peer = (last_peer_ + step) % count;
    const Peer& one = peers_[peer];
    if (peer == self_ || !connected[peer] || one.certified < from || one.first > from || one.avoid_until_ms > now_ms) continue;
    const auto asked = std::count_if(ranges_.begin(), ranges_.end(), [&](const Range& range) { return range.peer == peer && !range.here; });
    if (static_cast<std::size_t>(asked) >= kRequestsOfPeerMax) continue;
    last_peer_ = peer;
    return peer;
  }
  return std::nullopt;
}

std::vector<std::pair<MemberIndex, SyncRequest>> BlockSync::next(Height complete, Height target, Height limit, const std::vector<bool>& connected,
                                                                 std::int64_t now_ms) {
  wake_at_ms_ = 0;
  std::vector<std::pair<MemberIndex, SyncRequest>> requests;
  std::set<MemberIndex> late;   // once each, however many of its answers are
  std::erase_if(ranges_, [&](const Range& range) {
    if (range.here && range.to <= complete) return true;
    if (now_ms < range.deadline_ms) return false;
    if (!range.here) late.insert(range.peer);
    return true;
  });
  for (const MemberIndex peer : late) fail(peer, now_ms);
  if (target <= complete) {
    behind_since_ms_ = -1;
    eager_ = false;
    at_a_time_ = 1;
    ranges_.clear();
    return requests;
  }
  if (behind_since_ms_ < 0 || complete != last_complete_) behind_since_ms_ = now_ms;
  last_complete_ = complete;
  if (ranges_.empty() && !eager_ && target <= complete + kPatientUpTo && now_ms - behind_since_ms_ < patience_ms_) {
    wake_at_ms_ = behind_since_ms_ + patience_ms_;
    return requests;
  }

  // The lowest heights that nobody was asked for yet.
  Height from = complete + 1;
  const auto under_way = [&] { return static_cast<std::size_t>(std::count_if(ranges_.begin(), ranges_.end(), [](const Range& range) { return !range.here; })); };
  for (std::size_t at = 0; under_way() < at_a_time_;) {
    if (at < ranges_.size() && ranges_[at].from <= from) {
      from = std::max(from, ranges_[at++].to + 1);
      continue;
    }
    if (from > std::min(target, limit)) break;
    const Height gap_end = at < ranges_.size() ? ranges_[at].from - 1 : UINT64_MAX;
    const Height to = std::min({target, limit, gap_end, from + kSyncBlocksMax - 1});
    const auto peer = pick(from, connected, now_ms);
    if (!peer) {
      wake_at_ms_ = now_ms + patience_ms_;
      break;
    }
    ranges_.insert(ranges_.begin() + static_cast<std::ptrdiff_t>(at), Range{*peer, from, to, now_ms + timeout_ms_});
    requests.emplace_back(*peer, SyncRequest{from, to});
  }
  for (const Range& range : ranges_) {
    wake_at_ms_ = wake_at_ms_ == 0 ? range.deadline_ms : std::min(wake_at_ms_, range.deadline_ms);
  }
  return requests;
}

}  // namespace agiddi::consensus
