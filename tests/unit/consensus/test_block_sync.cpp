// BlockSync by itself: what is asked of whom, and when blocks are gone, whatever single peers say.
#include <catch2/catch.hpp>

#include "consensus/block_sync.h"

using namespace agiddi::consensus;

namespace {

constexpr std::size_t kMembers = 4;
const std::vector<bool> kConnected{true, true, true, true, true};   // four members, the first of them asks, and a guest

BlockSync ahead() {
  BlockSync sync(5, 0, 300, 2000);
  for (const MemberIndex peer : {1u, 2u, 3u, 4u}) sync.peer_certified(peer, 500);
  return sync;
}

}  // namespace

TEST_CASE("blocks are gone when f + 1 members dropped them and nobody has them", "[sync]") {
  BlockSync sync = ahead();
  CHECK(!sync.gone(100, kConnected, kMembers));
  for (const MemberIndex peer : {1u, 2u, 3u, 4u}) sync.peer_first(peer, 400);
  CHECK(sync.gone(100, kConnected, kMembers));
  CHECK(!sync.gone(399, kConnected, kMembers));
  sync.peer_first(3, 90);
  CHECK(!sync.gone(100, kConnected, kMembers));
}

TEST_CASE("one member, or a guest, does not make blocks look gone", "[sync]") {
  BlockSync sync = ahead();
  for (const MemberIndex peer : {1u, 4u}) sync.peer_first(peer, 1'000'000);
  const std::vector<bool> alone{true, true, false, false, true};
  CHECK(!sync.gone(100, alone, kMembers));
  sync.peer_first(2, 1'000'000);
  CHECK(sync.gone(100, {true, true, true, false, true}, kMembers));
}

TEST_CASE("who says that it has blocks and never gives them does not hide that they are gone", "[sync]") {
  BlockSync sync = ahead();
  for (const MemberIndex peer : {1u, 2u, 4u}) sync.peer_first(peer, 400);
  std::int64_t now_ms = 0;
  for (int asked = 0; asked < 3; now_ms += 1000) {
    const auto requests = sync.next(100, 500, 500, kConnected, now_ms);
    if (requests.empty()) continue;
    CHECK(requests[0].first == 3);
    CHECK(!sync.gone(100, kConnected, kMembers));
    if (++asked < 3) sync.nothing(3, 101, true, now_ms);   // the last time it says nothing at all
  }
  CHECK(sync.next(100, 500, 500, kConnected, now_ms + 2000).empty());
  CHECK(sync.gone(100, kConnected, kMembers));
}

TEST_CASE("more ranges are asked for as answers come, of several peers, and one at a time after a failure", "[sync]") {
  BlockSync sync = ahead();
  auto requests = sync.next(0, 500, 256, kConnected, 0);
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].second.from == 1);
  CHECK(requests[0].second.to == kSyncBlocksMax);
  const MemberIndex first = requests[0].first;
  CHECK(sync.expects(first, 1));
  sync.arrived(first, 1, kSyncBlocksMax, 0);
  CHECK(!sync.expects(first, 1));

  requests = sync.next(kSyncBlocksMax, 500, 256, kConnected, 0);
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].second.from == 65);
  CHECK(requests[1].second.from == 129);
  CHECK(requests[0].first != requests[1].first);

  // The second one is here first, and short: what it lacks is asked for beside the next range, up to the limit.
  sync.arrived(requests[1].first, 129, 140, 0);
  const auto more = sync.next(64, 500, 256, kConnected, 0);
  REQUIRE(more.size() == 2);
  CHECK(more[0].second.from == 141);
  CHECK(more[0].second.to == 204);
  CHECK(more[1].second.from == 205);
  CHECK(more[1].second.to == 256);
  CHECK(sync.next(64, 500, 256, kConnected, 0).empty());

  // Nothing comes of the range on which the others wait: it is asked of somebody else, and nothing else is.
  sync.nothing(requests[0].first, 65, true, 10);
  sync.arrived(more[0].first, 141, 204, 10);
  sync.nothing(more[1].first, 205, true, 10);
  const auto again = sync.next(64, 500, 256, kConnected, 10);
  REQUIRE(again.size() == 1);
  CHECK(again[0].second.from == 65);
  CHECK(again[0].second.to == 128);
  CHECK(again[0].first != requests[0].first);
  sync.arrived(again[0].first, 65, 128, 20);
  const auto rest = sync.next(204, 500, 400, kConnected, 20);
  REQUIRE(!rest.empty());
  CHECK(rest[0].second.from == 205);
}

TEST_CASE("one peer alone is asked for two ranges at a time", "[sync]") {
  BlockSync sync = ahead();
  const std::vector<bool> one{true, true, false, false, false};
  Height complete = 0;
  for (std::size_t wanted : {1u, 2u, 1u}) {
    const auto requests = sync.next(complete, 500, 500, one, 0);
    CHECK(requests.size() == wanted);
    REQUIRE(!requests.empty());
    complete += kSyncBlocksMax;
    sync.arrived(1, complete - kSyncBlocksMax + 1, complete, 0);
  }
}

TEST_CASE("blocks that came and could not be used are asked for again in the end", "[sync]") {
  BlockSync sync = ahead();
  REQUIRE(sync.next(0, 500, 500, kConnected, 0).size() == 1);
  for (const MemberIndex peer : {1u, 2u, 3u, 4u}) {
    if (sync.expects(peer, 1)) sync.arrived(peer, 1, 64, 0);
  }
  for (const auto& [peer, request] : sync.next(0, 64, 500, kConnected, 0)) CHECK(request.from > 64);
  CHECK(sync.next(0, 64, 500, kConnected, 9'000).empty());
  const auto again = sync.next(0, 64, 500, kConnected, 10'000);
  REQUIRE(again.size() == 1);
  CHECK(again[0].second.from == 1);
}
