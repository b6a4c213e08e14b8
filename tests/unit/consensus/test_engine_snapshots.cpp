// When the Engine fetches a snapshot instead of blocks, and whom it believes.
#include "engine_net.h"

using namespace agiddi;
using namespace agiddi::consensus;
using namespace agiddi::consensus::test;

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
