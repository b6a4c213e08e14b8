// The timers alone: what a slow machine, a fast one and a primary that is slow on purpose make of them.
#include <catch2/catch.hpp>

#include "consensus/suspicion.h"

using namespace agiddi::consensus;

namespace {

// A member that has work all the time; every batch takes latency_ms(), and so does a NewView. Gives the views that were asked for.
struct SlowWorld {
  Suspicion suspicion{1500, 1000, 30'000};
  std::int64_t now_ms = 1'000'000;
  unsigned views = 0;

  explicit SlowWorld() { suspicion.view_entered(now_ms); }
  bool doubts(std::int64_t since_ms, std::int64_t latency_ms, bool active) {
    SuspicionInput input;
    input.active = active;
    input.view_change_quorum = !active;
    if (active) input.oldest_in_flight_ms = since_ms;
    for (const std::int64_t end = since_ms + latency_ms; now_ms < end; now_ms += 50) {
      if (suspicion.evaluate(input, now_ms)) return true;
    }
    return false;
  }
  // One batch, with all changes of view until it is there.
  void commit(std::int64_t latency_ms, std::int64_t view_change_ms) {
    while (doubts(now_ms, latency_ms, true)) {
      do {
        ++views;
        suspicion.view_change_started(now_ms);
      } while (doubts(now_ms, view_change_ms, false));
      suspicion.view_entered(now_ms);
    }
    suspicion.progress(now_ms);
  }
  std::int64_t timeout_ms() {
    Suspicion copy = suspicion;
    SuspicionInput input;
    input.oldest_in_flight_ms = now_ms;
    copy.evaluate(input, now_ms);
    return copy.wake_at_ms() - now_ms;
  }
};

}  // namespace

TEST_CASE("where every batch takes longer than the first timeout, the views come to rest", "[suspicion]") {
  for (const std::int64_t latency_ms : {2'000, 4'000, 9'000, 20'000}) {
    SlowWorld world;
    world.commit(latency_ms, latency_ms / 2);
    const unsigned first = world.views;
    CHECK(first >= 2);
    const std::int64_t begin_ms = world.now_ms;
    for (int i = 0; i < 100; ++i) world.commit(latency_ms, latency_ms / 2);
    // The limit in time lets it try a shorter timer now and then.
    const auto minutes = static_cast<unsigned>((world.now_ms - begin_ms) / 60'000);
    INFO(latency_ms << " ms a batch: " << first << " views, then " << world.views - first << " in " << minutes << " minutes");
    CHECK(world.views - first <= 2 * minutes);
  }
}

TEST_CASE("once batches are fast again the timeout falls step by step to the first", "[suspicion]") {
  SlowWorld world;
  world.commit(9'000, 4'500);
  CHECK(world.timeout_ms() >= 12'000);
  const std::int64_t begin_ms = world.now_ms;
  while (world.timeout_ms() > 1'500 && world.now_ms < begin_ms + 300'000) world.commit(100, 100);
  CHECK(world.now_ms - begin_ms <= 30'000);
  const unsigned before = world.views;
  for (int i = 0; i < 100; ++i) world.commit(1'400, 100);
  CHECK(world.views == before);
}

TEST_CASE("one failed view changes nothing once its successor commits", "[suspicion]") {
  SlowWorld world;
  world.suspicion.view_change_started(world.now_ms);
  world.suspicion.view_entered(world.now_ms);
  world.commit(10, 10);
  world.suspicion.view_change_started(world.now_ms);
  CHECK(world.timeout_ms() == 1'500);
}

TEST_CASE("a primary that is as slow as it may be does not keep the timeout long", "[suspicion]") {
  SlowWorld world;
  world.commit(9'000, 4'500);
  std::int64_t begin_ms = world.now_ms;
  unsigned views = world.views;
  while (world.timeout_ms() > 1'500 && world.now_ms < begin_ms + 600'000) world.commit(world.timeout_ms() - 200, 100);
  CHECK(world.now_ms - begin_ms <= 120'000);
  CHECK(world.views == views);
}

TEST_CASE("a primary that is gone is replaced as fast the tenth time as the first", "[suspicion]") {
  Suspicion suspicion(1500, 1000, 30'000);
  for (std::int64_t now_ms = 1'000'000, kills = 0; kills < 10; ++kills, now_ms += 10'000) {
    suspicion.view_entered(now_ms);
    SuspicionInput input;
    input.oldest_in_flight_ms = now_ms;
    input.primary_reachable = false;
    CHECK_FALSE(suspicion.evaluate(input, now_ms));
    CHECK(suspicion.wake_at_ms() == now_ms + 750);
    suspicion.view_change_started(now_ms + 750);
    input.active = false;
    input.view_change_quorum = true;
    CHECK_FALSE(suspicion.evaluate(input, now_ms + 760));
    CHECK(suspicion.wake_at_ms() == now_ms + 760 + 500);
    suspicion.progress(now_ms + 800);
  }
}
