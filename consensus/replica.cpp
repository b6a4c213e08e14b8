#include "consensus/replica.h"

#include "protocol/check.h"

namespace agiddi::consensus {
namespace {

constexpr std::size_t kLaterMax_messages = 128;         // of later views, by sender
constexpr std::size_t kLaterMax_bytes = 4 * 1024 * 1024;

std::size_t batch_bytes(const Batch& batch) { return 128 + batch.transactions.size() * sizeof(Hash); }

}  // namespace

Replica::Replica(ReplicaConfig config, std::shared_ptr<const Authenticator> authenticator, ReplicaStart start, Now now)
    : config_(std::move(config)), authenticator_(std::move(authenticator)) {
  AGIDDI_CHECK(config_.self < size() || config_.self == kNoMember, "a replica is a member, or follows as none");
  if (config_.test_faults.quorum_too_small) config_.context.votes_short = 1;
  restore(std::move(start), now);
}

// Takes up where the log and the ledger end. Own votes are signed again: Ed25519 is deterministic, and they say what they said before.
void Replica::restore(ReplicaStart start, Now now) {
  executed_ = handed_ = start.applied;
  stable_ = std::move(start.certified);
  complete_ = start.complete.value_or(stable());
  AGIDDI_CHECK(start.complete ? start.log.stable && start.log.stable->header.height > executed_ && complete_ <= executed_
                              : complete_ + start.uncertified.size() == start.applied,
               "every applied block above the certified ones needs its header");
  final_timestamps_[0] = config_.genesis_timestamp;
  if (stable_) final_timestamps_[stable()] = stable_->header.timestamp;
  if (start.log.stable && start.log.stable->header.height > stable()) {
    // Certificates of lower blocks may be missing; what was forgotten below this one stays settled all the same.
    stable_ = std::move(start.log.stable);
    final_timestamps_[stable()] = stable_->header.timestamp;
    certificates_[stable()] = {*stable_, false};
  }
  for (const BlockHeader& header : start.uncertified) {
    final_timestamps_[header.height] = header.timestamp;
    if (!is_voting() || header.members_digest != config_.context.members.digest()) continue;  // members of that epoch certify it
    own_header_votes_[header.height] = {own_header_vote(header), now.monotonic_ms};
    header_votes_[header.height][config_.self] = own_header_votes_[header.height].vote;
  }

  const Height low = std::min(stable(), executed_);
  view_ = start.log.view.view;
  active_ = start.log.view.active;
  if (!active_) {
    sent_ = std::move(start.log.view.sent);
    AGIDDI_CHECK(sent_.has_value(), "a logged view change has its message");
    view_changes_[config_.self] = *sent_;
  }
  // A slot for every logged height, so that its records are erased in the end; those that are certified and applied go at once.
  for (const auto& [height, message] : start.log.accepted) slots_.try_emplace(height);
  for (auto& [height, certificate] : start.log.prepared) slots_[height].best = std::move(certificate);
  forget();
  if (active_ && start.log.new_view && start.log.new_view->view == view_) {
    new_view_ = std::move(start.log.new_view);
    auto plan = plan_of(*new_view_);
    AGIDDI_CHECK(plan.has_value(), "the logged NewView of the current view holds");
    plan_last_ = plan->last();
    install(*new_view_, *plan, now);
  }
  next_proposal_ = std::max({plan_last_, stable(), handed_}) + 1;
  if (active_) {
    for (auto& [height, message] : start.log.accepted) {
      if (height <= low || message.vote.view != view_) continue;
      Slot& slot = slots_[height];
      slot.pre_prepare = message;
      slot.since_ms = now.monotonic_ms;
      slot.bodies = message.batch.transactions.empty();
      slot.voted_prepare = true;
      slot.prepares[message.vote.sender] = {message.vote.digest, message.vote.signature};
      Vote own{Phase::prepare, view_, height, message.vote.digest, config_.self, {}};
      own.signature = authenticator_->sign(signing_bytes(config_.context, own));
      slot.prepares[config_.self] = {own.digest, own.signature};
      accept(height, slot);
      if (!slot.bodies) ready_.need_bodies.push_back(message.batch);
      if (slot.best && slot.best->view == view_ && slot.best->digest == own.digest) {
        slot.prepared = slot.voted_commit = true;
        own.phase = Phase::commit;
        own.signature = authenticator_->sign(signing_bytes(config_.context, own));
        slot.commits[config_.self] = {own.digest, own.signature};
      }
      next_proposal_ = std::max(next_proposal_, height + 1);
    }
  }
  for (const BlockHeader& header : start.uncertified) count_header_votes(header.height, now);
  publish_certificates();   // the logged one, when only it is missing in the ledger
  advance(now);
}

bool Replica::inside_buffer(Height height) const {
  return height > std::min(stable(), handed_) && height <= std::min(stable() + 2 * limits::kWindowHeights, last_);
}

void Replica::keep_for_later(MemberIndex sender, std::variant<PrePrepare, Vote> message, std::size_t bytes) {
  Later& later = later_[sender];
  const bool full = later.messages.size() >= kLaterMax_messages || later.bytes + bytes > kLaterMax_bytes;
  if (full && !config_.test_faults.later_unbounded) return;
  later.messages.push_back(std::move(message));
  later.bytes += bytes;
}

void Replica::replay_later(Now now) {
  const auto all = std::exchange(later_, {});
  for (const auto& [sender, later] : all) {
    for (const auto& message : later.messages) std::visit([&](const auto& one) { receive(one, now); }, message);
  }
}

void Replica::receive(const PrePrepare& message, Now now) {
  if (message.vote.view < view_) return;
  if (message.vote.view > view_ || !active_) {
    keep_for_later(message.vote.sender, message, batch_bytes(message.batch));
    return;
  }
  if (!inside_buffer(message.batch.height)) return;
  place(message, now);
  advance(now);
}

void Replica::receive(const Vote& message, Now now) {
  if (message.view < view_ && !config_.test_faults.vote_view_ignored) return;
  if (message.view > view_ || !active_) {
    keep_for_later(message.sender, message, sizeof(Vote));
    return;
  }
  if (!inside_buffer(message.height)) return;
  Slot& slot = slots_[message.height];
  auto& votes = message.phase == Phase::prepare ? slot.prepares : slot.commits;
  votes.try_emplace(message.sender, CastVote{message.digest, message.signature});
  advance(now);
}

Ready Replica::take_ready() { return std::exchange(ready_, {}); }

bool Replica::window_full() const { return handed_ >= window_end(); }

std::size_t Replica::uncommitted_proposals() const {
  std::size_t count = 0;
  for (auto slot = slots_.upper_bound(handed_); slot != slots_.end(); ++slot) count += slot->second.pre_prepare.has_value() ? 1 : 0;
  return count;
}

std::optional<std::int64_t> Replica::oldest_in_flight_ms() const {
  std::optional<std::int64_t> oldest;
  for (auto slot = slots_.upper_bound(handed_); slot != slots_.end() && slot->first <= window_end(); ++slot) {
    if (!slot->second.pre_prepare) continue;
    oldest = oldest ? std::min(*oldest, slot->second.since_ms) : slot->second.since_ms;
  }
  return oldest;
}

bool Replica::in_flight(const Hash& transaction) const { return view_transactions_.contains(transaction); }

MemberStatus Replica::status() const {
  MemberStatus out;
  out.sender = config_.self;
  out.view = view_;
  out.active = active_;
  out.executed = executed_;
  out.first_uncertified = complete_ < executed_ ? complete_ + 1 : 0;
  out.stable = stable_;
  if (active_) {
    for (auto slot = slots_.upper_bound(stable()); slot != slots_.end(); ++slot) {
      const Slot& one = slot->second;
      if (one.pre_prepare) out.slots.push_back({slot->first, true, one.prepared, one.committed});
    }
  }
  out.signature = authenticator_->sign(signing_bytes(config_.context, out));
  return out;
}

std::vector<PeerFrame> Replica::missing_at(const MemberStatus& peer, Now now, std::int64_t min_age_ms) const {
  std::vector<PeerFrame> out;
  const bool behind = peer.view < view_ || (peer.view == view_ && !peer.active);
  if (behind && active_ && new_view_) out.push_back({*new_view_});
  if (behind && !active_ && sent_) out.push_back({*sent_});

  if (peer.view == view_ && peer.active && active_) {
    std::map<Height, SlotStatus> theirs;
    for (const SlotStatus& slot : peer.slots) theirs[slot.height] = slot;
    const Height peer_stable = peer.stable ? peer.stable->header.height : 0;
    for (auto entry = slots_.upper_bound(peer_stable); entry != slots_.end(); ++entry) {
      const auto& [height, slot] = *entry;
      if (height > peer_stable + 2 * limits::kWindowHeights) break;
      if (!slot.pre_prepare || now.monotonic_ms - slot.since_ms < min_age_ms) continue;
      const SlotStatus have = theirs.contains(height) ? theirs[height] : SlotStatus{};
      if (have.committed || (height <= peer.executed && have.prepared && slot.committed)) continue;
      // An own proposal that only the others remember is not said again before what it promises is on this disk.
      const bool written = slot.voted_prepare || slot.pre_prepare->vote.sender != config_.self;
      if (!have.has_batch && written) out.push_back({*slot.pre_prepare});
      const auto own_vote = [&](Phase phase, const std::map<MemberIndex, CastVote>& votes) {
        const auto own = votes.find(config_.self);
        if (own == votes.end()) return;
        out.push_back({Vote{phase, view_, height, own->second.digest, config_.self, own->second.signature}});
      };
      if (!have.prepared) own_vote(Phase::prepare, slot.prepares);
      own_vote(Phase::commit, slot.commits);
    }
  }

  const Height from = peer.first_uncertified > 0 ? peer.first_uncertified : (peer.stable ? peer.stable->header.height : 0) + 1;
  std::size_t count = 0;
  for (auto own = own_header_votes_.lower_bound(from); own != own_header_votes_.end() && count < 2 * limits::kWindowHeights; ++own) {
    if (now.monotonic_ms - own->second.since_ms < min_age_ms) continue;
    out.push_back({own->second.vote});
    ++count;
  }
  return out;
}

std::size_t Replica::memory_bytes() const {
  std::size_t bytes = 0;
  for (const auto& [height, slot] : slots_) {
    bytes += sizeof slot + (slot.prepares.size() + slot.commits.size()) * (sizeof(CastVote) + 48);
    if (slot.pre_prepare) bytes += batch_bytes(slot.pre_prepare->batch);
    if (slot.best) bytes += slot.best->prepares.size() * sizeof(MemberSignature) + (slot.best->batch ? batch_bytes(*slot.best->batch) : 0);
  }
  for (const auto& [sender, later] : later_) bytes += later.bytes;
  for (const auto& [sender, message] : view_changes_) {
    for (const PreparedCertificate& one : message.prepared) bytes += 1024 + (one.batch ? batch_bytes(*one.batch) : 0);
  }
  for (const auto& [height, votes] : header_votes_) bytes += votes.size() * 512;
  return bytes + certificates_.size() * 2048 + own_header_votes_.size() * 512 + final_timestamps_.size() * 64 + view_transactions_.size() * 64;
}

}  // namespace agiddi::consensus
