// View changes (section 4.4 of the PBFT paper).
#include <catch2/catch.hpp>

#include "replica_net.h"
#include "tools/sim/cheap_authenticator.h"

using namespace agiddi;
using namespace agiddi::consensus;
using namespace agiddi::consensus::test;

namespace {

bool is_commit(const PeerFrame& frame) {
  const auto* vote = std::get_if<Vote>(&frame.content);
  return vote != nullptr && vote->phase == Phase::commit;
}

constexpr auto kNothing = [](std::size_t, std::size_t, const PeerFrame&) { return false; };

// A quorum asks for the view (its members that are not down).
void time_out(ReplicaNet& net, View view) {
  for (std::size_t node = 0; node < net.size(); ++node) {
    if (!net.down.contains(node) && net[node].view() < view) net.start_view_change(node, view);
  }
  net.deliver();
}

}  // namespace

TEST_CASE("n = 3 to 16: a dead primary is replaced and the next one proposes", "[view change]") {
  for (std::size_t n = 3; n <= limits::kMembersMax; ++n) {
    ReplicaNet net(n);
    net.propose(0, {"a"});
    net.deliver();
    net.down.insert(0);
    net.time_ms += 2000;
    time_out(net, 1);
    INFO("n = " << n);
    for (std::size_t node = 1; node < n; ++node) {
      CHECK(net[node].view() == 1);
      CHECK(net[node].active());
    }
    REQUIRE(net[1].can_propose());
    net.propose(1, {"b"});
    net.deliver();
    for (std::size_t node = 1; node < n; ++node) {
      REQUIRE(net.chain(node).size() == 2);
      CHECK(net.chain(node)[1].transactions == std::vector<Hash>{tx("b")});
    }
  }
}

TEST_CASE("a prepared batch is proposed again with the same digest, view and timestamp", "[view change]") {
  ReplicaNet net(4);
  net.stopped = [](std::size_t, std::size_t, const PeerFrame& frame) { return is_commit(frame); };
  const Batch batch = net.propose(0, {"a"});
  net.deliver();
  net.down.insert(0);
  net.stopped = kNothing;
  net.time_ms += 600'000;   // long past the clock tolerance: a re-proposal is not checked against clocks
  time_out(net, 1);
  for (std::size_t node = 1; node < 4; ++node) {
    REQUIRE(net.chain(node).size() == 1);
    CHECK(net.chain(node)[0].digest() == batch.digest());
    CHECK(net.chain(node)[0].view == 0);
    CHECK(net.chain(node)[0].timestamp == batch.timestamp);
  }
}

TEST_CASE("a batch that only one member committed stays committed", "[view change]") {
  ReplicaNet net(4);
  // All Commits arrive at member 3 only, which executes and dies.
  net.stopped = [](std::size_t, std::size_t to, const PeerFrame& frame) { return is_commit(frame) && to != 3; };
  const Batch batch = net.propose(0, {"a"});
  net.deliver();
  REQUIRE(net.chain(3).size() == 1);
  REQUIRE(net.chain(1).empty());
  net.down.insert(3);
  net.stopped = kNothing;
  time_out(net, 1);
  REQUIRE(net.chain(1).size() == 1);
  CHECK(net.chain(1)[0].digest() == batch.digest());
  // When it comes back, everybody goes on together.
  net.down.clear();
  net.exchange_status();
  net.deliver();
  net.time_ms += 5;
  net.propose(1, {"b"});
  net.deliver();
  for (std::size_t node = 0; node < 4; ++node) CHECK(net.chain(node).size() == 2);
}

