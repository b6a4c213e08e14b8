// Lies about votes: false signatures and names, digests that nobody has, what was said long ago, and too much of everything.
#include <deque>

#include "protocol/limits.h"
#include "tools/sim/byzantine.h"

namespace agiddi::tools {
namespace {

using namespace consensus;

class Forge final : public Behaviour {
 public:
  bool incoming(MemberIndex, PeerFrame& frame, Liar&) override {
    if (const auto* vote = std::get_if<Vote>(&frame.content)) last_ = *vote;
    if (const auto* status = std::get_if<MemberStatus>(&frame.content)) status_ = *status;
    return true;
  }
  void outgoing(Messages& messages, Liar& liar) override {
    for (Addressed& one : messages) {
      const auto* vote = as<Vote>(one);
      if (vote == nullptr || !liar.random.chance(300)) continue;
      one.frame = changed(*vote, [&](Vote& copy) { copy.signature = liar.false_signature(); });
      ++liar.lies;
    }
  }
  void tick(Messages& messages, Liar& liar) override {
    ++liar.lies;
    if (last_) {  // a vote in another name, and one of its own for the same batch with a signature that is none
      Vote vote = *last_;
      vote.phase = liar.random.chance(500) ? Phase::commit : Phase::prepare;
      vote.sender = static_cast<MemberIndex>(liar.random.between(0, static_cast<std::int64_t>(liar.members()) - 1));
      liar.broadcast(messages, {vote});
      vote.sender = liar.self;
      vote.signature = liar.false_signature();
      liar.broadcast(messages, {vote});
    }
    if (status_ && status_->stable) {  // a block that does not exist, certified by signatures of another one
      MemberStatus status = *status_;
      status.sender = liar.self;
      status.stable->header.height += static_cast<Height>(liar.random.between(1, 40));
      status.stable->header.state_digest = liar.false_hash();
      status.executed = status.stable->header.height;
      liar.sign(status);
      liar.broadcast(messages, {status});
    }
  }

 private:
  std::optional<Vote> last_;
  std::optional<MemberStatus> status_;
};

class WrongDigest final : public Behaviour {
 public:
  void outgoing(Messages& messages, Liar& liar) override {
    for (Addressed& one : messages) {
      if (!liar.random.chance(600)) continue;
      if (const auto* vote = as<HeaderVote>(one)) {
        one.frame = changed(*vote, [&](HeaderVote& copy) {
          copy.header.state_digest.bytes[0] ^= 1;
          liar.sign(copy);
        });
        ++liar.lies;
      } else if (const auto* plain = as<Vote>(one)) {
        one.frame = changed(*plain, [&](Vote& copy) {
          copy.digest.bytes[0] ^= 1;
          liar.sign(copy);
        });
        ++liar.lies;
      }
    }
  }
};

class Stale final : public Behaviour {
 public:
  bool incoming(MemberIndex, PeerFrame& frame, Liar&) override {
    keep(std::make_shared<const PeerFrame>(frame));
    return true;
  }
  void outgoing(Messages& messages, Liar&) override {
    for (const Addressed& one : messages) keep(one.frame);
  }
  void tick(Messages& messages, Liar& liar) override {
    ++liar.lies;
    for (int i = 0; i < 4 && !seen_.empty(); ++i) {
      const auto& old = seen_[static_cast<std::size_t>(liar.random.between(0, static_cast<std::int64_t>(seen_.size()) - 1))];
      liar.broadcast(messages, *old);
      // What it voted for, or others did, once more for an earlier view and for this one.
      if (const auto* vote = std::get_if<Vote>(&old->content)) {
        Vote again = *vote;
        again.sender = liar.self;
        again.view = liar.random.chance(500) ? liar.engine->replica().view() : again.view;
        liar.sign(again);
        liar.broadcast(messages, {again});
      }
    }
    if (liar.random.chance(100)) {
      ViewChange message{liar.engine->replica().view() + static_cast<View>(liar.random.between(1, 3)), liar.self, std::nullopt, {}, {}};
      liar.sign(message);
      liar.broadcast(messages, {message});
    }
  }

 private:
  void keep(std::shared_ptr<const PeerFrame> frame) {
    if (std::holds_alternative<SyncResponse>(frame->content)) return;
    seen_.push_back(std::move(frame));
    if (seen_.size() > 200) seen_.pop_front();
  }
  std::deque<std::shared_ptr<const PeerFrame>> seen_;
};

class Flood final : public Behaviour {
 public:
  void tick(Messages& messages, Liar& liar) override {
    ++liar.lies;
    const Replica& replica = liar.engine->replica();
    const MemberIndex self = liar.self;
    // A view that it will lead one day: proposals for it are kept by others until then.
    View own = replica.view() + 1;
    while (primary_of(own, liar.members()) != self) ++own;
    for (int i = 0; i < 40; ++i) {
      if (i % 6 == 0) {
        Batch batch{replica.stable() + static_cast<Height>(liar.random.between(1, 32)), own, liar.now.wall_ms, {}};
        batch.transactions.assign(limits::kBatchTransactionsMax, liar.false_hash());
        PrePrepare message{batch, {Phase::prepare, own, batch.height, batch.digest(), self, {}}};
        liar.sign(message.vote);
        liar.broadcast(messages, {message});
      }
      Vote vote{Phase::commit, replica.view() + static_cast<View>(i), replica.stable() + static_cast<Height>(i * i), liar.false_hash(), self, {}};
      liar.sign(vote);
      liar.broadcast(messages, {vote});
    }
    liar.broadcast(messages, {SyncRequest{1, 1000}});
    liar.broadcast(messages, {SyncResponse{replica.executed_height() + 1, {}}});
    FetchTransactions fetch;
    for (int i = 0; i < 50; ++i) fetch.ids.push_back(liar.false_hash());
    liar.broadcast(messages, {fetch});
  }
};

}  // namespace

std::unique_ptr<Behaviour> make_forge() { return std::make_unique<Forge>(); }
std::unique_ptr<Behaviour> make_wrong_digest() { return std::make_unique<WrongDigest>(); }
std::unique_ptr<Behaviour> make_stale() { return std::make_unique<Stale>(); }
std::unique_ptr<Behaviour> make_flood() { return std::make_unique<Flood>(); }

}  // namespace agiddi::tools
