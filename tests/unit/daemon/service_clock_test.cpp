#include <catch2/catch.hpp>
#include <random>

#include "node/delivery/ledger_clock.h"
#include "subservices/forwarding/service_clock.h"

using namespace agiddi;
using namespace agiddi::node;
using subservices::ServiceClock;

TEST_CASE("time is earned while the node is present and the device is heard") {
  ServiceClock clock(1'000, 300);
  clock.account(1'200, ServiceClock::kEver);
  CHECK(clock.earned_ms() == 200);
  clock.heard(1'200);
  clock.account(2'000, ServiceClock::kEver);          // quiet from 1'500 on
  CHECK((clock.earned_ms() == 500 && clock.silent_ms() == 500));
  CHECK(clock.is_silent(1'501));
  clock.heard(2'000);
  CHECK_FALSE(clock.is_silent(2'300));
  clock.account(1'900, ServiceClock::kEver);          // what is behind is not looked at again
  CHECK(clock.earned_ms() == 500);
  clock.heard(2'200);
  clock.account(3'000, 2'100);                        // away from 2'100 on
  CHECK((clock.earned_ms() == 600 && clock.silent_ms() == 500));
  clock.account(3'400, 0);                            // away all the time
  CHECK((clock.earned_ms() == 600 && clock.silent_ms() == 500 && clock.accounted_to() == 3'400));
  clock.at_least(700);
  clock.at_least(100);
  CHECK(clock.earned_ms() == 700);
}

TEST_CASE("without patience there is no silence") {
  ServiceClock clock(0, ServiceClock::kEver);
  clock.account(1'000'000'000'000, ServiceClock::kEver);
  CHECK((clock.earned_ms() == 1'000'000'000'000 && clock.silent_ms() == 0));
}

TEST_CASE("a device whose connection broke is silent from then on, if it stays away for its interval") {
  const auto clock_at = [](TimeMs heard) {
    ServiceClock clock(1'000, 3'000);
    clock.set_absence(1'000);
    clock.account(heard, ServiceClock::kEver);
    clock.heard(heard);
    clock.lost(heard + 100);
    return clock;
  };
  ServiceClock away = clock_at(2'000);
  away.account(3'000, ServiceClock::kEver);           // it may come back
  CHECK((away.earned_ms() == 1'100 && away.silent_ms() == 0 && !away.is_silent(3'000)));
  away.account(4'000, ServiceClock::kEver);
  CHECK((away.earned_ms() == 1'100 && away.silent_ms() == 1'900 && away.is_silent(4'000)));
  away.back(4'500);                                   // too late
  away.account(5'000, ServiceClock::kEver);
  CHECK(away.silent_ms() == 2'900);
  away.heard(5'000);
  away.account(6'000, ServiceClock::kEver);
  CHECK((away.earned_ms() == 2'100 && away.silent_ms() == 2'900));

  ServiceClock in_time = clock_at(2'000);
  in_time.account(2'900, ServiceClock::kEver);
  in_time.back(2'950);
  in_time.account(4'900, ServiceClock::kEver);
  CHECK((in_time.earned_ms() == 3'900 && in_time.silent_ms() == 0));

  ServiceClock ended = clock_at(2'000);               // before it had been away for long
  ended.account(2'800, ServiceClock::kEver);
  ended.finish(2'800, ServiceClock::kEver);
  CHECK(ended.earned_ms() == 1'800);

  ServiceClock accounted = clock_at(2'000);           // heard of late: what was accounted stays
  accounted.back(2'200);
  accounted.account(2'500, ServiceClock::kEver);
  accounted.lost(2'300);
  accounted.account(9'000, ServiceClock::kEver);
  CHECK((accounted.earned_ms() == 1'500 && accounted.silent_ms() == 6'500));

  ServiceClock indifferent(1'000, 3'000);
  indifferent.lost(1'100);
  indifferent.account(3'000, ServiceClock::kEver);
  CHECK(indifferent.earned_ms() == 2'000);
}

TEST_CASE("earned and silent time never exceed what has passed, nor fall") {
  std::mt19937_64 random(3);
  for (int history = 0; history < 200; ++history) {
    ServiceClock clock(100, 50 + static_cast<std::int64_t>(random() % 400));
    if (history % 2 == 0) clock.set_absence(200);
    TimeMs now = 100;
    std::int64_t earned = 0, silent = 0;
    for (int step = 0; step < 50; ++step) {
      now += static_cast<TimeMs>(random() % 300);
      clock.account(now, random() % 3 == 0 ? now - static_cast<TimeMs>(random() % 500) : ServiceClock::kEver);
      if (random() % 2 == 0) clock.heard(now);
      if (random() % 4 == 0) clock.lost(now);
      if (random() % 8 == 0) clock.back(now);
      REQUIRE(clock.earned_ms() >= earned);
      REQUIRE(clock.silent_ms() >= silent);
      earned = clock.earned_ms(), silent = clock.silent_ms();
      REQUIRE(earned + silent <= now - 100);
    }
  }
}

TEST_CASE("the ledger's clock follows blocks, not the wall") {
  using Steady = LedgerClock::Steady;
  const auto at = [](std::int64_t ms) { return Steady::time_point(std::chrono::milliseconds(ms)); };
  LedgerClock clock(5'000'000, at(1'000));            // the wall is far ahead
  CHECK(clock.now(at(1'500)) == 5'000'500);
  CHECK_FALSE(clock.has_seen_block());
  clock.saw_block(2'000'000, at(2'000));
  CHECK(clock.has_seen_block());
  CHECK(clock.now(at(2'500)) == 2'000'500);
  clock.saw_block(2'000'800, at(3'000));              // this one came 200 ms late
  CHECK(clock.now(at(3'000)) == 2'001'000);
  clock.saw_block(2'002'300, at(4'000));              // and that one's primary is ahead
  CHECK(clock.now(at(4'000)) == 2'002'300);
  for (int i = 0; i < 64; ++i) clock.saw_block(2'002'000 + i * 1'000, at(4'000 + i * 1'000));
  CHECK(clock.now(at(4'000 + 64'000)) == 2'066'000);  // long ago
  CHECK(clock.now(at(4'000)) == 2'066'000);           // it does not go back
}