TEST_CASE("a gap below a prepared batch becomes an empty block with the previous timestamp", "[view change]") {
  ReplicaNet net(4);
  net.propose(0, {"a"});
  net.deliver();
  // Height 2 is lost for all, height 3 reaches all: the backups hold it back. A quorum prepares it only after height 2, so
  // let height 2 be accepted everywhere but its Prepares be lost.
  net.stopped = [](std::size_t, std::size_t, const PeerFrame& frame) {
    const auto* vote = std::get_if<Vote>(&frame.content);
    return vote != nullptr && (vote->height == 2 || vote->phase == Phase::commit);
  };
  net.time_ms += 5;
  net.propose(0, {"b"});
  net.time_ms += 5;
  const Batch three = net.propose(0, {"c"});
  net.deliver();
  net.down.insert(0);
  net.stopped = kNothing;
  time_out(net, 1);
  for (std::size_t node = 1; node < 4; ++node) {
    REQUIRE(net.chain(node).size() == 3);
    CHECK(net.chain(node)[1].transactions.empty());
    CHECK(net.chain(node)[1].timestamp == net.chain(node)[0].timestamp);
    CHECK(net.chain(node)[1].view == 1);
    CHECK(net.chain(node)[2].digest() == three.digest());
    CHECK(net[node].stable() == 3);
  }
}

TEST_CASE("f + 1 others are joined, f are not", "[view change]") {
  ReplicaNet net(7);   // f = 2
  net.start_view_change(1, 1);
  net.start_view_change(2, 1);
  net.deliver();
  CHECK(net[4].active());
  CHECK(net[4].view() == 0);
  net.start_view_change(3, 1);
  net.deliver();
  for (std::size_t node = 0; node < 7; ++node) {
    CHECK(net[node].view() == 1);
    CHECK(net[node].active());
  }
}

TEST_CASE("one member that asks for a huge view moves nobody", "[view change]") {
  ReplicaNet net(4);
  net.start_view_change(3, 1'000'000'000'000);
  net.deliver();
  for (std::size_t node = 0; node < 3; ++node) CHECK(net[node].view() == 0);
  net.propose(0, {"a"});
  net.deliver();
  CHECK(net.chain(1).size() == 1);
}

TEST_CASE("members in different views meet at the highest that f + 1 ask for", "[view change]") {
  ReplicaNet net(4);
  net.down.insert(0);
  net.stopped = [](std::size_t, std::size_t, const PeerFrame&) { return true; };
  net.start_view_change(1, 1);
  net.start_view_change(2, 5);
  net.start_view_change(3, 6);
  net.deliver();
  net.stopped = kNothing;
  net.start_view_change(1, 2);   // its timer; the others' messages come again with their status
  net.exchange_status();
  net.deliver();
  CHECK(net[1].view() == 5);     // two others ask for 5 or more
  // 5 has two exact votes only: the timer of a quorum that wants 5 or later takes them to 6.
  CHECK(net[1].view_change_quorum());
  net.start_view_change(1, 6);
  net.start_view_change(2, 6);
  net.deliver();
  for (std::size_t node = 1; node < 4; ++node) {
    CHECK(net[node].view() == 6);
    CHECK(net[node].active());
  }
}

TEST_CASE("a member that was away learns the view from one NewView, whoever passes it on", "[view change]") {
  ReplicaNet net(4);
  net.down.insert(3);
  time_out(net, 1);
  CHECK(net[0].view() == 1);
  CHECK(net[3].view() == 0);
  net.down = {1};                // the primary of view 1 is gone; the others hold its proof
  net.exchange_status();
  net.deliver();
  CHECK(net[3].view() == 1);
  CHECK(net[3].active());
}

TEST_CASE("view and promises survive a restart", "[view change]") {
  ReplicaNet net(4);
  net.stopped = [](std::size_t, std::size_t, const PeerFrame& frame) { return is_commit(frame); };
  const Batch batch = net.propose(0, {"a"});
  net.deliver();
  time_out(net, 1);
  for (std::size_t node = 0; node < 4; ++node) {
    net.restart(node);
    CHECK(net[node].view() == 1);
    CHECK(net[node].active());
    CHECK(net[node].uncommitted_proposals() == 1);
  }
  net.stopped = kNothing;
  net.exchange_status();
  net.deliver();
  for (std::size_t node = 0; node < 4; ++node) {
    REQUIRE(net.chain(node).size() == 1);
    CHECK(net.chain(node)[0].digest() == batch.digest());
  }
}

