// The normal case (section 4.2 of the PBFT paper), for every number of members.
#include <catch2/catch.hpp>

#include "replica_net.h"

using namespace agiddi;
using namespace agiddi::consensus;
using namespace agiddi::consensus::test;

namespace {

void check_equal_chains(ReplicaNet& net, std::size_t height) {
  for (std::size_t node = 0; node < net.size(); ++node) {
    if (net.down.contains(node)) continue;
    INFO("node " << node << " of " << net.size());
    CHECK_FALSE(net.fatal(node));
    REQUIRE(net.chain(node).size() == height);
    for (std::size_t i = 0; i < height; ++i) CHECK(net.chain(node)[i].digest() == net.chain(net.down.contains(0) ? 1 : 0)[i].digest());
  }
}

}  // namespace

TEST_CASE("n = 1 to 16: batches commit in order everywhere and are certified", "[replica]") {
  for (std::size_t n = 1; n <= limits::kMembersMax; ++n) {
    ReplicaNet net(n);
    for (int i = 0; i < 3; ++i) {
      net.time_ms += 5;
      net.propose(0, {"tx" + std::to_string(i)});
    }
    net.deliver();
    check_equal_chains(net, 3);
    for (std::size_t node = 0; node < n; ++node) {
      CHECK(net[node].stable() == 3);
      CHECK(net.certified(node).size() == 3);
      CHECK(net[node].complete() == 3);
    }
  }
}

TEST_CASE("n = 1 to 16: f silent members stop nothing, one more stops everything", "[replica]") {
  for (std::size_t n = 2; n <= limits::kMembersMax; ++n) {
    const MemberSet members = make_members(n);
    ReplicaNet net(n);
    for (std::size_t i = 0; i < n - members.quorum(); ++i) net.down.insert(n - 1 - i);
    net.propose(0, {"a"});
    net.deliver();
    INFO("n = " << n);
    check_equal_chains(net, 1);
    CHECK(net[0].stable() == 1);

    net.down.insert(n - 1 - (n - members.quorum()));
    net.time_ms += 5;
    net.propose(0, {"b"});
    net.deliver();
    CHECK(net.chain(0).size() == 1);
  }
}

TEST_CASE("several heights are in flight, and execution keeps their order", "[replica]") {
  ReplicaNet net(4);
  net.stopped = [](std::size_t, std::size_t, const PeerFrame& frame) {
    const auto* vote = std::get_if<Vote>(&frame.content);
    return vote != nullptr && vote->height == 1 && vote->phase == Phase::commit;
  };
  for (const char* name : {"a", "b", "c"}) {
    net.time_ms += 5;
    net.propose(0, {name});
  }
  net.deliver();
  for (std::size_t node = 0; node < 4; ++node) {
    CHECK(net.chain(node).empty());                // 2 and 3 are committed and wait for 1
    CHECK(net[node].uncommitted_proposals() == 3);
  }
  net.stopped = [](std::size_t, std::size_t, const PeerFrame&) { return false; };
  net.exchange_status();
  net.deliver();
  check_equal_chains(net, 3);
}

TEST_CASE("the window: no vote beyond the last certified height and its width", "[replica]") {
  ReplicaNet net(4);
  net.stopped = [](std::size_t, std::size_t, const PeerFrame& frame) { return std::holds_alternative<HeaderVote>(frame.content); };
  for (Height i = 0; i < limits::kWindowHeights; ++i) {
    net.time_ms += 5;
    net.propose(0, {"tx" + std::to_string(i)});
    net.deliver();
  }
  CHECK(net[0].handed() == limits::kWindowHeights);
  CHECK(net[0].stable() == 0);
  CHECK(net[0].window_full());
  CHECK_FALSE(net[0].can_propose());

  net.stopped = [](std::size_t, std::size_t, const PeerFrame&) { return false; };
  net.exchange_status();   // header votes are sent again
  net.deliver();
  CHECK(net[0].stable() == limits::kWindowHeights);
  CHECK(net[0].can_propose());
}

