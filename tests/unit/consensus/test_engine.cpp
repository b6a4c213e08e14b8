// The Engine with its driver's duties done at once: no latency, no loss unless a test says so, virtual time.
#include <catch2/catch.hpp>
#include <deque>

#include "consensus/frames.h"
#include "consensus/log_records.h"
#include "replica_net.h"
#include "chain_machine.h"
#include "tools/sim/cheap_authenticator.h"

using namespace agiddi;
using namespace agiddi::consensus;
using namespace agiddi::consensus::test;

namespace {

Transaction document(const std::string& jti) {
  static const KeyPair key = (crypto_init(), std::move(*KeyPair::from_seed(Bytes(32, 'k'))));
  const ProtectedHeader header{did_from_key(key.public_key()), "test", "sim.add", 1'780'000'000, jti};
  return *parse_transaction(sign_document(key, header, "\"x\""), "\"x\"");
}

class EngineNet {
 public:
  explicit EngineNet(std::size_t count, const std::function<void(EngineConfig&)>& change = [](EngineConfig&) {}) : change_(change) {
    for (std::size_t i = 0; i < count; ++i) nodes_.push_back({nullptr, ChainMachine("test", make_members(count).digest()), {}, {}, 0});
    for (std::size_t i = 0; i < count; ++i) start(i);
  }

  void start(std::size_t i) {
    EngineConfig config;
    config.network = "test";
    config.members = make_members(nodes_.size());
    config.self = static_cast<MemberIndex>(i);
    config.genesis_timestamp = kGenesis_ms - 10;
    change_(config);
    Restored restored;
    for (const auto& [key, value] : nodes_[i].log) restored.log.push_back({key, value});
    nodes_[i].machine.restore_into(restored);
    nodes_[i].engine = std::make_unique<Engine>(std::move(config), std::make_shared<const tools::CheapAuthenticator>(static_cast<MemberIndex>(i)),
                                                std::move(restored), now());
    take(i);
    for (std::size_t other = 0; other < nodes_.size(); ++other) {
      if (other == i || !nodes_[other].engine) continue;
      nodes_[i].engine->peer_connected(static_cast<MemberIndex>(other), now());
      take(i);
      nodes_[other].engine->peer_connected(static_cast<MemberIndex>(i), now());
      take(other);
    }
  }
  void kill(std::size_t i) {
    nodes_[i].engine.reset();
    for (std::size_t other = 0; other < nodes_.size(); ++other) {
      if (!nodes_[other].engine) continue;
      nodes_[other].engine->peer_disconnected(static_cast<MemberIndex>(i), now());
      take(other);
    }
  }
  Engine& operator[](std::size_t i) { return *nodes_[i].engine; }
  ChainMachine& machine(std::size_t i) { return nodes_[i].machine; }
  const std::vector<std::string>& fatal() const { return fatal_; }
  std::size_t log_records(std::size_t i) const { return nodes_[i].log.size(); }
  std::map<Bytes, Bytes>& log(std::size_t i) { return nodes_[i].log; }
  Now now() const { return {time_ms_, kGenesis_ms + time_ms_}; }

  Admission submit(std::size_t i, const Transaction& transaction) {
    const Admission admission = nodes_[i].engine->submit(transaction, now());
    take(i);
    return admission;
  }
  void deliver() {
    while (!queue_.empty()) {
      const auto [from, to, bytes] = queue_.front();
      queue_.pop_front();
      if (!nodes_[to].engine) continue;
      auto frame = decode_frame(*bytes, nodes_.size());
      REQUIRE(frame);
      if (lost(from, to, *frame)) continue;
      const auto ok = nodes_[to].engine->receive(static_cast<MemberIndex>(from), std::move(*frame), now());
      if (!ok) refused.push_back(ok.error().detail);
      take(to);
    }
  }
  // Time passes in steps, with all wake-ups.
  void run(std::int64_t ms) {
    for (const std::int64_t end = time_ms_ + ms; time_ms_ < end;) {
      deliver();
      std::int64_t next = end;
      for (const Node& node : nodes_) {
        if (node.engine) next = std::min(next, node.wake_at_ms);
      }
      time_ms_ = std::max(time_ms_ + 1, std::min(next, end));
      for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (!nodes_[i].engine || nodes_[i].wake_at_ms > time_ms_) continue;
        nodes_[i].engine->tick(now());
        take(i);
      }
    }
    deliver();
  }

  std::function<bool(std::size_t from, std::size_t to, const PeerFrame&)> lost = [](std::size_t, std::size_t, const PeerFrame&) { return false; };
  std::function<void(std::vector<SyncBlock>&)> tamper = [](std::vector<SyncBlock>&) {};
  std::function<SnapshotPart(std::size_t from, const SnapshotRequest&)> serve = [](std::size_t, const SnapshotRequest& request) {
    return SnapshotPart{request.id, request.part, {}, false, {}};
  };
  std::vector<SnapshotStep> steps;                 // of whoever fetches a snapshot
  std::vector<std::string> refused;

 private:
  struct Node {
    std::unique_ptr<Engine> engine;
    ChainMachine machine;
    std::map<Bytes, Bytes> log;
    std::vector<ReadRequest> reads;
    std::int64_t wake_at_ms;
  };
  void take(std::size_t i) {
    for (bool more = true; more;) {
      more = false;
      Node& node = nodes_[i];
      Output output = node.engine->take_output();
      node.wake_at_ms = output.wake_at_ms;
      if (output.fatal) fatal_.push_back(*output.fatal);
      for (const LogWrite& write : output.persist) write.value ? void(node.log[write.key] = *write.value) : void(node.log.erase(write.key));
      for (const Send& send : output.sends) {
        for (std::size_t to = 0; to < nodes_.size(); ++to) {
          if (to != i && (!send.to || *send.to == to)) queue_.push_back({i, to, send.frame});
        }
      }
      for (const CommittedBatch& batch : output.execute) {
        node.engine->executed(node.machine.apply(batch.batch, batch.transactions), now());
        more = true;
      }
      for (const CertifiedBlock& one : output.certified) node.machine.store_certificate(one.certified);
      for (const ReadRequest& read : output.reads) {
        auto blocks = node.machine.read(read.from, read.to);
        tamper(blocks);
        node.engine->blocks_read(read.peer, read.from, std::move(blocks), {}, now());
        more = true;
      }
      for (const SnapshotRead& read : output.snapshot_reads) {
        node.engine->snapshot_read(read.peer, serve(i, read.request), now());
        more = true;
      }
      for (SnapshotStep& step : output.snapshot_steps) {
        if (const auto* begin = std::get_if<SnapshotBegin>(&step)) {
          node.engine->snapshot_begun(begin->manifest.id(), {}, now());
          more = true;
        }
        if (std::holds_alternative<SnapshotStore>(step)) node.engine->snapshot_stored(now());
        steps.push_back(std::move(step));
      }
    }
  }

  std::function<void(EngineConfig&)> change_;
  std::vector<Node> nodes_;
  std::deque<std::tuple<std::size_t, std::size_t, std::shared_ptr<const Bytes>>> queue_;
  std::vector<std::string> fatal_;
  std::int64_t time_ms_ = 1000;
};

// As programs before rules version 6 wrote them: a record for each body, under its id.
void write_bodies_as_before(std::map<Bytes, Bytes>& log) {
  std::vector<LogRecord> records;
  for (const auto& [key, value] : log) records.push_back({key, value});
  for (const auto& [height, bodies] : restore_log(records, limits::kMembersMax).bodies) {
    for (const Bytes& key : bodies.keys) log.erase(key);
    for (const TransactionPtr& body : bodies.transactions) {
      Bytes key = "c/t";
      append_u64_be(key, height);
      log.insert_or_assign(key + Bytes(body->id.view()), encode_transaction(*body));
    }
  }
}

template <class Kind>
auto losing(std::size_t to) {
  return [to](std::size_t, std::size_t receiver, const PeerFrame& frame) { return receiver == to && std::holds_alternative<Kind>(frame.content); };
}

}  // namespace

