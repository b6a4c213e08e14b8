// Snapshots in the Engine: what this member offers and serves, and when it fetches one itself.
#include <algorithm>

#include "consensus/engine.h"
#include "protocol/check.h"

namespace agiddi::consensus {

// A snapshot is wanted far behind the others: by a member that has hardly any blocks, and by any other when nobody has its next block any more, or when
// one lies so far above its blocks that it is clearly cheaper (catch_up_min). Hints of one peer alone decide nothing here.
// Who may lose blocks by it waits whether somebody comes who has them.
void Engine::watch_gone(Now now) {
  const bool gone = block_sync_.gone(replica_.complete(), connected_, context_.members.size());
  if (!gone) gone_since_ms_ = -1;
  if (gone && gone_since_ms_ < 0) gone_since_ms_ = now.monotonic_ms;
  gone_ = gone && (snapshot_floor() == 0 || now.monotonic_ms - gone_since_ms_ >= config_.gone_patience_ms);
}

std::optional<Height> Engine::snapshot_gain() const {
  const SnapshotSyncConfig& config = config_.snapshots;
  const Height here = snapshot_floor();
  const Height target = std::max({replica_.stable(), vouched(), head_ ? head_->header.height : 0});
  const bool hardly_begun = here < config.behind_min && !config_.join_by_blocks && target > here + config.behind_min;
  if (hardly_begun || (gone_ && !(config_.archive && here > 0))) return 1;
  if (config.catch_up_min > 0 && !config_.join_by_blocks && target >= here + config.catch_up_min) return config.catch_up_min;
  return std::nullopt;
}

void Engine::sync_snapshot(Now now) {
  const auto gain = snapshot_gain();
  for (auto& [peer, request] : snapshot_sync_.next(gain.has_value(), snapshot_floor(), connected_, now.monotonic_ms, gain.value_or(1))) send(peer, {request});
  for (SnapshotStep& step : snapshot_sync_.take_steps()) output_.snapshot_steps.push_back(std::move(step));
}

void Engine::snapshots_here(std::vector<std::pair<Height, Hash>> snapshots, Height first_block, Now now) {
  std::sort(snapshots.rbegin(), snapshots.rend());
  if (snapshots.size() > kSnapshotOffersMax) snapshots.resize(kSnapshotOffersMax);
  own_snapshots_ = std::move(snapshots);
  own_offers_.first_block = first_block;
  sign_offers();
  send_offers(std::nullopt);
  work(now);
}

// Attestations are signed in the epoch in which they are given. A node that is no member has blocks to offer, and no word to give.
void Engine::sign_offers() {
  own_offers_.attestations.clear();
  if (!is_member()) return;
  for (const auto& [height, id] : own_snapshots_) {
    SnapshotAttestation one{height, id, config_.self, {}};
    one.signature = authenticator_->sign(signing_bytes(context_, one));
    own_offers_.attestations.push_back(std::move(one));
  }
}

void Engine::send_offers(std::optional<MemberIndex> to) {
  if (own_offers_.attestations.empty() && own_offers_.first_block == 1) return;
  send(to, {own_offers_});
}

Result<void> Engine::on(MemberIndex peer, const SnapshotOffers& message, Now) {
  block_sync_.peer_first(peer, message.first_block);
  snapshot_sync_.offered(peer, message);
  return {};
}

Result<void> Engine::on(MemberIndex peer, const SnapshotRequest& message, Now now) {
  SnapshotPart answer{message.id, message.part, {}, false, {}};
  const bool here = std::any_of(own_snapshots_.begin(), own_snapshots_.end(), [&](const auto& one) { return one.second == message.id; });
  if (here && within_budget(peer, limits::kSnapshotChunk_bytes, now)) {
    output_.snapshot_reads.push_back({peer, message});
    return {};
  }
  answer.busy = here;
  send(peer, {std::move(answer)});
  return {};
}

void Engine::snapshot_read(MemberIndex peer, SnapshotPart part, Now now) {
  send(peer, {std::move(part)});
  work(now);
}

Result<void> Engine::on(MemberIndex peer, SnapshotPart& message, Now now) { return snapshot_sync_.received(peer, message, now.monotonic_ms); }

void Engine::snapshot_begun(const Hash& id, const std::set<Hash>& here, Now now) {
  snapshot_sync_.begun(id, here);
  work(now);
}

void Engine::snapshot_stored(Now now) {
  snapshot_sync_.stored();
  work(now);
}

void Engine::snapshot_failed(const Hash& id, Now now) {
  snapshot_sync_.failed(id);
  work(now);
}

}  // namespace agiddi::consensus
