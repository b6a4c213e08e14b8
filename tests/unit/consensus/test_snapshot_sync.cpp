// SnapshotSync by itself: members that serve, lie, fall silent or move on, in virtual time.
#include <algorithm>
#include <catch2/catch.hpp>

#include "consensus/snapshot_sync.h"
#include "protocol/crypto/crypto.h"
#include "replica_net.h"

using namespace agiddi;
using namespace agiddi::consensus;
using namespace agiddi::consensus::test;

namespace {

struct Made {
  SnapshotManifest manifest;
  std::vector<Bytes> chunks;
  Hash id;
};

Made make_snapshot(Height height, std::size_t chunks, const std::string& salt = "") {
  crypto_init();
  Made made;
  made.manifest.header.network = "test";
  made.manifest.header.height = height;
  for (std::size_t i = 0; i < chunks; ++i) {
    made.chunks.push_back("chunk " + std::to_string(i) + " of " + std::to_string(height) + salt);
    made.manifest.chunks.push_back(blake2b(made.chunks.back()));
    made.manifest.total_bytes += made.chunks.back().size();
  }
  made.id = made.manifest.id();
  return made;
}

// Member 0 joins; 1, 2, 3 … serve as `answer` says.
struct Join {
  explicit Join(std::size_t members = 4, SnapshotSyncConfig config = {}) : sync(config, members, members, 0), connected(members, true), asked(members, 0) {}

  void offer(MemberIndex peer, const std::vector<const Made*>& snapshots, Height first_block = 1) {
    SnapshotOffers offers{first_block, {}};
    for (const Made* one : snapshots) {
      offers.attestations.push_back({one->manifest.height(), one->id, peer, {}});
      known[one->id] = one;
    }
    sync.offered(peer, offers);
  }
  SnapshotPart honest(const SnapshotRequest& request) const {
    const Made& made = *known.at(request.id);
    return {request.id, request.part, request.part == 0 ? encode_manifest(made.manifest) : made.chunks.at(request.part - 1), false, {}};
  }
  // Asks and answers until nothing moves; time passes by `step_ms` each round.
  void run(std::size_t rounds, std::int64_t step_ms = 10) {
    for (std::size_t round = 0; round < rounds; ++round) {
      for (; disk && unwritten > 0; --unwritten) sync.stored();
      for (const auto& [peer, request] : sync.next(wanted, complete, connected, now_ms, gain)) {
        ++asked[peer];
        in_flight_max = std::max(in_flight_max, ++in_flight);
        if (auto part = answer(peer, request)) {
          --in_flight;
          if (auto taken = sync.received(peer, *part, now_ms); !taken) refused.push_back(std::to_string(peer) + ": " + taken.error().detail);
        }
      }
      in_flight = 0;
      for (SnapshotStep& step : sync.take_steps()) {
        if (auto* begin = std::get_if<SnapshotBegin>(&step)) {
          ++begun;
          sync.begun(begin->manifest.id(), here);
        } else if (auto* store = std::get_if<SnapshotStore>(&step)) {
          CHECK(blake2b(store->chunk) == store->hash);
          here.insert(store->hash);
          ++unwritten;
        } else {
          finished = std::get<SnapshotFinish>(step).id;
        }
      }
      now_ms += step_ms;
    }
  }

  SnapshotSync sync;
  std::vector<bool> connected;
  std::function<std::optional<SnapshotPart>(MemberIndex, const SnapshotRequest&)> answer = [this](MemberIndex, const SnapshotRequest& request) { return honest(request); };
  std::map<Hash, const Made*> known;
  std::vector<std::size_t> asked;
  std::set<Hash> here;
  std::vector<std::string> refused;
  std::optional<Hash> finished;
  std::size_t begun = 0, in_flight = 0, in_flight_max = 0, unwritten = 0;
  bool wanted = true, disk = true;
  Height complete = 0, gain = 1;
  std::int64_t now_ms = 1000;
};

}  // namespace

TEST_CASE("a snapshot comes from all who have it, in parts", "[snapshot]") {
  const Made made = make_snapshot(1000, 40);
  Join join;
  for (MemberIndex peer : {1, 2, 3}) join.offer(peer, {&made});
  join.run(20);
  CHECK(join.finished == made.id);
  CHECK(join.here.size() == 40);
  for (MemberIndex peer : {1, 2, 3}) CHECK(join.asked[peer] >= 10);
  CHECK(join.refused.empty());
  CHECK(join.sync.active());
  CHECK(join.sync.progress()->bytes_fetched > made.manifest.total_bytes);
}

