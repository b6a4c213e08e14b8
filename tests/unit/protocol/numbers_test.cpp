// Decimal, Rational and money: exact, canonical, bounded.
#include <catch2/catch.hpp>

#include "protocol/money.h"
#include "protocol/rational.h"

using namespace agiddi;

namespace {

Decimal dec(std::string_view text) { return Decimal::parse(text).value(); }
Rational rat(std::string_view text) { return Rational::parse(text).value(); }

}  // namespace

TEST_CASE("decimals have one canonical text") {
  const std::pair<const char*, const char*> vectors[] = {
      {"0", "0"}, {"-0", "0"}, {"0.000", "0"}, {"0e15", "0"}, {"1500", "1500"}, {"1.50e3", "1500"}, {"0.10", "0.1"}, {"-0.25", "-0.25"}, {"1E-3", "0.001"},
      {"1.5e-3", "0.0015"}, {"12e0", "12"}, {"100e-2", "1"}, {"999999999999999", "999999999999999"}, {"999999999999999e15", "999999999999999000000000000000"},
      {"-1.23456789012345e-15", "-0.00000000000000123456789012345"}, {"123456789.012345e2", "12345678901.2345"}, {"-100", "-100"}};
  for (const auto& [text, canonical] : vectors) {
    CAPTURE(text);
    CHECK(dec(text).text() == canonical);
    if (std::string_view(canonical).size() < 20) CHECK(dec(canonical) == dec(text));
  }
  CHECK(dec("1.50").scale() == 1);
  CHECK(dec("1500").scale() == 0);
  CHECK(Decimal(150, 2).text() == "1.5");
  CHECK(Decimal(15, -2).text() == "1500");
  CHECK(Decimal(-5, 3).text() == "-0.005");
  CHECK(Decimal(INT64_MIN, 0).text() == "-9223372036854775808");
  CHECK(Decimal().is_zero());
  CHECK(dec("-0.1").is_negative());
}