TEST_CASE("a ViewChange that was sent is sent again word for word after a restart", "[view change]") {
  ReplicaNet net(4);
  net.stopped = [](std::size_t, std::size_t, const PeerFrame&) { return true; };
  net.start_view_change(2, 1);
  const auto before = net[2].pending_view_change()->signature;
  net.restart(2);
  REQUIRE(net[2].pending_view_change() != nullptr);
  CHECK_FALSE(net[2].active());
  CHECK(net[2].pending_view_change()->signature == before);
}

TEST_CASE("a NewView that drops a prepared batch is refused", "[view change]") {
  const SigningContext context = make_context(4);
  ReplicaNet net(4);
  const Batch batch = make_batch(1, 0, kGenesis_ms + 5, {"a"});
  auto bare = make_prepared(context, 0, batch);
  bare.batch.reset();
  NewView message{1, 1, {}, {batch}, {}, {}};
  message.view_changes = {make_view_change(context, 1, 1, {bare}), make_view_change(context, 1, 2, {}), make_view_change(context, 1, 3, {})};
  const auto signed_by_primary = [&](NewView view) {
    view.signature = tools::CheapAuthenticator(1).sign(signing_bytes(context, view));
    return view;
  };
  SECTION("without the re-proposal") { net.inject(2, {signed_by_primary(message)}); }
  SECTION("with another batch") {
    const Batch other = make_batch(1, 0, kGenesis_ms + 5, {"b"});
    message.prepares = {make_vote(context, Phase::prepare, 1, 1, other.digest(), 1)};
    net.inject(2, {signed_by_primary(message)});
  }
  SECTION("without the batch") {
    message.batches.clear();
    message.prepares = {make_vote(context, Phase::prepare, 1, 1, batch.digest(), 1)};
    net.inject(2, {signed_by_primary(message)});
  }
  SECTION("with too few ViewChanges") {
    message.view_changes.pop_back();
    message.prepares = {make_vote(context, Phase::prepare, 1, 1, batch.digest(), 1)};
    net.inject(2, {signed_by_primary(message)});
  }
  CHECK(net.refused.size() == 1);
  CHECK(net[2].view() == 0);
}

TEST_CASE("messages of a later view wait in bounded space and count when it begins", "[view change]") {
  ReplicaNet net(4);
  // Member 3 gets everything of view 1 but the NewView, which comes last.
  net.stopped = [](std::size_t, std::size_t to, const PeerFrame& frame) { return to == 3 && std::holds_alternative<NewView>(frame.content); };
  time_out(net, 1);
  net.propose(1, {"a"});
  net.deliver();
  CHECK(net.chain(0).size() == 1);
  CHECK_FALSE(net[3].active());
  net.stopped = [](std::size_t, std::size_t, const PeerFrame& frame) {
    return std::holds_alternative<Vote>(frame.content) || std::holds_alternative<PrePrepare>(frame.content);
  };
  net.exchange_status();
  net.deliver();
  CHECK(net[3].active());
  CHECK(net.chain(3).size() == 1);   // from what it had kept

  const std::size_t before = net[2].memory_bytes();
  const SigningContext context = make_context(4);
  for (Height height = 1; height < 100'000; height += 1) {
    net[2].receive(make_vote(context, Phase::prepare, 1000, height, tx("x"), 0), net.now());
  }
  CHECK(net[2].memory_bytes() < before + 1024 * 1024);
}

TEST_CASE("a replica that forgot what it had prepared would lose a committed batch", "[view change]") {
  TestFaults faults;
  faults.forget_prepared = true;
  ReplicaNet net(4, faults);
  net.stopped = [](std::size_t, std::size_t to, const PeerFrame& frame) { return is_commit(frame) && to != 3; };
  net.propose(0, {"a"});
  net.deliver();
  REQUIRE(net.chain(3).size() == 1);
  net.stopped = kNothing;
  net.down = {3};
  time_out(net, 1);
  net.propose(1, {"b"});
  net.deliver();
  REQUIRE(net.chain(1).size() == 1);
  CHECK(net.chain(1)[0].digest() != net.chain(3)[0].digest());   // which is why the certificates are carried
}