TEST_CASE("bodies that a former version logged are there after a restart, beside new ones, and all are erased", "[engine]") {
  const bool former = GENERATE(false, true);
  EngineNet net(4);
  net.deliver();
  net.lost = [](std::size_t, std::size_t, const PeerFrame& frame) {   // accepted and no more
    const auto* vote = std::get_if<Vote>(&frame.content);
    return vote != nullptr && vote->phase == Phase::commit;
  };
  for (int i = 0; i < 5; ++i) net.submit(0, document("before" + std::to_string(i)));
  net.run(50);
  REQUIRE(net.machine(0).height() == 0);
  for (std::size_t i = 0; i < 4; ++i) net.kill(i);
  std::vector<std::set<Bytes>> keys(4);
  for (std::size_t i = 0; i < 4; ++i) {
    if (former) write_bodies_as_before(net.log(i));
    for (const auto& [key, value] : net.log(i)) keys[i].insert(key);
    REQUIRE(std::any_of(keys[i].begin(), keys[i].end(), [](const Bytes& key) { return key.starts_with("c/t") && key.size() == 15; }) != former);
  }
  for (std::size_t i = 0; i < 4; ++i) net.start(i);
  net.submit(1, document("after"));
  net.run(200);
  for (std::size_t i = 0; i < 4; ++i) {
    for (const Bytes& key : keys[i]) CHECK((net.log(i).contains(key) || !key.starts_with("c/t")));
  }
  net.lost = [](std::size_t, std::size_t, const PeerFrame&) { return false; };
  net.run(30'000);
  for (std::size_t i = 0; i < 4; ++i) {
    for (int k = 0; k < 5; ++k) CHECK(net.machine(i).knows(document("before" + std::to_string(k)).id));
    CHECK(net.machine(i).knows(document("after").id));
    CHECK(std::none_of(net.log(i).begin(), net.log(i).end(), [](const auto& record) { return record.first.starts_with("c/t"); }));
  }
  CHECK(net.fatal().empty());
}

TEST_CASE("a transaction given to any member is in a block everywhere without waiting", "[engine]") {
  for (const std::size_t n : {1u, 2u, 3u, 4u, 7u, 16u}) {
    EngineNet net(n);
    net.deliver();
    for (std::size_t i = 0; i < n; ++i) {
      CHECK(net.submit(i, document("t" + std::to_string(i))) == Admission::accepted);
      net.deliver();
    }
    net.run(20);
    for (std::size_t i = 0; i < n; ++i) {
      INFO("node " << i << " of " << n);
      CHECK(net.machine(i).knows(document("t0").id));
      CHECK(net.machine(i).height() == net.machine(0).height());
      CHECK(net.machine(i).has_certificate(net.machine(i).height()));
      CHECK(net[i].status().mempool_transactions == 0);
      CHECK(net.log_records(i) == 1);          // nothing is promised any more
    }
    CHECK(net.fatal().empty());
    CHECK(net.refused.empty());
  }
}

TEST_CASE("no work, no blocks; with heartbeats wanted at most five seconds apart", "[engine]") {
  EngineNet net(4);
  net.run(20'000);
  CHECK(net.machine(0).height() == 0);
  for (std::size_t i = 0; i < 4; ++i) net[i].heartbeat_wanted(true, net.now());
  net.run(30'000);
  REQUIRE(net.machine(2).height() >= 6);
  for (Height height = 2; height <= net.machine(2).height(); ++height) {
    CHECK(net.machine(2).header(height).timestamp - net.machine(2).header(height - 1).timestamp <= 5000);
    CHECK(net.machine(2).batch(height).transactions.empty());
  }
  for (std::size_t i = 0; i < 4; ++i) net[i].heartbeat_wanted(false, net.now());
  const Height height = net.machine(0).height();
  net.run(20'000);
  CHECK(net.machine(0).height() == height);
  CHECK(net[0].status().view == 0);
}

TEST_CASE("heartbeats also replace a dead primary", "[engine]") {
  EngineNet net(4);
  net.deliver();
  for (std::size_t i = 0; i < 4; ++i) net[i].heartbeat_wanted(true, net.now());
  net.kill(0);
  net.run(20'000);
  CHECK(net[1].status().view == 1);
  CHECK(net.machine(1).height() >= 3);
}

TEST_CASE("who is connected to a quorum that has not said yet where it stands does not know whether it is behind", "[engine]") {
  EngineNet net(4);
  net.run(100);
  net.kill(3);
  net.submit(0, document("while it was away"));
  net.run(100);
  bool silent = true;
  net.lost = [&](std::size_t, std::size_t to, const PeerFrame& frame) { return silent && to == 3 && std::holds_alternative<MemberStatus>(frame.content); };
  net.start(3);
  net.run(2'000);
  CHECK_FALSE(net[3].status().heard_quorum);
  silent = false;
  net.run(1'000);
  CHECK(net[3].status().heard_quorum);
  CHECK(net[3].status().has_quorum);
  CHECK(net.machine(3).height() == 1);
  // It holds for a connection: after a new one they must say it again.
  silent = true;
  for (const MemberIndex other : {0u, 1u, 2u}) {
    net[3].peer_disconnected(other, net.now());
    net[3].peer_connected(other, net.now());
  }
  CHECK_FALSE(net[3].status().heard_quorum);
}

TEST_CASE("without any load the chain reaches the height that a decision waits for, and stops there", "[engine]") {
  EngineNet net(4);
  net.submit(0, document("decides"));
  net.run(100);
  REQUIRE(net.machine(3).height() == 1);
  for (std::size_t i = 0; i < 4; ++i) net[i].hurry_to(18, 1, net.now());
  net.run(1'000);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(net.machine(i).height() == 18);
    CHECK(net[i].status().view == 0);
  }
  // Also when the primary dies on the way.
  for (std::size_t i = 0; i < 4; ++i) net[i].hurry_to(48, 18, net.now());
  net.kill(0);
  net.run(4'000);
  for (std::size_t i = 1; i < 4; ++i) CHECK(net.machine(i).height() == 48);
  net.run(20'000);
  CHECK(net.machine(1).height() == 48);
  // A height far away is waited for, not filled.
  for (std::size_t i = 1; i < 4; ++i) net[i].hurry_to(1'000, 48, net.now());
  net.run(20'000);
  CHECK(net.machine(1).height() == 48);
}

TEST_CASE("a dead or silent primary is replaced within three seconds", "[engine]") {
  for (const std::size_t n : {3u, 4u, 5u, 7u, 16u}) {
    for (const bool silent : {false, true}) {
      EngineNet net(n);
      net.run(100);
      if (silent) {
        net.lost = [](std::size_t from, std::size_t, const PeerFrame&) { return from == 0; };   // still connected
      } else {
        net.kill(0);
      }
      net.submit(1, document("t"));
      net.run(2'999);
      INFO(n << (silent ? " members, silent" : " members, dead"));
      CHECK(net.machine(1).height() == 1);
      CHECK(net.machine(2).knows(document("t").id));
      CHECK(net[1].status().view == 1);
    }
  }
}

TEST_CASE("two dead primaries in a row are replaced", "[engine]") {
  EngineNet net(7);
  net.run(100);
  net.kill(0);
  net.kill(1);
  net.submit(3, document("t"));
  net.run(4'000);
  CHECK(net.machine(3).height() == 1);
  CHECK(net[3].status().view == 2);
}

TEST_CASE("a primary that leaves out one transaction while it works is replaced", "[engine]") {
  EngineNet net(4);
  const Transaction victim = document("victim");
  net.lost = [&](std::size_t, std::size_t to, const PeerFrame& frame) {
    const auto* gossip = std::get_if<Transactions>(&frame.content);
    return to == 0 && gossip != nullptr && std::any_of(gossip->items.begin(), gossip->items.end(), [&](const auto& one) { return one->id == victim.id; });
  };
  net.submit(2, victim);
  for (int i = 0; i < 40 && !net.machine(2).knows(victim.id); ++i) {
    net.submit(0, document("other" + std::to_string(i)));
    net.run(100);
  }
  CHECK(net.machine(2).knows(victim.id));
  CHECK(net[2].status().view >= 1);
  CHECK(net.machine(2).height() > 5);
}

TEST_CASE("a primary that missed the gossip gets the transaction again in time", "[engine]") {
  EngineNet net(4);
  bool first = true;
  net.lost = [&](std::size_t, std::size_t to, const PeerFrame& frame) {
    return to == 0 && std::holds_alternative<Transactions>(frame.content) && std::exchange(first, false);
  };
  net.submit(2, document("t"));
  net.run(1'490);
  CHECK(net.machine(2).height() == 1);
  CHECK(net[2].status().view == 0);
}

TEST_CASE("missing bodies are fetched by id", "[engine]") {
  EngineNet net(4);
  bool gossip_over = false;
  net.lost = [&](std::size_t, std::size_t to, const PeerFrame& frame) {
    return to == 3 && std::holds_alternative<Transactions>(frame.content) && !gossip_over;
  };
  net.submit(0, document("t"));
  net.run(10);
  CHECK(net.machine(0).height() == 1);
  CHECK(net.machine(3).height() == 0);
  gossip_over = true;
  net.run(200);
  CHECK(net.machine(3).height() == 1);
  CHECK(net[3].counters().bodies_fetched >= 1);
  CHECK(net[3].counters().blocks_synced == 0);
}

TEST_CASE("a body that was fetched for a batch is not held for another one", "[engine]") {
  EngineNet net(4);
  bool commits_lost = true;
  net.lost = [&](std::size_t, std::size_t to, const PeerFrame& frame) {
    const auto* gossip = std::get_if<Transactions>(&frame.content);
    const auto* vote = std::get_if<Vote>(&frame.content);
    return (to == 3 && gossip != nullptr && !gossip->answer) || (commits_lost && vote != nullptr && vote->phase == Phase::commit);
  };
  const auto transaction = document("t");
  net.submit(0, transaction);
  net.run(200);
  REQUIRE(net[3].counters().bodies_fetched == 1);
  CHECK_FALSE(net[3].holds(transaction.id));   // it may stand in an old block that is not here: this member never proposes it
  CHECK(net[1].holds(transaction.id));
  commits_lost = false;
  net.run(3000);
  CHECK(net.machine(3).height() >= 1);
  CHECK(net.machine(3).height() == net.machine(0).height());
}

TEST_CASE("without a quorum in reach nobody changes views, and work goes on when it is back", "[engine]") {
  EngineNet net(4);
  net.run(100);
  net.kill(2);
  net.kill(3);
  CHECK_FALSE(net[0].status().has_quorum);
  net.submit(1, document("t"));
  net.run(60'000);
  CHECK(net[1].status().view == 0);
  CHECK(net.machine(1).height() == 0);
  net.start(2);
  // The batch that waited is too old for a first PrePrepare by now, so the next view proposes the transaction.
  net.run(3'000);
  CHECK(net[0].status().has_quorum);
  CHECK(net.machine(1).height() == 1);
  CHECK(net.machine(2).height() == 1);
}

TEST_CASE("a member that was away catches up by blocks while work goes on", "[engine]") {
  EngineNet net(4);
  net.run(100);
  net.kill(3);
  for (int i = 0; i < 150; ++i) {
    net.submit(0, document("a" + std::to_string(i)));
    net.run(2);
  }
  CHECK(net.machine(0).height() >= 100);
  net.start(3);
  for (int i = 0; i < 100; ++i) {
    net.submit(1, document("b" + std::to_string(i)));
    net.run(10);
  }
  net.run(1'000);
  CHECK(net.machine(3).height() == net.machine(0).height());
  CHECK(net[3].counters().blocks_synced >= 100);
  CHECK_FALSE(net[3].status().syncing);
  for (Height height = 1; height <= net.machine(3).height(); ++height) REQUIRE(net.machine(3).has_certificate(height));
  CHECK(net[0].status().view == 0);
  // It takes part again: two others are not enough without it.
  net.kill(2);
  net.submit(0, document("last"));
  net.run(500);
  CHECK(net.machine(3).knows(document("last").id));
}

TEST_CASE("a member that answers a sync request with garbage is passed over", "[engine]") {
  EngineNet net(4);
  net.run(100);
  net.kill(3);
  for (int i = 0; i < 60; ++i) {
    net.submit(0, document("a" + std::to_string(i)));
    net.run(2);
  }
  int tampered = 0;
  net.tamper = [&](std::vector<SyncBlock>& blocks) {
    if (tampered++ > 0) return;
    blocks.front().header.state_digest = Hash{};
  };
  net.start(3);
  net.run(5'000);
  CHECK(tampered >= 2);
  CHECK(net.refused.size() == 1);
  CHECK(net.machine(3).height() == net.machine(0).height());
}

TEST_CASE("a block that executes to another header than the certified one is fatal", "[engine]") {
  EngineNet net(4);
  net.submit(0, document("before"));
  net.run(100);
  net.kill(3);
  net.submit(0, document("t"));
  net.run(600);
  // Member 3's state is damaged: it has counted something that nobody else has.
  net.machine(3) = ChainMachine("test", make_members(4).digest());
  Batch foreign{1, 0, kGenesis_ms, {document("foreign").id}};
  net.machine(3).apply(foreign, {document("foreign")});
  net.start(3);
  net.run(3'000);
  REQUIRE_FALSE(net.fatal().empty());
  CHECK(net.fatal().front().find("differently") != std::string::npos);
}

TEST_CASE("a full mempool says so", "[engine]") {
  EngineNet net(4, [](EngineConfig& config) { config.mempool = {4, 1 << 20, 100}; });
  net.lost = [](std::size_t, std::size_t, const PeerFrame&) { return true; };
  CHECK(net.submit(1, document("a")) == Admission::accepted);
  CHECK(net.submit(1, document("a")) == Admission::duplicate);
  CHECK(net.submit(1, document("b")) == Admission::accepted);
  CHECK(net.submit(1, document("c")) == Admission::full);   // one signer's half
}

TEST_CASE("what a peer may not send is refused and counted", "[engine]") {
  EngineNet net(4);
  net.run(10);
  const SigningContext context = make_context(4);
  Engine& engine = net[1];
  const auto refused = [&](PeerFrame frame) { return !engine.receive(0, std::move(frame), net.now()); };
  CHECK(refused({make_vote(context, Phase::prepare, 0, 1, tx("d"), 2)}));     // another member's vote
  Vote forged = make_vote(context, Phase::prepare, 0, 1, tx("d"), 0);
  forged.signature[0] ^= 1;
  CHECK(refused({forged}));
  CHECK(refused({SyncResponse{1, {}}}));                                      // nobody asked
  const Batch batch = make_batch(1, 1, kGenesis_ms, {"a"});
  CHECK(refused({PrePrepare{batch, make_vote(context, Phase::prepare, 1, 1, batch.digest(), 0)}}));  // not the primary of view 1
  CHECK(engine.counters().frames_refused == 4);
  CHECK(engine.status().in_flight == 0);
}

TEST_CASE("a member that waits alone for a view is followed in the end, later each time, and soon again once it was well for long", "[engine]") {
  EngineNet net(4);
  net.run(100);
  bool mute = false;
  net.lost = [&](std::size_t from, std::size_t, const PeerFrame&) { return mute && from == 3; };
  // Member 3 hears the others, but not they its transaction: it doubts the primary alone. How long until they come along?
  const auto waits_ms = [&](const std::string& name) {
    const View before = net[0].status().view;
    mute = true;
    net.submit(3, document(name));
    net.run(2'500);
    CHECK(net[3].status().in_view_change);
    CHECK(net[0].status().view == before);
    mute = false;
    std::int64_t waited = 0;
    for (; waited < 60'000 && net[0].status().view == before; waited += 100) net.run(100);
    net.run(2'000);
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(net[i].status().view == before + 1);
      CHECK_FALSE(net[i].status().in_view_change);
      CHECK(net.machine(i).knows(document(name).id));
    }
    return waited;
  };
  const auto about = [](std::int64_t ms) { return Catch::WithinAbs(static_cast<double>(ms), 1'000.0); };
  CHECK_THAT(static_cast<double>(waits_ms("a")), about(10'000));
  CHECK_THAT(static_cast<double>(waits_ms("b")), about(20'000));
  net.run(20'000);                                              // not long enough
  CHECK_THAT(static_cast<double>(waits_ms("c")), about(40'000));
  net.run(160'000 + 80'000);                                    // 80 s, 40 s, 20 s
  CHECK_THAT(static_cast<double>(waits_ms("d")), about(20'000));
  net.run(80'000 + 40'000);
  net.run(600'000);                                             // never below the first
  CHECK_THAT(static_cast<double>(waits_ms("e")), about(10'000));
}

TEST_CASE("a member that is silently cut off stays in its view, says that it has no quorum, and votes at once when it is back", "[engine]") {
  EngineNet net(4);
  net.run(100);
  bool cut = true;
  net.lost = [&](std::size_t from, std::size_t to, const PeerFrame&) { return cut && (from == 3 || to == 3); };   // still connected
  net.submit(0, document("elsewhere"));
  net.submit(3, document("here"));
  net.run(60'000);
  CHECK(net[3].counters().view_changes == 0);
  CHECK_FALSE(net[3].status().has_quorum);
  CHECK(net[0].status().has_quorum);
  CHECK(net.machine(0).height() == 1);
  cut = false;
  net.run(1'500);
  CHECK(net[3].status().has_quorum);
  CHECK(net.machine(3).knows(document("here").id));
  CHECK(net.machine(3).height() == net.machine(0).height());
  net.kill(2);                                                  // its vote is needed now
  net.submit(0, document("last"));
  net.run(500);
  CHECK(net.machine(3).knows(document("last").id));
  for (const std::size_t i : {0u, 1u, 3u}) CHECK(net[i].status().view == 0);
}

TEST_CASE("a restarted primary continues above what it had proposed", "[engine]") {
  EngineNet net(4);
  net.run(100);
  net.lost = [](std::size_t, std::size_t, const PeerFrame& frame) { return std::holds_alternative<Vote>(frame.content); };
  net.submit(0, document("a"));
  net.run(5);
  net.kill(0);
  net.start(0);
  net.lost = [](std::size_t, std::size_t, const PeerFrame&) { return false; };
  net.submit(0, document("b"));
  net.run(1'400);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(net.machine(i).knows(document("a").id));
    CHECK(net.machine(i).knows(document("b").id));
    CHECK(net[i].status().view == 0);
  }
}

TEST_CASE("a member with hardly any blocks fetches a snapshot instead of them, from those who do not lie", "[engine][snapshot]") {
  EngineNet net(4, [](EngineConfig& config) { config.snapshots.behind_min = 5; });
  net.deliver();
  net.kill(3);
  for (int i = 0; i < 12; ++i) {
    net.submit(0, document("s" + std::to_string(i)));
    net.run(30);
  }
  REQUIRE(net.machine(0).height() == 12);
  const SyncBlock at = net.machine(0).read(10, 10).at(0);
  const std::vector<Bytes> chunks{"one", "two", "three", "four", "five", "six"};
  SnapshotManifest manifest{1, at.header, 22, {}};
  for (const Bytes& chunk : chunks) manifest.chunks.push_back(blake2b(chunk));
  net.serve = [&](std::size_t from, const SnapshotRequest& request) {
    if (request.part == 0) return SnapshotPart{request.id, 0, encode_manifest(manifest), false, at.certificate};
    return SnapshotPart{request.id, request.part, from == 1 ? "lie" : chunks.at(request.part - 1), false, {}};
  };
  for (std::size_t i = 0; i < 3; ++i) net[i].snapshots_here({{10, manifest.id()}}, 11, net.now());
  CHECK(net[0].status().snapshot_attested == 0);
  net.run(600);   // long enough for every member to be asked again
  CHECK(net[0].status().snapshot_attested == 10);

  net.start(3);
  net.run(100);
  CHECK(net[3].status().syncing);
  CHECK(net[3].counters().blocks_synced == 0);
  REQUIRE(net.steps.size() == chunks.size() + 2);
  CHECK(std::get<SnapshotBegin>(net.steps.front()).manifest.id() == manifest.id());
  CHECK(std::get<SnapshotFinish>(net.steps.back()).id == manifest.id());
  CHECK(net[3].status().snapshot->chunks_here == 6);
  CHECK(net[3].status().snapshot_liars == 1);
  REQUIRE(!net.refused.empty());
  CHECK_THAT(net.refused[0], Catch::Contains("does not have its hash"));
  // It does not hold after all: with nothing else to fetch, and no blocks from 1 on, it waits and says so.
  net[3].snapshot_failed(manifest.id(), net.now());
  net.run(100);
  CHECK(!net[3].status().snapshot);
  CHECK(net.machine(3).height() == 0);
}

TEST_CASE("a member with blocks takes a snapshot when it is far enough above them, and blocks otherwise", "[engine][snapshot]") {
  for (const Height catch_up_min : {0, 6, 5}) {
    INFO("catch_up_min " << catch_up_min);
    EngineNet net(4, [&](EngineConfig& config) { config.snapshots.catch_up_min = catch_up_min; });
    net.deliver();
    for (int i = 0; i < 12; ++i) {
      if (i == 3) net.kill(3);
      net.submit(0, document("c" + std::to_string(i)));
      net.run(30);
    }
    REQUIRE(net.machine(3).height() == 3);
    const SyncBlock at = net.machine(0).read(8, 8).at(0);
    const SnapshotManifest manifest{1, at.header, 3, {blake2b("one")}};
    net.serve = [&](std::size_t, const SnapshotRequest& request) {
      if (request.part == 0) return SnapshotPart{request.id, 0, encode_manifest(manifest), false, at.certificate};
      return SnapshotPart{request.id, request.part, "one", false, {}};
    };
    for (std::size_t i = 0; i < 3; ++i) net[i].snapshots_here({{8, manifest.id()}}, 1, net.now());
    net.run(600);
    net.start(3);
    net.run(1000);
    const bool by_snapshot = catch_up_min == 5;   // 8 is five above 3
    CHECK(net.machine(3).height() == (by_snapshot ? 3 : 12));
    CHECK(net.steps.size() == (by_snapshot ? 3 : 0));
  }
}

TEST_CASE("a hint of one member or guest does not make a member fetch a snapshot", "[engine][snapshot]") {
  EngineNet net(4, [](EngineConfig& config) { config.snapshots.behind_min = 5; });
  net.deliver();
  for (std::size_t i = 0; i < 3; ++i) net[i].snapshots_here({{50, tx("made up")}}, 1, net.now());
  net.run(600);   // long enough for every member to be asked again
  for (const MemberIndex liar : {MemberIndex{0}, MemberIndex{4}}) {
    if (liar == 4) net[3].peer_connected(liar, net.now());
    REQUIRE(net[3].receive(liar, {Notice{1'000'000}}, net.now()));
    net.run(600);
    CHECK(!net[3].status().snapshot);
    CHECK(!net[3].status().syncing);
  }
  REQUIRE(net[3].receive(1, {Notice{900}}, net.now()));
  net.run(600);
  CHECK(net[3].status().snapshot);
}

TEST_CASE("a member whose snapshot differs from what f + 1 others attest learns that", "[engine][snapshot]") {
  EngineNet net(4);
  net.deliver();
  for (std::size_t i = 0; i < 4; ++i) net[i].snapshots_here({{10, tx(i == 2 ? "damaged" : "right")}, {5, tx("older")}, {1, tx("too old to offer")}}, 1, net.now());
  net.run(600);   // long enough for every member to be asked again
  CHECK(net[2].status().snapshot_contradicted == Height{10});
  CHECK(net[2].status().snapshot_attested == 5);
  CHECK(!net[1].status().snapshot_contradicted);
  CHECK(net[1].status().snapshot_attested == 10);
}

TEST_CASE("blocks that were pruned are not asked for where they are gone", "[engine][snapshot]") {
  EngineNet net(4, [](EngineConfig& config) { config.snapshots.behind_min = 1000; });
  net.deliver();
  net.kill(3);
  for (int i = 0; i < 4; ++i) {
    net.submit(0, document("p" + std::to_string(i)));
    net.run(30);
  }
  for (const std::size_t i : {0, 1}) net[i].snapshots_here({}, 3, net.now());
  int asked_in_vain = 0;
  net.lost = [&](std::size_t from, std::size_t to, const PeerFrame& frame) {
    asked_in_vain += from == 3 && to != 2 && std::holds_alternative<SyncRequest>(frame.content);
    return false;
  };
  net.start(3);
  net.run(1000);
  CHECK(net.machine(3).height() == net.machine(0).height());
  CHECK(asked_in_vain == 0);
}

TEST_CASE("an archive does not give up its blocks when those that follow are nowhere, and says so; others take a snapshot after a while", "[engine][snapshot]") {
  for (const bool archive : {true, false}) {
    EngineNet net(4, [&](EngineConfig& config) {
      config.archive = archive;
      config.gone_patience_ms = 3000;
      config.snapshots.behind_min = 1;
    });
    net.submit(0, document("first"));
    net.run(100);
    REQUIRE(net.machine(3).height() == 1);
    net.kill(3);
    for (int i = 0; i < 4; ++i) {
      net.submit(0, document("later" + std::to_string(i)));
      net.run(30);
    }
    for (const std::size_t i : {0, 1, 2}) net[i].snapshots_here({{4, blake2b("a snapshot")}}, 5, net.now());
    net.start(3);
    net.run(2000);
    INFO(archive);
    CHECK_FALSE(net[3].status().blocks_gone);
    CHECK_FALSE(net[3].status().snapshot);
    net.run(2500);
    CHECK(net[3].status().blocks_gone);
    CHECK(net[3].status().snapshot.has_value() == !archive);
    CHECK(net.machine(3).height() == 1);
  }
}