TEST_CASE("only JSON numbers within bounds are decimals") {
  for (const char* bad : {"", "-", "+1", "01", "1.", ".1", "1e", "1e+", "1,5", "0x10", "1 ", " 1", "--1", "1.2.3", "1e1e1", "NaN", "1/2"}) {
    CAPTURE(bad);
    CHECK_FALSE(Decimal::parse(bad));
  }
  for (const char* bad : {"1234567890123456", "0.1234567890123456", "1e16", "1e-16", "1e999999999999", "1000000000000000", "0.0000000000000001e-15"}) {
    CAPTURE(bad);
    CHECK_FALSE(Decimal::parse(bad));
  }
  CHECK_FALSE(Decimal::parse(std::string(10'000, '1')));
  CHECK_FALSE(Decimal::parse(std::string(10'000, 'x')));
}

TEST_CASE("decimals compare by value at any scale") {
  CHECK(dec("0.1") < dec("0.11"));
  CHECK(dec("-0.1") > dec("-0.11"));
  CHECK(dec("1e15") > dec("999999999999999"));
  CHECK(dec("1.0") == dec("1"));
  CHECK(dec("999999999999999e15") > dec("1e-15"));
  CHECK(dec("-999999999999999e15") < dec("-1.23456789012345e-15"));
  CHECK(dec("999999999999999e15") != dec("999999999999998e15"));
}

TEST_CASE("rationals are reduced and exact") {
  CHECK(rat("10/18") == rat("5/9"));
  CHECK(rat("10/18").denominator() == 9);
  CHECK(rat("-45967/180").numerator() == -45967);
  CHECK(rat("0.3048") == Rational(BigInt(381), BigInt(1250)));
  CHECK(Rational(BigInt(1), BigInt(-2)) == rat("-1/2"));
  CHECK(rat("1/3") + rat("1/6") == rat("1/2"));
  CHECK(rat("1/3") - rat("1/2") == rat("-1/6"));
  CHECK(rat("2/3") * rat("3/4") == rat("1/2"));
  CHECK(rat("2/3") / rat("-4/3") == rat("-1/2"));
  CHECK(rat("1/3") < rat("0.333333333334"));
  CHECK(rat("1.602176634e-19") * Rational(BigInt("10000000000000000000"), BigInt(1)) == rat("1.602176634"));
  CHECK(Rational(dec("-2.50")) == rat("-5/2"));
  // 212 degrees Fahrenheit: (212 + 459.67) * 5/9 K.
  CHECK((rat("212") + rat("459.67")) * rat("5/9") == rat("373.15"));
  for (const char* bad : {"", "/", "1/", "/2", "1/0", "1/-2", "1/2/3", "a", "1 /2", "0.", "1e65", "1e", "--1"}) {
    CAPTURE(bad);
    CHECK_FALSE(Rational::parse(bad));
  }
  CHECK_FALSE(Rational::parse(std::string(1000, '1')));
}

TEST_CASE("rounding: floor, ceil, half to even, and downwards in text") {
  CHECK(rat("7/2").floor() == 3);
  CHECK(rat("-7/2").floor() == -4);
  CHECK(rat("7/2").ceil() == 4);
  CHECK(rat("-7/2").ceil() == -3);
  CHECK(rat("4").floor() == 4);
  CHECK(rat("-4").ceil() == -4);
  CHECK(rat("1/3").decimal_text(6) == "0.333333");
  CHECK(rat("2/3").decimal_text(6) == "0.666667");
  CHECK(rat("-2/3").decimal_text(2) == "-0.67");
  CHECK(rat("0.125").decimal_text(2) == "0.12");
  CHECK(rat("0.375").decimal_text(2) == "0.38");
  CHECK(rat("-0.125").decimal_text(2) == "-0.12");
  CHECK(rat("5/2").decimal_text(0) == "2");
  CHECK(rat("1500").decimal_text(3) == "1500");
  CHECK(rat("-0.001").decimal_text(2) == "0");
  CHECK(rat("0.999").decimal_text(2) == "1");
  CHECK(rat("-0.001").floor_text(2) == "-0.01");
  CHECK(rat("2/3").floor_text(2) == "0.66");
  CHECK(rat("-2/3").floor_text(2) == "-0.67");
  CHECK(rat("0").floor_text(5) == "0");
  CHECK(rat("1/8").is_finite_decimal());
  CHECK(rat("7").is_finite_decimal());
  CHECK_FALSE(rat("1/3").is_finite_decimal());
  CHECK_FALSE(rat("1/14").is_finite_decimal());
}

TEST_CASE("money is a decimal string with at most six decimals") {
  const std::pair<const char*, MicroUnits> vectors[] = {{"0", 0}, {"0.10", 100'000}, {"12", 12'000'000}, {"1000000.5", 1'000'000'500'000}, {"0.000001", 1},
                                                        {"9000000000000", 9'000'000'000'000'000'000}, {"0.0", 0}, {"8999999999999.999999", 8'999'999'999'999'999'999}};
  for (const auto& [text, amount] : vectors) {
    CAPTURE(text);
    CHECK(money_from_text(text).value() == amount);
    CHECK(money_from_text(money_text(amount)).value() == amount);
  }
  CHECK(money_text(100'000) == "0.1");
  CHECK(money_text(12'000'000) == "12");
  CHECK(money_text(1'000'000'500'000) == "1000000.5");
  CHECK(money_text(1) == "0.000001");
  CHECK(money_text(0) == "0");
  CHECK(money_text(-1'500'000) == "-1.5");
  for (const char* bad : {"", ".", "1.", ".5", "-1", "+1", "1e3", "01", "00", "0.0000001", "1,5", " 1", "1 ", "9000000000000.000001", "9000000000001", "99999999999999", "0x1", "1.5.0"}) {
    CAPTURE(bad);
    CHECK_FALSE(money_from_text(bad));
  }
  CHECK(is_currency("EUR"));
  CHECK(is_currency("ABCDEFGHIJKL"));
  for (const char* bad : {"", "EU", "eur", "EUR ", "EU1", "ABCDEFGHIJKLM"}) CHECK_FALSE(is_currency(bad));
}
