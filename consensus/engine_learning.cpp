// Member sets that were decided in blocks which are not here: learned from peers, each proven by the one before it, so that a node which knows only
// genesis can check what the present members sign (docs/CONSENSUS.md, "Epochs").
#include <algorithm>

#include "consensus/engine.h"
#include "consensus/verify.h"
#include "protocol/check.h"

namespace agiddi::consensus {
namespace {

constexpr Height kSkipEpochs_heights = 2 * limits::kWindowHeights;   // nearer ones are gone through; no node drops the latest 32 blocks

auto refuse_epochs(std::string detail) { return fail(Status::invalid, std::move(detail)); }

std::string reason(const Error& error) { return error.fields.empty() ? error.detail : error.fields.front().detail; }

bool same(const MemberEpoch& a, const MemberEpoch& b) { return a.from_height == b.from_height && a.members.digest() == b.members.digest(); }

}  // namespace

bool Engine::learn_epochs(Now now) {
  if (!proven_) return false;
  // Who has the proofs already and is far behind lacks only a certified header that shows which epoch is in force.
  const std::uint64_t proven = proven_->members.epoch();
  const bool lacks_head = proven > epoch() && later_epoch() == nullptr && skips_epochs(noticed()) && !snapshot_sync_.active();
  if (auto request = epoch_sync_.next(proven, lacks_head ? epoch() : proven, connected_, now.monotonic_ms)) send(request->first, {request->second});
  return epoch_sync_.waiting_above(config_.epochs.back().members.epoch());
}

void Engine::epoch_proven(const MemberEpoch& epoch) {
  if (proven_ && epoch.members.epoch() == proven_->members.epoch() + 1) proven_ = epoch;
}

Result<void> Engine::on(MemberIndex peer, const EpochRequest& message, Now now) {
  if (!within_budget(peer, kEpochProofsMax_bytes / 2, now)) return refuse_epochs("a peer asks for more than it may in a second");
  output_.epoch_reads.push_back({peer, message.above});
  return {};
}

// Who asks is behind or new here: what it may fetch comes with the answer.
void Engine::epochs_read(MemberIndex peer, std::uint64_t above, std::vector<MemberChange> changes, Now now) {
  EpochProofs answer{above, {}, replica_.stable_certificate()};
  std::size_t bytes = 0;
  for (MemberChange& change : changes) {
    bytes += 1024 + change.transaction.body.size() + change.receipt.size();
    if (!answer.changes.empty() && (bytes > kEpochProofsMax_bytes || answer.changes.size() >= kEpochProofsMax)) break;
    answer.changes.push_back(std::move(change));
  }
  send(peer, {std::move(answer)});
  send_offers(peer);
  work(now);
}

Result<void> Engine::learn(const MemberChange& change) {
  const auto next = decided_by(change, *proven_, config_.network);
  if (!next) return refuse_epochs(reason(next.error()));
  SigningContext before{config_.network, proven_->members, context_.votes_short, {}, config_.test_faults};
  const auto certified = verify_certified({change.proof.certified(change.header), change.proof.certificate}, before, *identify_(proven_->members).authenticator);
  if (!certified && !config_.test_faults.members_unproven) return certified;
  const MemberEpoch* known = known_epoch(next->members.epoch());
  if (known != nullptr && !same(*known, *next)) return refuse_epochs("it contradicts what was executed here");
  proven_ = *next;
  output_.proven.push_back({*next, change});
  if (config_.epochs.back().members.epoch() + 1 == next->members.epoch()) {
    config_.epochs.push_back(*next);
    ++counters_.epochs_learned;
  }
  return {};
}

Result<void> Engine::on(MemberIndex peer, const EpochProofs& message, Now now) {
  if (!proven_ || !epoch_sync_.expects(peer, message.above)) {
    return {};   // it was asked for its offers, or is late
  }
  const auto lie = [&](const std::string& what) {
    ++counters_.epoch_proofs_refused;
    epoch_sync_.lied(peer);
    return refuse_epochs("a member set that is not proven: " + what);
  };
  const std::uint64_t known_before = config_.epochs.back().members.epoch(), proven_before = proven_->members.epoch();
  Result<void> outcome;
  // This node may have executed some of them since it asked.
  const std::uint64_t known = std::min<std::uint64_t>(proven_->members.epoch() - message.above, message.changes.size());
  for (auto change = message.changes.begin() + static_cast<std::ptrdiff_t>(known); change != message.changes.end(); ++change) {
    if (outcome = learn(*change); !outcome) break;
  }
  // What came before a forged one holds all the same.
  if (config_.epochs.back().members.epoch() > known_before) {
    tabulate_epochs();
    const MemberEpoch* next = next_ ? nullptr : known_epoch(epoch() + 1);
    if (next != nullptr) decided(MemberEpoch(*next));
  }
  if (!outcome) return lie(outcome.error().detail);
  // A header of members that come with the next answer proves nothing yet.
  bool useful = proven_->members.epoch() > proven_before;
  if (message.head && (!head_ || head_->header.height < message.head->header.height)) {
    const Height height = message.head->header.height;
    const auto last = std::find_if(config_.epochs.rbegin(), config_.epochs.rend(), [&](const MemberEpoch& one) { return one.from_height <= height; });
    if (last != config_.epochs.rend() && last->members.digest() == message.head->header.members_digest) {
      if (auto certified = verify_certified(*message.head, context_, *authenticator_); !certified) return lie(certified.error().detail);
      head_ = message.head;
      useful = true;
    }
  }
  epoch_sync_.answered(peer, useful, now.monotonic_ms);
  return {};
}

// Nearer blocks are gone through. Beyond that only the present members' word counts for a snapshot, and those of epochs that are over may all be gone.
bool Engine::skips_epochs(Height target) const {
  return target > replica_.handed() + kSkipEpochs_heights || (target > replica_.handed() && snapshot_gain().has_value());
}

// The epoch of the height after `head_`, when it is to begin here in place of those before it.
const MemberEpoch* Engine::later_epoch() const {
  if (!head_ || config_.epochs.back().members.epoch() <= epoch() || snapshot_sync_.finished() || !skips_epochs(head_->header.height)) return nullptr;
  const auto later = std::find_if(config_.epochs.rbegin(), config_.epochs.rend(), [&](const MemberEpoch& one) { return one.from_height <= head_->header.height + 1; });
  return later == config_.epochs.rend() || later->members.epoch() <= epoch() ? nullptr : &*later;
}

// Every epoch below is over: what was promised there binds nobody any more. As at the end of an epoch, one write holds the certificate that proves
// it and the new epoch. What was handed to execution comes back first.
void Engine::enter_later_epoch(Now now) {
  const MemberEpoch* later = later_epoch();
  if (later == nullptr || replica_.handed() != replica_.executed_height()) return;
  const MemberEpoch next = *later;
  RestoredLog log;
  log.stable = head_;
  ReplicaStart start{std::move(log), replica_.executed_height(), std::nullopt, {}, replica_.complete()};
  replica_.end_at(0);
  collect(now);
  enter_epoch(next, *head_, std::move(start), now);
}

// The ledger lies below the epoch in which the node is.
bool Engine::behind_its_epoch() const {
  const MemberEpoch* present = known_epoch(epoch());
  return present != nullptr && replica_.executed_height() + 1 < present->from_height;
}

}  // namespace agiddi::consensus
