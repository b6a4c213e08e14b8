// A chain of one for tests of the HTTP floor: the real ledger, rules and executor of the sub-services' test world, with a block for each
// transaction and no consensus. Can be told to hold or to refuse what it is given. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <thread>

#include "node/chain.h"
#include "protocol/encoding.h"
#include "tests/unit/subservices/world.h"

namespace agiddi::node::testing {

class WorldChain final : public Chain {
 public:
  enum class Mode { commit, hold, refuse, lose_quorum };

  explicit WorldChain(std::uint32_t rules_version = 1) : world(rules_version) {}

  subservices::test::World world;

  void set_mode(Mode mode) {
    const std::lock_guard lock(mutex_);
    mode_ = mode;
  }
  // Commits what was held.
  void release() {
    std::vector<std::pair<Transaction, Done>> held;
    {
      const std::lock_guard lock(mutex_);
      mode_ = Mode::commit;
      held.swap(held_);
    }
    for (auto& [transaction, done] : held) submit(std::move(transaction), std::move(done));
  }
  std::size_t submitted() const {
    const std::lock_guard lock(mutex_);
    return submitted_;
  }
  // The members sign the header of a height.
  void certify(std::uint64_t height, std::size_t signatures = 3) {
    const auto header = world.ledger->snapshot()->header(height);
    REQUIRE(header);
    QuorumCertificate certificate;
    for (std::size_t i = 0; i < signatures; ++i) {
      const std::string& id = genesis().members[i].id;
      certificate.signatures.push_back({id, world.members[i].key.sign(header_vote_bytes(*header, id))});
    }
    const std::lock_guard lock(mutex_);
    world.ledger->store_certificate(height, certificate);
  }
  template <class Function>
  auto with_world(Function function) {
    const std::lock_guard lock(mutex_);
    return function(world);
  }

  const Genesis& genesis() const override { return world.executor->genesis(); }
  MemberSet members() const override { return world.executor->genesis().member_set(); }
  const Member& self() const override { return genesis().members[0]; }
  TimeMs now() const override {
    const std::lock_guard lock(mutex_);
    return world.now;
  }
  ChainStatus status() const override {
    const std::lock_guard lock(mutex_);
    ChainStatus out;
    out.network = genesis().network;
    out.node = self().id;
    out.height = world.ledger->height();
    out.primary = self().id;
    for (std::size_t i = 1; i < genesis().members.size(); ++i) out.peers.push_back({genesis().members[i].id, i != 3});
    out.has_quorum = mode_ != Mode::lose_quorum;
    return out;
  }
  std::shared_ptr<const ledger::LedgerSnapshot> snapshot() const override { return world.ledger->snapshot(); }

  void submit(Transaction transaction, Done done) override {
    std::vector<ChainEvent> events;
    std::map<std::uint64_t, Listener> listeners;
    Result<Outcome> outcome = fail(Status::unavailable, "There is no quorum.");
    {
      const std::lock_guard lock(mutex_);
      ++submitted_;
      if (mode_ == Mode::hold) {
        held_.emplace_back(std::move(transaction), std::move(done));
        return;
      }
      if (mode_ == Mode::refuse) outcome = fail(Status::overloaded, "The mempool is full.");
      if (mode_ == Mode::commit) {
        const Hash id = transaction.id;
        const auto answers = world.block({std::move(transaction)});
        const auto snapshot = world.ledger->snapshot();
        outcome = Outcome{snapshot->height(), snapshot->header().timestamp, answers[0].receipt};
        events.push_back({"block", snapshot->height(), snapshot->header_hash(), {}, Json::object({{"height", snapshot->height()}})});
        for (const auto& event : world.events) events.push_back({event.kind, snapshot->height(), event.subject, id, event.data});
        listeners = listeners_;
      }
    }
    for (const auto& [handle, listener] : listeners) {   // before the answer: the next write must not be told of first
      if (!events.empty()) listener(events);
    }
    done(std::move(outcome));
  }
  void submit_own(std::string action, Json body, Done done) override {
    const KeyPair& key = world.members[0].key;
    submit(make_transaction(key, genesis().network, action, now() / 1000, body.dump()), std::move(done));
  }
  void is_pending(const Hash& transaction, std::function<void(std::optional<bool>)> done) override {
    bool pending = false;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [held, waiting] : held_) pending = pending || held.id == transaction;
    }
    done(pending);
  }
  std::uint64_t subscribe(Listener listener) override {
    const std::lock_guard lock(mutex_);
    listeners_.emplace(++handles_, std::move(listener));
    return handles_;
  }
  void unsubscribe(std::uint64_t handle) override {
    const std::lock_guard lock(mutex_);
    listeners_.erase(handle);
  }
  std::shared_ptr<const KeyPair> signing_key() const override { return key_; }
  Result<Bytes> open_sealed_key(BytesView) const override { return fail(Status::forbidden, "There is no sealing key here."); }

 private:
  mutable std::mutex mutex_;
  Mode mode_ = Mode::commit;
  std::vector<std::pair<Transaction, Done>> held_;
  std::map<std::uint64_t, Listener> listeners_;
  std::uint64_t handles_ = 0;
  std::size_t submitted_ = 0;
  std::shared_ptr<const KeyPair> key_ = std::make_shared<const KeyPair>(KeyPair::generate());
};

}  // namespace agiddi::node::testing
