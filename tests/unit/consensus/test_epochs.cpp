// Epochs: member sets that change while the chain goes on.
#include "epoch_net.h"

using namespace agiddi;
using namespace agiddi::consensus;
using namespace agiddi::consensus::epoch_test;

TEST_CASE("a node that is no member follows, and takes part from the height on from which it is one", "[epochs]") {
  EpochNet net;
  CHECK(net[0].is_member());
  CHECK_FALSE(net[4].is_member());
  net.run(200, true);
  net.submit(1, "members a b c d e");
  REQUIRE(net.until([&] { return net.all_in_epoch(1); }, 5'000, true));
  CHECK(net[4].is_member());
  const Height from = net.disk(0).epochs[1].from_height;
  REQUIRE(net.until([&] { return net.lowest() > from + 20; }, 5'000, true));
  net.check_chains();
  // It votes: with two of the others away there is no quorum of the five without it.
  net.kill(3);
  const Height before = net.lowest();
  REQUIRE(net.until([&] { return net.lowest() > before + 5; }, 20'000, true));
  net.check_chains();
  // What crosses the change on its way may come from somebody who is no member here yet; nothing is forged.
  for (const std::string& reason : net.refused) CHECK(reason.find("signature") == std::string::npos);
}

TEST_CASE("without any load empty batches take the chain to the new epoch within seconds", "[epochs]") {
  EpochNet net;
  net.run(100);
  net.submit(0, "members a b c d e");
  REQUIRE(net.until([&] { return net.all_in_epoch(1); }, 3'000));
  const Height reached = net.lowest();
  net.run(3'000);
  CHECK(net.lowest() == reached);   // and no further
  net.check_chains();
}

TEST_CASE("a removed member votes no more and follows", "[epochs]") {
  EpochNet net("a b c d");
  net.run(100, true);
  net.submit(3, "members a b d");
  REQUIRE(net.until([&] { return net.all_in_epoch(1); }, 5'000, true));
  CHECK_FALSE(net[2].is_member());
  CHECK(net[3].status().primary < 3);
  const Height from = net.disk(0).epochs[1].from_height;
  REQUIRE(net.until([&] { return net.lowest() > from + 10; }, 10'000, true));
  for (const auto& one : net.disk(0).blocks[from + 2].block.certificate.signatures) CHECK(one.validator != "c");
  net.check_chains();
}

TEST_CASE("with one member down the change is decided and in force; when it is back it follows through both epochs", "[epochs]") {
  for (const std::size_t down : {0u, 3u}) {   // the primary of every first view, and another one
    EpochNet world;
    world.run(100, true);
    world.kill(down);
    world.submit(1, "members a b c d e");
    REQUIRE(world.until([&] { return world.all_in_epoch(1); }, 30'000, true));
    const Height from = world.disk(1).epochs[1].from_height;
    REQUIRE(world.until([&] { return world.lowest() > from + 5; }, 30'000, true));
    world.start(down);
    REQUIRE(world.until([&] { return world[down].epoch() == 1 && world.disk(down).blocks.size() > from + 5; }, 10'000, true));
    world.check_chains();
  }
}

TEST_CASE("a laggard catches up across several epochs, also as somebody who was removed and added again", "[epochs]") {
  EpochNet net;
  net.run(100, true);
  net.kill(3);
  for (const auto& [ids, epoch] : {std::pair{"members a b c d e", 1u}, {"members a b c e", 2u}, {"members e a b c d", 3u}}) {
    net.submit(1, ids);
    REQUIRE(net.until([&, epoch = epoch] { return net.all_in_epoch(epoch); }, 30'000, true));
  }
  net.run(200, true);
  net.start(3);
  CHECK(net[3].epoch() == 0);
  REQUIRE(net.until([&] { return net[3].epoch() == 3 && net.disk(3).blocks.size() + 5 > net.disk(0).blocks.size(); }, 20'000, true));
  CHECK(net[3].is_member());
  net.check_chains();
}

TEST_CASE("a view change during the switch, and messages that are lost, only delay it", "[epochs]") {
  EpochNet net;
  net.run(100, true);
  net.submit(1, "members a b c d e");
  net.run(30, true);
  std::size_t count = 0;
  net.lost = [&](std::size_t, std::size_t, const PeerFrame&) { return ++count % 4 == 0; };
  net.kill(0);
  REQUIRE(net.until([&] { return net.all_in_epoch(1); }, 60'000, true));
  net.lost = [](std::size_t, std::size_t, const PeerFrame&) { return false; };
  const Height before = net.lowest();
  REQUIRE(net.until([&] { return net.lowest() > before + 10; }, 30'000, true));
  net.start(0);
  REQUIRE(net.until([&] { return net.all_in_epoch(1) && net.lowest() > before + 10; }, 20'000, true));
  net.check_chains();
}

TEST_CASE("the votes of the last heights reach one member alone: the others learn from it that the epoch is over", "[epochs]") {
  EpochNet net("a b c d");
  net.run(50, true);
  net.kill(3);                                    // every vote of a, b and c counts
  net.submit(0, "members a b d");
  // c gets what it needs to leave and nobody hears its last votes.
  net.lost = [&](std::size_t from, std::size_t, const PeerFrame& frame) {
    const auto* vote = std::get_if<HeaderVote>(&frame.content);
    return from == 2 && vote && net.disk(2).epochs.size() > 1 && vote->header.height + 2 >= net.disk(2).epochs[1].from_height;
  };
  REQUIRE(net.until([&] { return net.all_in_epoch(1); }, 20'000, true));
  CHECK_FALSE(net[2].is_member());
  net.start(3);
  const Height before = net.lowest();
  REQUIRE(net.until([&] { return net.lowest() > before + 5; }, 20'000, true));
  net.check_chains();
}

TEST_CASE("a crash at every step of a change loses nothing", "[epochs]") {
  std::size_t total = 0;
  {
    EpochNet net;
    net.run(30, true);
    const std::size_t begin = net.steps;
    net.submit(1, "members a b d e");
    REQUIRE(net.until([&] { return net.all_in_epoch(1); }, 10'000, true));
    total = net.steps - begin;
  }
  CHECK(total > 100);
  for (const std::size_t victim : {0u, 2u, 4u}) {     // stays, leaves, joins
    for (std::size_t at = 1; at < total; at += 1 + total / 25) {
      EpochNet net;
      net.run(30, true);
      const std::size_t begin = net.steps;
      bool crashed = false;
      net.on_step = [&] {
        if (crashed || net.steps - begin != at) return;
        crashed = true;
        net.kill(victim);
        net.start(victim);
      };
      net.submit(1, "members a b d e");
      INFO("victim " << victim << " at step " << at);
      REQUIRE(net.until([&] { return net.all_in_epoch(1); }, 30'000, true));
      const Height before = net.lowest();
      REQUIRE(net.until([&] { return net.lowest() > before + 3; }, 20'000, true));
      net.check_chains();
    }
  }
}

TEST_CASE("votes of another epoch are not counted, and who is no member is heard in nothing but blocks and hints", "[epochs]") {
  EpochNet net;
  net.run(50, true);
  net.submit(1, "members a b c d e");
  REQUIRE(net.until([&] { return net.all_in_epoch(1); }, 5'000, true));
  const auto others = net[0].counters().frames_of_other_epochs;
  const Vote vote{Phase::prepare, 0, net[0].replica().stable() + 12, Hash{}, 1, {}};
  CHECK(net[0].receive(1, {vote, 0}, net.now()).has_value());      // dropped without a word
  CHECK(net[0].counters().frames_of_other_epochs == others + 1);
  CHECK_FALSE(net[0].receive(1, {vote, 1}, net.now()).has_value());  // of this epoch, and not signed
  const MemberIndex guest = 5;
  CHECK_FALSE(net[0].receive(guest, {vote, 1}, net.now()).has_value());
  CHECK_FALSE(net[0].receive(guest, {Transactions{}, 1}, net.now()).has_value());
  CHECK(net[0].receive(guest, {Notice{1}, 1}, net.now()).has_value());
  CHECK(net[0].receive(guest, {SyncRequest{1, 2}, 1}, net.now()).has_value());
  CHECK_FALSE(net[0].receive(guest, {SyncResponse{1, {}}, 1}, net.now()).has_value());
  // A hint alone makes nobody believe that it is behind.
  CHECK(net[0].receive(1, {Notice{1'000'000}, 1}, net.now()).has_value());
  CHECK_FALSE(net[0].status().syncing);
}
