// The normal case (section 4.2 of the PBFT paper): PrePrepare, Prepare, Commit, and handing committed batches to execution in order.
#include <algorithm>

#include "consensus/replica.h"
#include "protocol/check.h"

namespace agiddi::consensus {

std::optional<TimeMs> Replica::timestamp_of(Height height) const {
  if (const auto known = final_timestamps_.find(height); known != final_timestamps_.end()) return known->second;
  const auto slot = slots_.find(height);
  if (slot == slots_.end() || !slot->second.pre_prepare) return std::nullopt;
  // A refused batch that a quorum prepared stands all the same.
  if (slot->second.standing != Standing::accepted && !slot->second.prepared) return std::nullopt;
  return slot->second.pre_prepare->batch.timestamp;
}

// A PrePrepare of the current view, in a slot's reach. The first one counts.
void Replica::place(const PrePrepare& message, Now now) {
  const Batch& batch = message.batch;
  const bool planned = batch.height <= plan_last_;
  if (planned) {
    const auto digest = planned_.find(batch.height);
    if (digest == planned_.end() || digest->second != message.vote.digest) return;
  } else if (batch.view != view_) {
    return;  // a re-proposal that the NewView does not contain
  }
  Slot& slot = slots_[batch.height];
  if (slot.pre_prepare) {
    if (!config_.test_faults.second_batch_accepted || slot.pre_prepare->vote.digest == message.vote.digest) return;
    slot.voted_prepare = slot.voted_commit = slot.prepared = false;
    for (const Hash& id : slot.pre_prepare->batch.transactions) view_transactions_.erase(id);
  }
  // A primary hears its own words from others when it lost its disk (or when its key runs twice): what it proposed there stays proposed.
  if (is_primary()) next_proposal_ = std::max(next_proposal_, batch.height + 1);
  slot.pre_prepare = message;
  slot.since_ms = now.monotonic_ms;
  // Its own vote counts when it has written what the vote promises, whoever remembers it.
  if (message.vote.sender != config_.self) slot.prepares.insert_or_assign(message.vote.sender, CastVote{message.vote.digest, message.vote.signature});
  slot.standing = planned || fresh_batch_allowed(batch, now) ? Standing::waiting : Standing::refused;
  slot.bodies = batch.transactions.empty();
  if (!slot.bodies) ready_.need_bodies.push_back(batch);
}

bool Replica::fresh_batch_allowed(const Batch& batch, Now now) const {
  const TimeMs drift = config_.test_faults.timestamps_unchecked ? 0 : batch.timestamp - now.wall_ms;
  if (drift > limits::kBatchClockTolerance_ms || drift < -limits::kBatchClockTolerance_ms) return false;
  if (config_.test_faults.repeats_accepted) return true;
  std::vector<Hash> ids = batch.transactions;
  std::sort(ids.begin(), ids.end());
  if (std::adjacent_find(ids.begin(), ids.end()) != ids.end()) return false;
  return std::none_of(ids.begin(), ids.end(), config_.is_committed);
}

// An empty batch is a heartbeat: a primary must not fill the chain with them.
// Except where a decision waits for a height and not for a time.
std::int64_t Replica::heartbeat_gap_ms(Height height) const {
  const Height goal = last_ != UINT64_MAX ? last_ : hurry_to_;
  const bool hurrying = height <= goal && goal - height < 2 * limits::kWindowHeights;
  return hurrying ? 1 : std::max<std::int64_t>(config_.heartbeat_interval_ms / 4, 1);
}

bool Replica::heartbeat_allowed(Now now) const {
  return can_propose() && now.wall_ms >= *timestamp_of(next_proposal_ - 1) + heartbeat_gap_ms(next_proposal_);
}

bool Replica::follows_predecessor(const Batch& batch) const {
  const TimeMs previous = *timestamp_of(batch.height - 1);
  const TimeMs least = previous + (batch.transactions.empty() ? heartbeat_gap_ms(batch.height) : 1);
  if (batch.timestamp < least && !config_.test_faults.timestamps_unchecked) return false;
  if (config_.test_faults.repeats_accepted) return true;
  // It may have waited while blocks below it were committed, and those are not of this view any more.
  const bool handed = batch.height <= handed_;
  return std::none_of(batch.transactions.begin(), batch.transactions.end(),
                      [&](const Hash& id) { return view_transactions_.contains(id) || (!handed && config_.is_committed(id)); });
}

void Replica::accept(Height height, Slot& slot) {
  slot.standing = Standing::accepted;
  for (const Hash& id : slot.pre_prepare->batch.transactions) view_transactions_.try_emplace(id, height);
}

bool Replica::useful(const Vote& vote) const {
  if (vote.view < view_) return config_.test_faults.vote_view_ignored;
  if (vote.view > view_ || !active_) return true;
  if (!inside_buffer(vote.height)) return false;
  const auto found = slots_.find(vote.height);
  if (found == slots_.end()) return true;
  const Slot& slot = found->second;
  if (vote.phase == Phase::prepare) return !slot.prepared && !slot.prepares.contains(vote.sender);
  return !slot.committed && !slot.commits.contains(vote.sender);
}

bool Replica::can_propose() const {
  return active_ && is_primary() && next_proposal_ <= window_end() && handed_ >= stable() && timestamp_of(next_proposal_ - 1).has_value();
}

Batch Replica::propose(std::vector<Hash> transactions, Now now) {
  AGIDDI_CHECK(can_propose(), "only the primary of an active view proposes, inside its window");
  Batch batch{next_proposal_, view_, std::max(now.wall_ms, *timestamp_of(next_proposal_ - 1) + 1), std::move(transactions)};
  Slot& slot = slots_[batch.height];
  AGIDDI_CHECK(!slot.pre_prepare, "a height is proposed once in a view");
  Vote vote{Phase::prepare, view_, batch.height, batch.digest(), config_.self, {}};
  vote.signature = authenticator_->sign(signing_bytes(config_.context, vote));
  slot.pre_prepare = PrePrepare{batch, vote};
  slot.since_ms = now.monotonic_ms;
  slot.bodies = true;
  slot.voted_prepare = true;
  slot.prepares.insert_or_assign(config_.self, CastVote{vote.digest, vote.signature});
  accept(batch.height, slot);
  ready_.persist.push_back(log_accepted(*slot.pre_prepare));
  ready_.messages.push_back({std::nullopt, {*slot.pre_prepare}});
  ++next_proposal_;
  advance(now);
  return batch;
}

void Replica::bodies_held(Height height, const Hash& digest, Now now) {
  const auto found = slots_.find(height);
  if (found == slots_.end() || !found->second.pre_prepare || found->second.pre_prepare->vote.digest != digest) return;
  found->second.bodies = true;
  advance(now);
}

void Replica::cast(Phase phase, Height height, Slot& slot) {
  Vote vote{phase, view_, height, slot.pre_prepare->vote.digest, config_.self, {}};
  vote.signature = authenticator_->sign(signing_bytes(config_.context, vote));
  (phase == Phase::prepare ? slot.prepares : slot.commits).insert_or_assign(config_.self, CastVote{vote.digest, vote.signature});
  ready_.messages.push_back({std::nullopt, {vote}});
}

void Replica::advance(Now now) {
  if (active_) {
    for (auto& [height, slot] : slots_) {
      if (slot.pre_prepare) advance_slot(height, slot, now);
    }
  }
  hand_over();
  forget();
}

void Replica::advance_slot(Height height, Slot& slot, Now) {
  if (slot.standing == Standing::waiting) {
    if (height <= plan_last_) {
      accept(height, slot);
    } else if (timestamp_of(height - 1)) {
      if (follows_predecessor(slot.pre_prepare->batch)) {
        accept(height, slot);
      } else {
        slot.standing = Standing::refused;
      }
    }
  }
  if (!slot.bodies) return;
  const Hash& digest = slot.pre_prepare->vote.digest;
  const auto votes_for = [&](const std::map<MemberIndex, CastVote>& votes) {
    return static_cast<std::size_t>(std::count_if(votes.begin(), votes.end(), [&](const auto& vote) { return vote.second.digest == digest; }));
  };
  if (height > stable() && height <= window_end()) {
    if (slot.standing == Standing::accepted && !slot.voted_prepare) {
      slot.voted_prepare = true;
      ready_.persist.push_back(log_accepted(*slot.pre_prepare));
      cast(Phase::prepare, height, slot);
    }
    if (!slot.prepared && votes_for(slot.prepares) >= quorum()) {
      slot.prepared = true;
      PreparedCertificate certificate{view_, height, digest, {}, slot.pre_prepare->batch};
      for (const auto& [sender, vote] : slot.prepares) {
        if (vote.digest == digest) certificate.prepares.push_back({sender, vote.signature});
      }
      slot.best = std::move(certificate);
      ready_.persist.push_back(log_prepared(*slot.best));
    }
    if (slot.prepared && !slot.voted_commit) {
      slot.voted_commit = true;
      cast(Phase::commit, height, slot);
    }
  }
  if (!slot.committed) {
    const auto certificate = certificates_.find(height);
    const bool certified = certificate != certificates_.end() && certificate->second.certified.header.batch_digest == digest;
    slot.committed = certified || votes_for(slot.commits) >= quorum();
    if (slot.committed && slot.final_digest && *slot.final_digest != digest) {
      ready_.fatal = "height " + std::to_string(height) + " was committed twice with different batches";
    }
  }
}

void Replica::hand_over() {
  for (auto next = slots_.find(handed_ + 1); next != slots_.end() && next->first == handed_ + 1; ++next) {
    Slot& slot = next->second;
    if (!slot.committed) return;
    ++handed_;
    slot.final_digest = slot.pre_prepare->vote.digest;
    final_timestamps_[handed_] = slot.pre_prepare->batch.timestamp;
    ready_.committed.push_back(slot.pre_prepare->batch);
    publish_certificates();
  }
}

void Replica::end_at(Height last) {
  last_ = last;
  for (auto slot = slots_.upper_bound(last); slot != slots_.end(); slot = slots_.erase(slot)) {
    std::erase_if(view_transactions_, [&](const auto& one) { return one.second == slot->first; });
    ready_.persist.push_back(erase_accepted(slot->first));
    ready_.persist.push_back(erase_prepared(slot->first));
    ready_.forgotten.push_back(slot->first);
  }
}

void Replica::forget() {
  const Height low = std::min(stable(), executed_);
  final_timestamps_.erase(final_timestamps_.begin(), final_timestamps_.lower_bound(low));
  if (slots_.empty() || slots_.begin()->first > low) return;
  ready_.persist.push_back(log_stable(*stable_));
  for (auto slot = slots_.begin(); slot != slots_.end() && slot->first <= low; slot = slots_.erase(slot)) {
    if (slot->second.pre_prepare) {
      for (const Hash& id : slot->second.pre_prepare->batch.transactions) {
        const auto known = view_transactions_.find(id);
        if (known != view_transactions_.end() && known->second == slot->first) view_transactions_.erase(known);
      }
    }
    ready_.persist.push_back(erase_accepted(slot->first));
    ready_.persist.push_back(erase_prepared(slot->first));
    ready_.forgotten.push_back(slot->first);
  }
}

}  // namespace agiddi::consensus