TEST_CASE("one member's word is not enough, two of four are; the highest such snapshot is taken", "[snapshot]") {
  const Made real = make_snapshot(1000, 3), older = make_snapshot(900, 3), lie = make_snapshot(5000, 3), other = make_snapshot(1000, 3, "forged");
  Join join;
  join.offer(3, {&lie, &other});
  join.run(5);
  CHECK(!join.sync.active());
  join.offer(1, {&real, &older});
  join.run(5);
  CHECK(!join.sync.active());
  join.offer(2, {&older});
  CHECK(join.sync.attested(900, older.id, false));
  CHECK(!join.sync.attested(1000, real.id, false));
  CHECK(join.sync.attested(1000, real.id, true));
  join.offer(2, {&real, &older});
  join.run(10);
  CHECK(join.finished == real.id);
  CHECK(join.asked[3] == 0);
  // And a member whose own snapshot is another one than theirs learns it.
  CHECK(join.sync.contradicted(1000, lie.id));
  CHECK(!join.sync.contradicted(1000, real.id));
}

TEST_CASE("nothing is fetched that is not wanted or not above what is here", "[snapshot]") {
  const Made made = make_snapshot(1000, 3);
  Join join;
  for (MemberIndex peer : {1, 2}) join.offer(peer, {&made});
  join.wanted = false;
  join.run(3);
  CHECK(!join.sync.active());
  join.wanted = true;
  join.complete = 1000;
  join.run(3);
  CHECK(!join.sync.active());
}

TEST_CASE("a snapshot is begun only when it is high enough, and dropped when blocks reach it", "[snapshot]") {
  const Made low = make_snapshot(1000, 30), high = make_snapshot(2000, 30);
  Join join;
  for (MemberIndex peer : {1, 2}) join.offer(peer, {&low});
  join.complete = 600;
  join.gain = 500;
  join.run(3);
  CHECK(!join.sync.active());
  for (MemberIndex peer : {1, 2}) join.offer(peer, {&high, &low});
  join.run(2);
  REQUIRE(join.sync.active());
  CHECK(join.sync.progress()->height == 2000);
  join.complete = 2000;
  join.run(1);
  CHECK(!join.sync.active());
}

TEST_CASE("no more parts are asked for than the disk takes", "[snapshot]") {
  const Made made = make_snapshot(1000, 40);
  Join join;
  for (MemberIndex peer : {1, 2, 3}) join.offer(peer, {&made});
  join.disk = false;
  join.run(3000);   // 30 s, longer than nobody may give anything
  CHECK(join.unwritten == SnapshotSync::kPartsMax);
  CHECK(join.here.size() == SnapshotSync::kPartsMax);
  CHECK(join.sync.active());
  CHECK(join.begun == 1);
  join.disk = true;
  join.run(20);
  CHECK(join.finished == made.id);
}

TEST_CASE("a member that lies is found at the first part and never asked again", "[snapshot]") {
  const Made made = make_snapshot(1000, 30);
  for (const std::uint32_t from : {0u, 1u}) {
    Join join;
    for (MemberIndex peer : {1, 2, 3}) join.offer(peer, {&made});
    join.answer = [&](MemberIndex peer, const SnapshotRequest& request) -> std::optional<SnapshotPart> {
      SnapshotPart part = join.honest(request);
      if (peer == 1 && request.part >= from) part.data.back() = static_cast<char>(part.data.back() ^ 1);
      return part;
    };
    join.run(40);
    CHECK(join.finished == made.id);
    CHECK(join.sync.liars() == 1);
    REQUIRE(!join.refused.empty());
    CHECK_THAT(join.refused[0], Catch::StartsWith("1: "));
    CHECK(join.asked[1] <= SnapshotSync::kPartsOfPeerMax + 1);
  }
}

TEST_CASE("a planted bug, chunks that are believed, shows", "[snapshot]") {
  const Made made = make_snapshot(1000, 3);
  SnapshotSyncConfig config;
  config.believe_chunks = true;
  SnapshotSync sync(config, 4, 4, 0);
  for (MemberIndex peer : {1u, 2u}) sync.offered(peer, {1, {{1000, made.id, peer, {}}}});
  const auto asked = sync.next(true, 0, {true, true, true, true}, 0);
  REQUIRE(asked.size() == 1);
  SnapshotPart manifest{made.id, 0, encode_manifest(made.manifest), false, {}}, lie{made.id, 1, "a lie", false, {}};
  REQUIRE(sync.received(1, manifest, 0));
  sync.begun(made.id, {});
  sync.take_steps();
  CHECK(sync.received(1, lie, 0));
  const auto steps = sync.take_steps();
  REQUIRE(steps.size() == 1);
  CHECK(blake2b(std::get<SnapshotStore>(steps[0]).chunk) != std::get<SnapshotStore>(steps[0]).hash);
}

