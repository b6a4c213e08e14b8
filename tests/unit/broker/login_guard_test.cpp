// How often one may guess a device's password at the broker.
#include <catch2/catch.hpp>

#include "deploy/broker_plugin/login_guard.h"

using agiddi::broker::LoginGuard;

namespace {

int tries(LoginGuard& guard, const char* address, std::int64_t now_ms, int asked = 100) {
  int taken = 0;
  for (int i = 0; i < asked; ++i) taken += guard.may_try(address, now_ms);
  return taken;
}

}  // namespace

TEST_CASE("guesses are slowed to one in ten seconds, from wherever they come") {
  LoginGuard guard;
  const std::int64_t start = 1'000'000;
  CHECK(tries(guard, "10.0.0.1", start, 3) == 3);
  CHECK(tries(guard, "10.0.0.2", start) == 2);
  CHECK(tries(guard, "10.0.0.3", start + 9'999) == 0);
  CHECK(tries(guard, "10.0.0.3", start + 10'000) == 1);
  CHECK(tries(guard, "10.0.0.3", start + 10'001) == 0);
  CHECK(tries(guard, "10.0.0.3", start + 30'000) == 2);
  CHECK(tries(guard, "10.0.0.3", start + 3'600'000) == LoginGuard::kTries);
  int in_a_day = 0;
  for (int second = 1; second <= 86'400; ++second) in_a_day += guard.may_try("10.0.0.3", start + 3'600'000 + 1'000LL * second);
  CHECK(in_a_day == 8'640);
}

TEST_CASE("a stranger who guesses does not keep out the device that was in last") {
  LoginGuard guard;
  REQUIRE(guard.may_try("10.0.0.1", 0));
  guard.let_in("10.0.0.1");
  tries(guard, "10.9.9.9", 0);
  CHECK_FALSE(guard.may_try("10.9.9.9", 1));
  CHECK_FALSE(guard.may_try("", 1));
  for (int i = 0; i < 50; ++i) {   // it may log in as often as it likes
    REQUIRE(guard.may_try("10.0.0.1", 1));
    guard.let_in("10.0.0.1");
  }
  CHECK(tries(guard, "10.0.0.1", 1) == LoginGuard::kTries);   // but guess no more often than others
}

TEST_CASE("a right password gives back the try that it took, and no more") {
  LoginGuard guard;
  REQUIRE(guard.may_try("a", 0));
  guard.let_in("a");
  CHECK(tries(guard, "a", 0, 3) == 3);
  REQUIRE(guard.may_try("a", 0));
  guard.let_in("a");
  CHECK(tries(guard, "a", 0) == 2);
}
