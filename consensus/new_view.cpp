// Beginning a view (section 4.4 of the PBFT paper): the primary proves with a quorum of ViewChanges what must be re-proposed; every receiver
// computes the same from them.
#include "consensus/replica.h"
#include "protocol/check.h"

namespace agiddi::consensus {

void Replica::try_new_view(Now now) {
  if (active_ || !is_primary()) return;
  std::vector<const ViewChange*> together;
  std::map<Hash, const Batch*> batch_of;
  for (const auto& [sender, message] : view_changes_) {
    if (message.view != view_) continue;
    together.push_back(&message);
    for (const PreparedCertificate& certificate : message.prepared) batch_of.emplace(certificate.digest, &*certificate.batch);
  }
  if (together.size() < quorum()) return;

  NewView message{view_, config_.self, {}, {}, {}, {}};
  auto plan = plan_new_view(view_, config_.context.members.digest(), together, config_.genesis_timestamp, batch_of, &message.batches);
  AGIDDI_CHECK(plan.has_value(), "every verified ViewChange carries its batches");
  for (const ViewChange* one : together) {
    ViewChange& bare = message.view_changes.emplace_back(*one);
    for (PreparedCertificate& certificate : bare.prepared) certificate.batch.reset();
  }
  for (const auto& [height, batch] : plan->batches) {
    Vote vote{Phase::prepare, view_, height, batch.digest(), config_.self, {}};
    vote.signature = authenticator_->sign(signing_bytes(config_.context, vote));
    message.prepares.push_back(vote);
  }
  message.signature = authenticator_->sign(signing_bytes(config_.context, message));
  ready_.messages.push_back({std::nullopt, {message}});
  enter(message, *plan, now);
}

namespace {

// A planted bug: what the primary's votes name, whatever follows from the ViewChanges.
std::map<Height, Batch> believed_batches(const NewView& message, const std::map<Hash, const Batch*>& batch_of, const NewViewPlan& plan) {
  std::map<Height, Batch> believed;
  TimeMs previous = plan.stable ? plan.stable->header.timestamp : 0;
  for (const Vote& vote : message.prepares) {
    const auto known = batch_of.find(vote.digest);
    const Batch null_batch{vote.height, message.view, previous, {}};
    believed.emplace(vote.height, known == batch_of.end() ? null_batch : *known->second);
    previous = believed.at(vote.height).timestamp;
  }
  return believed;
}

}  // namespace

Result<NewViewPlan> Replica::plan_of(const NewView& message) const {
  std::vector<const ViewChange*> together;
  for (const ViewChange& one : message.view_changes) together.push_back(&one);
  std::map<Hash, const Batch*> batch_of;
  for (const Batch& batch : message.batches) batch_of.emplace(batch.digest(), &batch);
  auto plan = plan_new_view(message.view, config_.context.members.digest(), together, config_.genesis_timestamp, batch_of);
  if (!plan) return plan;
  if (config_.test_faults.new_view_unchecked) plan->batches = believed_batches(message, batch_of, *plan);
  if (plan->batches.size() != message.prepares.size()) return fail(Status::invalid, "a NewView that does not follow from its messages");
  for (const Vote& vote : message.prepares) {
    const auto batch = plan->batches.find(vote.height);
    if (batch == plan->batches.end() || batch->second.digest() != vote.digest) {
      return fail(Status::invalid, "a NewView that does not follow from its messages");
    }
  }
  return plan;
}

Result<void> Replica::receive(const NewView& message, Now now) {
  if (message.view < view_ || (message.view == view_ && active_)) return {};
  auto plan = plan_of(message);
  if (!plan) return tl::unexpected(plan.error());
  enter(message, *plan, now);
  return {};
}

void Replica::enter(const NewView& message, const NewViewPlan& plan, Now now) {
  view_ = message.view;
  active_ = true;
  sent_.reset();
  new_view_ = message;
  std::erase_if(view_changes_, [&](const auto& one) { return one.second.view <= view_; });
  ready_.persist.push_back(log_new_view(message));
  ready_.persist.push_back(log_view({view_, true, std::nullopt, config_.context.members.epoch()}));
  ready_.view_entered = true;

  view_transactions_.clear();
  for (auto& [height, slot] : slots_) {
    Slot fresh;
    fresh.best = std::move(slot.best);
    fresh.final_digest = slot.final_digest;
    slot = std::move(fresh);
  }
  plan_last_ = plan.last();
  install(message, plan, now);
  next_proposal_ = std::max(plan_last_, stable()) + 1;
  if (plan.stable) adopt(*plan.stable, now);
  advance(now);
  replay_later(now);
}

// The primary's vote in a NewView proposes again what a quorum had prepared, whose bodies a quorum holds: it promises no bodies.
void Replica::install(const NewView& message, const NewViewPlan& plan, Now now) {
  planned_.clear();
  for (const Vote& vote : message.prepares) {
    planned_[vote.height] = vote.digest;
    if (vote.height <= std::min(stable(), handed_)) continue;
    const Batch& batch = plan.batches.at(vote.height);
    Slot& slot = slots_[vote.height];
    slot.pre_prepare = PrePrepare{batch, vote};
    slot.since_ms = now.monotonic_ms;
    slot.bodies = batch.transactions.empty();
    slot.prepares.insert_or_assign(vote.sender, CastVote{vote.digest, vote.signature});
    accept(vote.height, slot);
    if (is_primary()) {
      slot.voted_prepare = true;
      ready_.persist.push_back(log_accepted(*slot.pre_prepare));
    }
    if (!slot.bodies) ready_.need_bodies.push_back(batch);
  }
}

}  // namespace agiddi::consensus
