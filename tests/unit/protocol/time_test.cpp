#include <catch2/catch.hpp>

#include "protocol/time.h"

using namespace agiddi;

TEST_CASE("times in RFC 3339 with milliseconds") {
  const std::pair<const char*, TimeMs> vectors[] = {
      {"1970-01-01T00:00:00.000Z", 0},          {"1970-01-01T00:00:00.001Z", 1},           {"1972-02-29T12:00:00.000Z", 68'212'800'000},
      {"1999-12-31T23:59:59.999Z", 946'684'799'999}, {"2000-02-29T00:00:00.000Z", 951'782'400'000}, {"2000-03-01T00:00:00.000Z", 951'868'800'000},
      {"2026-01-31T08:00:00.000Z", 1'769'846'400'000}, {"2038-01-19T03:14:08.000Z", 2'147'483'648'000}, {"2100-03-01T00:00:00.000Z", 4'107'542'400'000},
      {"9999-12-31T23:59:59.999Z", 253'402'300'799'999}};
  for (const auto& [text, time] : vectors) {
    CHECK(time_text(time) == text);
    CHECK(time_from_text(text).value() == time);
  }
}

TEST_CASE("every day of four centuries goes out and back") {
  std::string former;
  for (TimeMs time = 0; time < 400LL * 366 * 86'400'000; time += 86'400'000) {
    const std::string text = time_text(time);
    REQUIRE(text > former);
    REQUIRE(time_from_text(text).value() == time);
    former = text;
  }
}

TEST_CASE("offsets and fractions") {
  CHECK(time_from_text("2026-01-31T09:00:00+01:00").value() == time_from_text("2026-01-31T08:00:00Z").value());
  CHECK(time_from_text("2026-01-31T02:30:00.5-05:30").value() == time_from_text("2026-01-31T08:00:00.500Z").value());
  CHECK(time_from_text("2026-01-31t08:00:00.123999999z").value() == time_from_text("2026-01-31T08:00:00.123Z").value());
  CHECK(time_from_text("1969-12-31T23:00:00-01:00").value() == 0);
  CHECK(time_from_text("2026-01-31T08:00:00.1Z").value() % 1000 == 100);
}

TEST_CASE("what is no such time is refused") {
  for (const char* bad : {"", "2026-01-31", "2026-01-31T08:00:00", "2026-01-31 08:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z",
                          "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00.Z",
                          "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00:00+1:00", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00Zx", "26-01-01T00:00:00Z",
                          "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "+026-01-01T00:00:00Z", "2026-1-01T00:00:00Z"}) {
    CAPTURE(bad);
    CHECK_FALSE(time_from_text(bad));
  }
}
