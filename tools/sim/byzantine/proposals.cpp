// A primary that proposes what no correct member may vote for.
#include "protocol/limits.h"
#include "tools/sim/byzantine.h"

namespace agiddi::tools {
namespace {

using namespace consensus;

class InvalidBatch final : public Behaviour {
 public:
  bool incoming(MemberIndex, PeerFrame& frame, Liar&) override {
    if (const auto* proposal = std::get_if<PrePrepare>(&frame.content)) remember(proposal->batch);
    return true;
  }

  void outgoing(Messages& messages, Liar& liar) override {
    Messages more;
    for (Addressed& one : messages) {
      if (const auto* proposal = as<PrePrepare>(one)) {
        if (proposal->vote.sender != liar.self || proposal->batch.view != proposal->vote.view) continue;
        if (proposal->batch.height != false_.batch.height || proposal->vote.view != false_.vote.view) spoil(*proposal, liar);
        if (bodies_) more.push_back({one.to, bodies_});
        one.frame = std::make_shared<const PeerFrame>(PeerFrame{false_});
      } else if (const auto* vote = as<Vote>(one); vote && vote->view == false_.vote.view && vote->height == false_.batch.height) {
        one.frame = changed(*vote, [&](Vote& copy) {
          copy.digest = false_.vote.digest;
          liar.sign(copy);
        });
      }
    }
    messages.insert(messages.end(), more.begin(), more.end());   // as an answer: the bodies that the batch lacks
  }

 private:
  void remember(const Batch& batch) {
    for (const Hash& id : batch.transactions) old_.push_back(id);
    if (old_.size() > 100) old_.erase(old_.begin(), old_.begin() + 50);
  }

  void spoil(const PrePrepare& message, Liar& liar) {
    ++liar.lies;
    remember(message.batch);
    false_ = message;
    bodies_.reset();
    Batch& batch = false_.batch;
    const auto body = [&](Transaction transaction) {
      batch.transactions.push_back(transaction.id);
      Transactions answer{{}, true};
      answer.items.push_back(std::make_shared<const Transaction>(std::move(transaction)));
      bodies_ = std::make_shared<const PeerFrame>(PeerFrame{std::move(answer)});
    };
    switch (liar.random.between(0, 8)) {
      case 0: batch.timestamp += liar.random.between(6'000, 3'600'000); break;
      case 1: batch.timestamp -= liar.random.between(6'000, 3'600'000); break;
      case 2: batch.transactions.push_back(batch.transactions.empty() ? liar.false_hash() : batch.transactions.front()); break;
      case 3:
      case 4:
        if (!old_.empty()) batch.transactions.push_back(old_[static_cast<std::size_t>(liar.random.between(0, static_cast<std::int64_t>(old_.size()) - 1))]);
        break;
      case 5: body(liar.workload->forged(liar.lies)); break;
      case 6: body(liar.workload->expired(liar.lies)); break;
      case 7: batch.transactions.push_back(liar.false_hash()); break;
      default: batch.transactions.clear(); break;
    }
    false_.vote.digest = batch.digest();
    liar.sign(false_.vote);
  }

  PrePrepare false_;                                 // of the latest height
  std::shared_ptr<const PeerFrame> bodies_;
  std::vector<Hash> old_;
};

class Overrun final : public Behaviour {
 public:
  void configure(EngineConfig& config) override {
    config.test_faults.watermark_ignored = true;
    config.pipeline_max = 4 * limits::kWindowHeights;
    config.batch_delay_ms = 0;
  }
  // Small batches, two windows of them at once.
  void tick(Messages& messages, Liar& liar) override {
    const Replica& replica = liar.engine->replica();
    if (!replica.active() || !replica.is_primary() || replica.uncommitted_proposals() > 0 || !replica.timestamp_of(replica.next_proposal() - 1)) return;
    if (!liar.random.chance(300)) return;
    ++liar.lies;
    const TimeMs start = std::max(liar.now.wall_ms, *replica.timestamp_of(replica.next_proposal() - 1)) + 1;
    Transactions bodies;
    for (Height step = 0; step < 2 * limits::kWindowHeights; ++step) {
      bodies.items.push_back(std::make_shared<const Transaction>(liar.workload->harmless(liar.random.next())));
    }
    liar.broadcast(messages, {bodies});
    for (Height step = 0; step < 2 * limits::kWindowHeights; ++step) {
      const Height height = replica.next_proposal() + step;
      Batch batch{height, replica.view(), start + static_cast<TimeMs>(step), {bodies.items[step]->id}};
      PrePrepare message{batch, {Phase::prepare, replica.view(), height, batch.digest(), liar.self, {}}};
      liar.sign(message.vote);
      liar.broadcast(messages, {message});
    }
  }
};

}  // namespace

std::unique_ptr<Behaviour> make_invalid_batch() { return std::make_unique<InvalidBatch>(); }
std::unique_ptr<Behaviour> make_overrun() { return std::make_unique<Overrun>(); }

}  // namespace agiddi::tools
