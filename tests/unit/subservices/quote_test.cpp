// The arithmetic of prices and limits: exact, and the paper's own examples (section 5.4).
#include <limits>

#include "subservices/payment/quote.h"
#include "world.h"

using namespace agiddi;
using namespace agiddi::subservices;

namespace {

constexpr std::int64_t kMinuteMs = 60'000, kHourMs = 3'600'000, kDayMs = 86'400'000;

}  // namespace

TEST_CASE("50 cents at 10 cents an hour are 5 hours; 50 cents at 2 cents a megabyte are 25 megabytes") {
  const UnitPrice hour{100'000, kHourMs}, megabyte{20'000, 1'000'000};
  CHECK(part_amount(hour, 5 * kHourMs) == 500'000);
  CHECK(limit_for(hour, 500'000, 0) == 5 * kHourMs);
  CHECK(part_amount(megabyte, 25'000'000) == 500'000);
  CHECK(limit_for(megabyte, 500'000, 0) == 25'000'000);
}

TEST_CASE("an amount is rounded up to a micro-unit, a limit down to a millisecond or byte") {
  CHECK(part_amount({1 * kMicro, kDayMs}, kMinuteMs) == 695);            // 694.44…
  CHECK(limit_for({1 * kMicro, kDayMs}, 695, 0) == 60'048);
  CHECK(part_amount({3, 1000}, 1) == 1);
  CHECK(limit_for({3, 1000}, 1, 0) == 333);
  CHECK(part_amount({0, 1000}, 5000) == 0);
  CHECK(limit_for({0, 1000}, 0, 5000) == 5000);                          // free of charge: what was asked for
  const auto most = std::numeric_limits<std::int64_t>::max();
  CHECK_FALSE(part_amount({most, 1}, 2).has_value());
  CHECK(part_amount({most, 1}, 1) == most);
}

TEST_CASE("what was bought is never less than what was asked for") {
  std::uint64_t random = 1;
  for (int i = 0; i < 20'000; ++i) {
    random = random * 6364136223846793005ULL + 1442695040888963407ULL;
    const UnitPrice price{static_cast<std::int64_t>(random % 10'000'000) + 1, i % 3 == 0 ? kMinuteMs : i % 3 == 1 ? kDayMs : 1'000'000};
    const std::int64_t quantity = static_cast<std::int64_t>((random >> 20) % 1'000'000'000) + 1;
    const auto amount = part_amount(price, quantity);
    REQUIRE(amount.has_value());
    const std::int64_t limit = limit_for(price, *amount, quantity);
    REQUIRE(limit >= quantity);
    // One more micro-unit would not have been needed: a micro-unit less buys less than was asked for.
    REQUIRE(limit_for(price, *amount - 1, quantity) < quantity);
    REQUIRE(earned_of(price, *amount, limit, limit) == *amount);
    REQUIRE(earned_of(price, *amount, 0, limit) == 0);
    const std::int64_t used = limit / 3;
    REQUIRE(earned_of(price, *amount, used, limit) <= *amount);
    REQUIRE(earned_of(price, *amount, used, limit) <= earned_of(price, *amount, used + 1, limit));
  }
}

TEST_CASE("quantities have at most three decimals and their bounds") {
  const auto of = [](const char* text) { return thousandths(*Decimal::parse(text), kMinutesMax); };
  CHECK(of("1.5") == 1500);
  CHECK(of("0.001") == 1);
  CHECK(of("1e3") == 1'000'000);
  CHECK(of("52560000") == 52'560'000'000);
  for (const char* bad : {"0", "-1", "0.0001", "52560000.001", "1e15"}) CHECK_FALSE(of(bad).has_value());
  CHECK(thousandths_text(1500) == "1.5");
  CHECK(thousandths_text(18'000'000) == "18000");
}
