// BlockSync by itself: when blocks are gone, whatever single peers say.
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
    const auto request = sync.next(100, 500, kConnected, now_ms);
    if (!request) continue;
    CHECK(request->first == 3);
    CHECK(!sync.gone(100, kConnected, kMembers));
    if (++asked < 3) sync.answered(3, false, now_ms);   // the last time it says nothing at all
  }
  CHECK(!sync.next(100, 500, kConnected, now_ms + 2000));
  CHECK(sync.gone(100, kConnected, kMembers));
}