TEST_CASE("a backup that is slower to certify keeps what lies beyond its window", "[replica]") {
  // A primary whose window has moved on proposes where a backup may not vote yet (the pain of hyperledger fabric #1119).
  ReplicaNet net(4);
  net.stopped = [](std::size_t, std::size_t to, const PeerFrame& frame) { return to == 3 && std::holds_alternative<HeaderVote>(frame.content); };
  for (Height i = 0; i < limits::kWindowHeights + 4; ++i) {
    net.time_ms += 5;
    net.propose(0, {"tx" + std::to_string(i)});
    net.deliver();
  }
  CHECK(net[0].stable() == limits::kWindowHeights + 4);
  CHECK(net[3].stable() == 0);
  CHECK(net[3].uncommitted_proposals() == 0);      // it follows the others' commits
  net.stopped = [](std::size_t, std::size_t, const PeerFrame&) { return false; };
  net.exchange_status();
  net.deliver();
  CHECK(net[3].stable() == limits::kWindowHeights + 4);
}

TEST_CASE("no body, no vote", "[replica]") {
  ReplicaNet net(4);
  net.bodies = [](std::size_t node, const Batch&) { return node != 2; };
  net.propose(0, {"a"});
  net.deliver();
  CHECK(net.chain(2).empty());
  CHECK(std::none_of(net.transcript.begin(), net.transcript.end(), [](const std::string& line) {
    return line.rfind("2 -> ", 0) == 0 && (line.find("Prepare") != std::string::npos || line.find("Commit") != std::string::npos);
  }));
  CHECK(net.chain(1).size() == 1);
}

TEST_CASE("a vote leaves with the record that keeps its promise", "[replica]") {
  ReplicaNet net(4);
  const Batch batch = net.propose(0, {"a"});
  REQUIRE(net.log(0).size() == 1);                 // accepted, before anyone heard of it
  net.stopped = [](std::size_t, std::size_t, const PeerFrame& frame) {
    const auto* vote = std::get_if<Vote>(&frame.content);
    return vote != nullptr && vote->phase == Phase::commit;
  };
  net.deliver();
  for (std::size_t node = 0; node < 4; ++node) {
    std::vector<LogRecord> records;
    for (const auto& [key, value] : net.log(node)) records.push_back({key, value});
    const RestoredLog log = restore_log(records, 4);
    REQUIRE(log.accepted.contains(1));
    REQUIRE(log.prepared.contains(1));
    CHECK(log.accepted.at(1).vote.digest == batch.digest());
    CHECK(log.prepared.at(1).digest == batch.digest());
  }
}

TEST_CASE("certified and executed heights leave one record: that they are", "[replica]") {
  ReplicaNet net(4);
  net.propose(0, {"a"});
  net.deliver();
  for (std::size_t node = 0; node < 4; ++node) {
    REQUIRE(net.log(node).size() == 1);
    CHECK(net.log(node).begin()->first == "c/stable");
  }
}

TEST_CASE("what was forgotten below a certificate stays settled after a restart, also when a lower certificate is missing", "[replica]") {
  ReplicaNet net(4);
  // Height 1 is certified nowhere, height 2 is: records of both are erased.
  net.stopped = [](std::size_t, std::size_t, const PeerFrame& frame) {
    const auto* vote = std::get_if<HeaderVote>(&frame.content);
    return vote != nullptr && vote->header.height == 1;
  };
  net.propose(0, {"a"});
  net.time_ms += 5;
  net.propose(0, {"b"});
  net.deliver();
  REQUIRE(net[2].stable() == 2);
  REQUIRE(net[2].complete() == 0);
  for (std::size_t node = 0; node < 4; ++node) net.restart(node);
  CHECK(net[2].stable() == 2);
  CHECK(net[2].complete() == 0);
  for (std::size_t node = 1; node < 4; ++node) net.start_view_change(node, 1);
  net.deliver();
  net.time_ms += 5;
  CHECK(net.propose(1, {"c"}).height == 3);
  net.deliver();
  check_equal_chains(net, 3);
}

TEST_CASE("everybody restarts in the middle of a batch and goes on", "[replica]") {
  ReplicaNet net(4);
  net.stopped = [](std::size_t, std::size_t, const PeerFrame& frame) {
    const auto* vote = std::get_if<Vote>(&frame.content);
    return vote != nullptr && vote->phase == Phase::commit;
  };
  net.propose(0, {"a"});
  net.deliver();
  for (std::size_t node = 0; node < 4; ++node) net.restart(node);
  net.stopped = [](std::size_t, std::size_t, const PeerFrame&) { return false; };
  CHECK(net[0].next_proposal() == 2);              // height 1 is taken, for ever
  net.exchange_status();
  net.deliver();
  check_equal_chains(net, 1);
}

