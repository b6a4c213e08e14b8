// Amounts of coins: exact, at the edges too.
#include <catch2/catch.hpp>

#include "tools/authority/coin.h"

using namespace agiddi;
using namespace agiddi::tools;

TEST_CASE("money becomes units of a coin and back, to the last digit") {
  CHECK(coin_digits(coin_units(MicroUnits(100'000), 8)) == "10000000");
  CHECK(coin_digits(coin_units(MicroUnits(1), 18)) == "1000000000000");
  CHECK(coin_digits(coin_units(INT64_MAX, 18)) == "9223372036854775807000000000000");
  CHECK(coin_text(coin_units(INT64_MAX, 18), 18) == "9223372036854.775807");
  CHECK(coin_text(1, 18) == "0.000000000000000001");
  CHECK(coin_text(0, 8) == "0");
  CHECK(coin_text(100'000'000, 8) == "1");
}

TEST_CASE("a decimal is taken as it is written, or not at all") {
  const auto read = [](const char* text) { return coin_units(Decimal::parse(text).value(), 8); };
  CHECK(coin_digits(read("0.10000000").value()) == "10000000");
  CHECK(coin_digits(read("0.00000001").value()) == "1");
  CHECK(coin_digits(read("1e-8").value()) == "1");
  CHECK(coin_digits(read("84000000").value()) == "8400000000000000");
  CHECK_FALSE(read("0.000000001"));
  CHECK_FALSE(read("-0.1"));
  CHECK(coin_units(Decimal::parse("900000000000000e15").value(), 18).value() == kCoinMax);
}

TEST_CASE("hexadecimal and decimal digits, and sums that are too large") {
  CHECK(coin_digits(coin_units_from_hex("0x2386f26fc10000").value()) == "10000000000000000");
  CHECK(coin_units_from_hex("0x0").value() == 0);
  CHECK(coin_units_from_hex("0x" + std::string(64, 'f')).value() == kCoinMax);
  for (const char* wrong : {"", "0x", "12", "0xg", "-0x1"}) CHECK_FALSE(coin_units_from_hex(wrong));
  CHECK(coin_units_from_digits(coin_digits(kCoinMax)).value() == kCoinMax);
  for (const char* wrong : {"", "1.5", "-1", "a"}) CHECK_FALSE(coin_units_from_digits(wrong));
  CHECK(coin_sum(kCoinMax, kCoinMax) == kCoinMax);
}
