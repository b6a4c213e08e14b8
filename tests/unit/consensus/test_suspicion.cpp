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
    suspicion.progress(now_ms, 1);
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
    suspicion.progress(now_ms + 800, 1);
  }
}

namespace {

struct Censored {
  std::int64_t behind_ms = 0;       // of every 200
  std::int64_t commit_every_ms = 10;
  std::size_t held = 1;             // transactions, all the time, and so many of them a batch
  std::size_t batch = 1;
};

// The views that are asked for in 20 s while one held transaction never comes into a batch.
unsigned doubts_of(const Censored& story) {
  Suspicion suspicion(1500, 1000, 30'000);
  const std::int64_t start_ms = 1'000'000;
  suspicion.view_entered(start_ms);
  const std::int64_t patience_ms = suspicion.patience_ms(start_ms);
  unsigned doubts = 0;
  for (std::int64_t now_ms = start_ms; now_ms < start_ms + 20'000; now_ms += 10) {
    SuspicionInput input;
    input.behind = now_ms % 200 < story.behind_ms;
    input.held = story.held;
    input.oldest_held_ms = start_ms;
    input.oldest_held_patience_ms = patience_ms;
    if (suspicion.evaluate(input, now_ms)) {
      ++doubts;
      suspicion.view_change_started(now_ms);
      suspicion.view_entered(now_ms);
    }
    if (story.commit_every_ms > 0 && now_ms % story.commit_every_ms == 0) suspicion.progress(now_ms, story.batch);
  }
  return doubts;
}

}  // namespace

TEST_CASE("a primary that makes us be behind again and again censors nothing", "[suspicion]") {
  CHECK(doubts_of({}) >= 3);
  CHECK(doubts_of({.behind_ms = 50}) >= 3);
  CHECK(doubts_of({.behind_ms = 150}) >= 3);
  CHECK(doubts_of({.behind_ms = 200}) >= 3);                             // its batches went on, and had room
  CHECK(doubts_of({.behind_ms = 200, .commit_every_ms = 400}) == 0);     // few batches: rather our fault
  CHECK(doubts_of({.behind_ms = 200, .commit_every_ms = 0}) == 0);
}

TEST_CASE("where transactions take long, those held before one explain a longer wait", "[suspicion]") {
  // The oldest of 1,024 waits two seconds where 500 a second are committed, and that is no censorship.
  for (const std::size_t batch : {2, 5, 20}) {
    const auto per_second = static_cast<std::int64_t>(batch) * 100;
    Suspicion suspicion(1500, 1000, 30'000);
    const std::int64_t start_ms = 1'000'000, wait_ms = 1024 * 1000 / per_second;
    suspicion.view_entered(start_ms);
    unsigned doubts = 0;
    for (std::int64_t now_ms = start_ms; now_ms < start_ms + 60'000; now_ms += 10) {
      SuspicionInput input;
      input.held = 1024;
      input.oldest_held_ms = std::max(start_ms, now_ms - wait_ms);
      input.oldest_held_patience_ms = std::max(start_ms, now_ms - wait_ms);
      doubts += suspicion.evaluate(input, now_ms);
      suspicion.progress(now_ms, batch);
    }
    INFO(per_second << " transactions a second, the oldest waits " << wait_ms << " ms");
    CHECK(doubts == 0);
  }
  CHECK(doubts_of({.held = 1024}) >= 1);   // the longest allowance is bounded
}

TEST_CASE("a link that breaks for a moment does not make a transaction's wait too long", "[suspicion]") {
  Suspicion suspicion(1500, 1000, 30'000);
  suspicion.view_entered(0);
  SuspicionInput input;
  input.held = 1;
  input.oldest_held_ms = input.oldest_held_patience_ms = 0;
  CHECK_FALSE(suspicion.evaluate(input, 1'000));
  suspicion.progress(1'000, 1);
  input.primary_reachable = false;
  CHECK_FALSE(suspicion.evaluate(input, 1'000));
}

TEST_CASE("the time that we are behind does not count against the primary", "[suspicion]") {
  Suspicion suspicion(1500, 1000, 30'000);
  suspicion.view_entered(0);
  SuspicionInput input;
  input.behind = true;
  CHECK_FALSE(suspicion.evaluate(input, 0));
  input.oldest_held_ms = 2'000;
  input.oldest_held_patience_ms = suspicion.patience_ms(2'000);   // came while we were behind
  for (std::int64_t now_ms = 2'000; now_ms < 10'000; now_ms += 100) CHECK_FALSE(suspicion.evaluate(input, now_ms));
  input.behind = false;
  CHECK_FALSE(suspicion.evaluate(input, 10'000));
  suspicion.progress(11'000, 1);
  CHECK_FALSE(suspicion.evaluate(input, 11'400));
  CHECK(suspicion.wake_at_ms() == 11'500);
  CHECK(suspicion.evaluate(input, 11'500));
}