TEST_CASE("a silent member is passed over, and asked again later", "[snapshot]") {
  const Made made = make_snapshot(1000, 20);
  Join join;
  for (MemberIndex peer : {1, 2, 3}) join.offer(peer, {&made});
  join.answer = [&](MemberIndex peer, const SnapshotRequest& request) -> std::optional<SnapshotPart> {
    if (peer == 2) return std::nullopt;
    return join.honest(request);
  };
  join.run(400, 50);
  CHECK(join.finished == made.id);
  CHECK(join.sync.liars() == 0);
  CHECK(join.asked[2] <= 8);
}

TEST_CASE("a busy member is asked again soon; one that no longer has it is not", "[snapshot]") {
  const Made made = make_snapshot(1000, 10);
  Join join;
  for (MemberIndex peer : {1, 2}) join.offer(peer, {&made});
  int busy = 0;
  join.answer = [&](MemberIndex peer, const SnapshotRequest& request) -> std::optional<SnapshotPart> {
    if (peer == 1) return SnapshotPart{request.id, request.part, {}, false, {}};
    if (++busy % 3 == 0) return SnapshotPart{request.id, request.part, {}, true, {}};
    return join.honest(request);
  };
  join.run(100, 50);
  CHECK(join.finished == made.id);
  CHECK(join.asked[1] <= SnapshotSync::kPartsOfPeerMax);
}

TEST_CASE("a download goes on with what is here, and with the newer snapshot when the old one is gone", "[snapshot]") {
  const Made old = make_snapshot(1000, 20), fresh = make_snapshot(2000, 20);
  Join join;
  for (MemberIndex peer : {1, 2, 3}) join.offer(peer, {&old});
  for (std::size_t i = 0; i < 15; ++i) join.here.insert(old.manifest.chunks[i]);
  std::size_t served = 0;
  join.answer = [&](MemberIndex, const SnapshotRequest& request) -> std::optional<SnapshotPart> {
    if (request.id == old.id && request.part > 0 && ++served > 2) return SnapshotPart{request.id, request.part, {}, false, {}};
    return join.honest(request);
  };
  join.run(3);
  CHECK(join.here.size() == 17);
  for (MemberIndex peer : {1, 2, 3}) join.offer(peer, {&fresh});
  join.run(20, 50);
  CHECK(join.finished == fresh.id);
  CHECK(join.begun == 2);
}

TEST_CASE("a snapshot that nobody gives is given up after a while, and one that does not hold is not taken again", "[snapshot]") {
  const Made made = make_snapshot(1000, 5);
  Join join;
  for (MemberIndex peer : {1, 2}) join.offer(peer, {&made});
  join.connected = {true, false, false, false};
  join.run(1);
  CHECK(join.sync.active());
  join.wanted = false;
  join.run(400, 50);
  CHECK(!join.sync.active());

  join.wanted = true;
  join.connected = {true, true, true, true};
  join.run(10);
  REQUIRE(join.finished == made.id);
  join.sync.failed(made.id);
  CHECK(!join.sync.active());
  join.run(10);
  CHECK(!join.sync.active());
}

TEST_CASE("parts that nobody asked for are refused, and what is in flight is bounded", "[snapshot]") {
  const Made made = make_snapshot(1000, 100);
  Join join(16);
  SnapshotPart stray{made.id, 1, made.chunks[0], false, {}};
  CHECK(!join.sync.received(1, stray, 0));
  for (MemberIndex peer = 1; peer < 16; ++peer) join.offer(peer, {&made});
  join.answer = [&](MemberIndex, const SnapshotRequest& request) -> std::optional<SnapshotPart> {
    if (request.part > 0) return std::nullopt;
    return join.honest(request);
  };
  join.run(5);
  CHECK(join.in_flight_max <= SnapshotSync::kPartsMax);
  SnapshotPart foreign{tx("another"), 1, "x", false, {}};
  CHECK(!join.sync.received(1, foreign, 0));
}