TEST_CASE("executed but not certified blocks are certified after a restart", "[replica]") {
  ReplicaNet net(4);
  net.stopped = [](std::size_t, std::size_t, const PeerFrame& frame) { return std::holds_alternative<HeaderVote>(frame.content); };
  net.propose(0, {"a"});
  net.deliver();
  for (std::size_t node = 0; node < 4; ++node) net.restart(node);
  net.stopped = [](std::size_t, std::size_t, const PeerFrame&) { return false; };
  net.exchange_status();
  net.deliver();
  for (std::size_t node = 0; node < 4; ++node) CHECK(net.certified(node).size() == 1);
}

TEST_CASE("a first proposal is refused when its clock is off, its order wrong or a transaction repeated", "[replica]") {
  const SigningContext context = make_context(4);
  ReplicaNet net(4);
  net.time_ms = 10'000;
  const auto offered = [&](const Batch& batch) {
    net.transcript.clear();
    net.inject(1, {PrePrepare{batch, make_vote(context, Phase::prepare, 0, batch.height, batch.digest(), 0)}});
    return net.queued() > 0;   // a Prepare is under way
  };
  const TimeMs now = net.now().wall_ms;
  SECTION("good") { CHECK(offered(make_batch(1, 0, now, {"a"}))); }
  SECTION("within the tolerance") { CHECK(offered(make_batch(1, 0, now - limits::kBatchClockTolerance_ms, {"a"}))); }
  SECTION("too early") { CHECK_FALSE(offered(make_batch(1, 0, now - limits::kBatchClockTolerance_ms - 1, {"a"}))); }
  SECTION("too late") { CHECK_FALSE(offered(make_batch(1, 0, now + limits::kBatchClockTolerance_ms + 1, {"a"}))); }
  SECTION("not above the previous batch's") {
    CHECK(offered(make_batch(1, 0, now, {"a"})));
    net.deliver();
    CHECK_FALSE(offered(make_batch(2, 0, now, {"b"})));
  }
  SECTION("a transaction twice in a batch") { CHECK_FALSE(offered(make_batch(1, 0, now, {"a", "a"}))); }
  SECTION("a transaction of an earlier batch in flight") {
    CHECK(offered(make_batch(1, 0, now, {"a"})));
    net.deliver();
    CHECK_FALSE(offered(make_batch(2, 0, now + 1, {"b", "a"})));
  }
  SECTION("an empty batch too soon") { CHECK_FALSE(offered(make_batch(1, 0, kGenesis_ms, {}))); }
  SECTION("a batch of another view") { CHECK_FALSE(offered(make_batch(2, 0, now, {"a"}))); }
}

TEST_CASE("a batch waits for the one below it", "[replica]") {
  const SigningContext context = make_context(4);
  ReplicaNet net(4);
  const TimeMs now = net.now().wall_ms;
  const Batch one = make_batch(1, 0, now, {"a"}), two = make_batch(2, 0, now + 1, {"b"});
  net.inject(1, {PrePrepare{two, make_vote(context, Phase::prepare, 0, 2, two.digest(), 0)}});
  CHECK(net.queued() == 0);
  net.inject(1, {PrePrepare{one, make_vote(context, Phase::prepare, 0, 1, one.digest(), 0)}});
  CHECK(net.queued() == 6);   // Prepares for both, to three members
}

TEST_CASE("a batch that waits is looked at again before it gets a vote", "[replica]") {
  const SigningContext context = make_context(4);
  std::set<Hash> committed;
  ReplicaConfig config;
  config.context = context;
  config.self = 1;
  config.genesis_timestamp = kGenesis_ms - 10;
  config.is_committed = [&](const Hash& id) { return committed.contains(id); };
  Replica replica(config, std::make_shared<const tools::CheapAuthenticator>(1), ReplicaStart{}, {10, kGenesis_ms + 10});
  const auto offer = [&](const Batch& batch) {
    replica.receive(PrePrepare{batch, make_vote(context, Phase::prepare, 0, batch.height, batch.digest(), 0)}, {10, kGenesis_ms + 10});
    for (const Batch& wanted : replica.take_ready().need_bodies) replica.bodies_held(wanted.height, wanted.digest(), {10, kGenesis_ms + 10});
    std::size_t votes = 0;
    for (const Message& message : replica.take_ready().messages) votes += std::holds_alternative<Vote>(message.frame.content);
    return votes;
  };
  const TimeMs now = kGenesis_ms + 10;
  CHECK(offer(make_batch(2, 0, now + 1, {"a"})) == 0);
  committed.insert(tx("a"));                                  // by a block that came from elsewhere
  CHECK(offer(make_batch(1, 0, now, {"b"})) == 1);            // of height 1 alone
}

