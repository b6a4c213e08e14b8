// The Engine alone among its like: blocks, primaries that fail, members that were away, what is refused.
#include "engine_net.h"

using namespace agiddi;
using namespace agiddi::consensus;
using namespace agiddi::consensus::test;

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
