// The change from one epoch to the next, and what goes between nodes of different epochs (docs/CONSENSUS.md, "Epochs").
#include <algorithm>

#include "consensus/engine.h"
#include "consensus/frames.h"
#include "protocol/check.h"

namespace agiddi::consensus {
namespace {

constexpr std::size_t kEarlyMax_frames = 512;          // of the next epoch, until it begins here
constexpr std::int64_t kNoticePause_ms = 100;          // between hints to one peer
constexpr Height kFarBehind = limits::kWindowHeights / 2;

}  // namespace

// Who checks the signatures of an epoch that was in the table stays.
void Engine::tabulate_epochs() {
  auto table = std::make_shared<EpochTable>();
  for (const MemberEpoch& epoch : config_.epochs) {
    const EpochKeys* known = nullptr;
    if (context_.epochs) {
      const auto same = std::find_if(context_.epochs->begin(), context_.epochs->end(), [&](const EpochKeys& one) { return one.members.epoch() == epoch.members.epoch(); });
      if (same != context_.epochs->end()) known = &*same;
    }
    table->push_back({epoch.from_height, epoch.members, known != nullptr ? known->authenticator : identify_(epoch.members).authenticator});
  }
  context_.epochs = std::move(table);
}

const MemberEpoch* Engine::known_epoch(std::uint64_t epoch) const {
  const auto found = std::find_if(config_.epochs.begin(), config_.epochs.end(), [&](const MemberEpoch& one) { return one.members.epoch() == epoch; });
  return found == config_.epochs.end() ? nullptr : &*found;
}

void Engine::decided(const MemberEpoch& next) {
  AGIDDI_CHECK(next.members.epoch() == epoch() + 1, "epochs follow each other");
  next_ = next;
  next_known_at_ = next.from_height - std::min(next.from_height, limits::kWindowHeights + 1);   // the deciding block lies no higher
  if (config_.epochs.back().members.epoch() < next.members.epoch()) {
    config_.epochs.push_back(next);
    tabulate_epochs();
  }
  if (!config_.test_faults.epoch_end_ignored) replica_.end_at(next.from_height - 1);
  // What was proposed beyond the end waits for the next epoch.
  for (const auto& [height, batch] : std::map(bodies_)) {
    if (height >= next.from_height) forget_bodies(height);
  }
  wanted_.erase(wanted_.lower_bound(next.from_height), wanted_.end());
  mempool_.release_in_flight();
}

bool Engine::epoch_is_over() const {
  return next_ && replica_.executed_height() + 1 >= next_->from_height && replica_.complete() + 1 >= next_->from_height;
}

// The last block of the epoch is executed and certified here. Its certificate is logged with the new epoch, before anything is said in it: so
// whoever speaks in an epoch can always prove to the others that it has begun.
void Engine::begin_epoch(Now now) {
  const MemberEpoch next = *next_;
  const CertifiedHeader last = *replica_.stable_certificate();
  AGIDDI_CHECK(last.header.height + 1 == next.from_height, "an epoch ends with a certified block");
  collect(now);
  for (MemberIndex peer = 0; peer < connected_.size(); ++peer) {
    if (connected_[peer] && peer != config_.self) send(peer, {Notice{replica_.complete()}});  // so that nobody waits for votes that nobody gives any more
  }

  // Older epochs than this one are still asked for by blocks that lack a certificate here; nothing is missing below `complete`.
  std::erase_if(config_.epochs, [&](const MemberEpoch& epoch) { return epoch.members.epoch() + 1 < next.members.epoch(); });
  enter_epoch(next, last, ReplicaStart{{}, last.header.height, last, {}}, now);
}

// last: a certified header of the epoch before or of this one.
void Engine::enter_epoch(const MemberEpoch& next, const CertifiedHeader& last, ReplicaStart start, Now now) {
  next_.reset();
  config_.members = next.members;
  const EpochIdentity identity = identify_(next.members);
  config_.self = identity.self.value_or(kNoMember);
  authenticator_ = identity.authenticator;
  context_.members = next.members;
  tabulate_epochs();

  for (const auto& [height, ids] : std::map(logged_bodies_)) forget_bodies(height);
  bodies_.clear();
  wanted_.clear();
  mempool_.release_in_flight();
  output_.persist.push_back(erase_new_view());
  output_.persist.push_back(log_stable(last));
  output_.persist.push_back(log_view({0, true, std::nullopt, next.members.epoch()}));
  const ReplicaConfig config{context_, config_.self, config_.genesis_timestamp, [this](const Hash& id) { return mempool_.recently_committed(id); },
                             config_.heartbeat_interval_ms, config_.test_faults};
  replica_ = Replica(config, authenticator_, std::move(start), now);
  replica_.hurry_to(hurry_to_);
  mempool_.share_among(context_.members.faults() + 1);
  suspicion_ = Suspicion(config_.request_timeout_ms, config_.view_change_timeout_ms, config_.timeout_cap_ms);
  suspicion_.view_entered(now.monotonic_ms);
  block_sync_ = BlockSync(peer_slots(), config_.self, config_.sync_patience_ms, config_.sync_timeout_ms);
  snapshot_sync_ = SnapshotSync(config_.snapshots, context_.members.size(), peer_slots(), config_.self);
  epoch_sync_ = EpochSync(peer_slots(), config_.sync_timeout_ms);
  sign_offers();
  connected_.assign(peer_slots(), false);
  if (is_member()) connected_[config_.self] = true;
  peers_.assign(peer_slots(), Peer{});
  for (Peer& peer : peers_) peer.help_after_ms = config_.stuck_help_ms;
  held_.clear();
  resume_sync_at_ = 0;
  last_block_ms_ = now.monotonic_ms;
  next_status_ms_ = now.monotonic_ms;
  next_offers_ms_ = now.monotonic_ms;
  output_.epoch_begun = true;
  if (const MemberEpoch* after = known_epoch(next.members.epoch() + 1)) decided(MemberEpoch(*after));

  // Those who were faster have spoken already; their signatures are checked like any other's.
  for (Early& early : std::exchange(early_, {})) {
    const int sender = context_.members.index_of(early.sender);
    if (sender < 0 || static_cast<MemberIndex>(sender) == config_.self || early.frame.epoch != epoch()) continue;
    (void)receive(static_cast<MemberIndex>(sender), std::move(early.frame), now);  // refusals are counted
  }
}

// Once a quorum has executed the deciding block, so that the others accept empty batches without a pause between them.
bool Engine::hurrying() const {
  const Height goal = next_ ? next_->from_height - 1 : hurry_to_;
  const Height known_at = next_ ? next_known_at_ : hurry_known_at_;
  return is_member() && replica_.stable() >= known_at && replica_.handed() < goal && goal - replica_.handed() < 2 * limits::kWindowHeights;
}

void Engine::hurry_to(Height last, Height known_at, Now now) {
  hurry_to_ = last;
  hurry_known_at_ = known_at;
  replica_.hurry_to(last);
  work(now);
}

void Engine::frame_of_other_epoch(MemberIndex peer, PeerFrame frame, Now now) {
  ++counters_.frames_of_other_epochs;
  // To one that is behind a hint; to one that is ahead too, which makes it give us its own.
  send_notice(peer, now);
  // Nobody else is believed about it, and nothing of it is signed.
  if (const auto* offers = std::get_if<SnapshotOffers>(&frame.content)) block_sync_.peer_first(peer, offers->first_block);
  if (frame.epoch != epoch() + 1 || peer >= context_.members.size()) return;
  // One peer cannot take the others' room.
  const std::string& id = context_.members[peer].id;
  const auto held = std::count_if(early_.begin(), early_.end(), [&](const Early& one) { return one.sender == id; });
  if (static_cast<std::size_t>(held) >= kEarlyMax_frames / limits::kMembersMax) return;
  if (const auto* batch = std::get_if<PrePrepare>(&frame.content); batch && batch->batch.transactions.size() > limits::kBatchTransactionsMax) return;
  if (std::holds_alternative<MemberStatus>(frame.content) || std::holds_alternative<NewView>(frame.content)) return;   // they come again
  early_.push_back({id, std::move(frame)});
}

void Engine::send_notice(MemberIndex peer, Now now) {
  if (now.monotonic_ms < peers_[peer].next_notice_ms) return;
  peers_[peer].next_notice_ms = now.monotonic_ms + kNoticePause_ms;
  send(peer, {Notice{replica_.complete()}});
}

// Members of one epoch tell each other more with their statuses.
void Engine::notice_all(Now now) {
  for (MemberIndex peer = 0; peer < connected_.size(); ++peer) {
    if (!connected_[peer] || peer == config_.self || (is_member() && peer < context_.members.size())) continue;
    send_notice(peer, now);
  }
}

Result<void> Engine::on(MemberIndex peer, const Notice& message, Now now) {
  peers_[peer].noticed = message.certified;
  if (message.certified > replica_.complete()) block_sync_.peer_certified(peer, message.certified);
  if (message.certified < replica_.complete()) send_notice(peer, now);
  return {};
}

Height Engine::noticed() const {
  Height highest = 0;
  for (std::size_t peer = 0; peer < peers_.size(); ++peer) {
    if (connected_[peer]) highest = std::max(highest, peers_[peer].noticed);
  }
  return highest;
}

Height Engine::vouched() const {
  std::vector<Height> hints;
  for (std::size_t peer = 0; peer < context_.members.size(); ++peer) hints.push_back(connected_[peer] ? peers_[peer].noticed : 0);
  std::sort(hints.rbegin(), hints.rend());
  return hints[context_.members.faults()];
}

bool Engine::far_behind() const {
  const auto ahead = std::count_if(peers_.begin(), peers_.begin() + static_cast<std::ptrdiff_t>(context_.members.size()),
                                   [&](const Peer& peer) { return peer.noticed >= replica_.handed() + kFarBehind; });
  return static_cast<std::size_t>(ahead) > context_.members.faults();
}

}  // namespace agiddi::consensus