TEST_CASE("a primary that proposes two batches for one height gets one at most committed", "[replica]") {
  const SigningContext context = make_context(4);
  ReplicaNet net(4);
  const TimeMs now = net.now().wall_ms;
  const Batch left = make_batch(1, 0, now, {"left"}), right = make_batch(1, 0, now, {"right"});
  const auto offer = [&](std::size_t to, const Batch& batch) {
    net.inject(to, {PrePrepare{batch, make_vote(context, Phase::prepare, 0, 1, batch.digest(), 0)}});
  };
  net.down.insert(0);
  offer(1, left);
  offer(2, left);
  offer(3, right);
  net.deliver();
  // Left is prepared with the primary's vote, but only two members commit to it.
  for (std::size_t node = 1; node < 4; ++node) CHECK(net.chain(node).empty());
  CHECK(net[1].oldest_in_flight_ms().has_value());   // so that the timer will replace this primary
}

TEST_CASE("a replica that refused a batch follows a quorum that did not", "[replica]") {
  ReplicaNet net(4);
  net.stopped = [](std::size_t, std::size_t to, const PeerFrame& frame) { return to == 3 && std::holds_alternative<PrePrepare>(frame.content); };
  const Batch batch = net.propose(0, {"a"});
  net.deliver();
  CHECK(net.chain(3).empty());
  // It gets the PrePrepare so late that its clock says no.
  net.time_ms += 60'000;
  net.inject(3, {PrePrepare{batch, make_vote(make_context(4), Phase::prepare, 0, 1, batch.digest(), 0)}});
  net.deliver();
  CHECK(net.chain(3).size() == 1);
}

TEST_CASE("a primary that lost its disk hears its own proposals from others and goes on above them", "[replica]") {
  ReplicaNet net(4);
  PeerFrame proposal;
  net.stopped = [&](std::size_t, std::size_t, const PeerFrame& frame) {
    if (std::holds_alternative<PrePrepare>(frame.content)) proposal = frame;
    return true;
  };
  net.propose(0, {"a"});
  net.deliver();
  REQUIRE(std::holds_alternative<PrePrepare>(proposal.content));

  ReplicaNet fresh(4);   // the same keys, nothing remembered
  fresh.bodies = [](std::size_t, const Batch&) { return false; };
  fresh.inject(0, proposal);
  // It holds no body and has written nothing yet: neither a vote nor the proposal, which is one, is said again.
  CHECK(fresh[0].missing_at(MemberStatus{1, 0, true, 0, 0, std::nullopt, {}, {}}, fresh.now(), 0).empty());
  CHECK(fresh[0].next_proposal() == 2);
  REQUIRE(fresh[0].can_propose());
  fresh.time_ms += 5;
  CHECK(fresh.propose(0, {"b"}).height == 2);   // and not a second batch of height 1
}

TEST_CASE("certificates that nobody has any more are given up once the certified block is executed", "[replica]") {
  ReplicaNet net(4);
  net.stopped = [](std::size_t, std::size_t to, const PeerFrame& frame) {
    const auto* vote = std::get_if<HeaderVote>(&frame.content);
    return vote != nullptr && to == 3 && vote->header.height < 3;
  };
  for (const char* name : {"a", "b", "c"}) {
    net.propose(0, {name});
    net.deliver();
    net.time_ms += 5;
  }
  REQUIRE(net.chain(3).size() == 3);
  REQUIRE(net[3].stable() == 3);
  REQUIRE(net[3].complete() == 0);
  const auto skipped = net[3].skip_certificates(net.now());
  REQUIRE(skipped);
  CHECK(skipped->header.height == 3);
  CHECK(net[3].complete() == 3);
  CHECK_FALSE(net[3].skip_certificates(net.now()));   // nothing is missing any more
  CHECK_FALSE(net[0].skip_certificates(net.now()));

  net.propose(0, {"d"});
  net.deliver();
  CHECK(net[3].complete() == 4);
  CHECK(net.certified(3).contains(4));
  CHECK_FALSE(net.fatal(3));
}
