// What a follower prints: each measurement once, in the form that is wanted.
#include <catch2/catch.hpp>

#include "tools/cli/reading_lines.h"

using namespace agiddi;
using namespace agiddi::tools;

namespace {

std::string measurement(int epoch, int sequence, const std::string& device = "urn:agiddi:device:c983e2eb7b35") {
  return R"({"madeBySensor":")" + device + R"(/sensor/air","hasResult":{"numericValue":12.40,"unit":"http://qudt.org/vocab/unit/DEG_C"},"resultTime":"2026-11-22T00:39:44.970Z","device":")" +
         device + R"(","epoch":)" + std::to_string(epoch) + R"(,"sequence":)" + std::to_string(sequence) + "}";
}

}  // namespace

TEST_CASE("a short line has time, sensor, value and unit, and the device where there are several") {
  ReadingLines lines(ReadingLines::Form::text), of_many(ReadingLines::Form::text_with_device);
  CHECK(lines.line(measurement(1, 1)) == "2026-11-22T00:39:44.970Z  air  12.40 Cel");
  CHECK(of_many.line(measurement(1, 1)) == "2026-11-22T00:39:44.970Z  c983e2eb…  air  12.40 Cel");
  CHECK(lines.line("not JSON") == "not JSON");
  CHECK(lines.line("{}") == "-  -  - -");
  CHECK(lines.count() == 3);
}

TEST_CASE("a SenML pack is a short line too, and is told from one that came before") {
  const auto pack = [](int sequence) {
    return R"([{"bn":"urn:agiddi:device:c983e2eb7b35/sensor/","n":"air","u":"Cel","v":12.40,"t":1763772009.97,"agiddi:epoch":1,"agiddi:sequence":)" + std::to_string(sequence) + "}]";
  };
  ReadingLines lines(ReadingLines::Form::text), of_many(ReadingLines::Form::text_with_device), json(ReadingLines::Form::json);
  CHECK(lines.line(pack(1)) == "2025-11-22T00:40:09.970Z  air  12.40 Cel");
  CHECK_FALSE(lines.line(pack(1)));
  CHECK(of_many.line(pack(1)) == "2025-11-22T00:40:09.970Z  c983e2eb…  air  12.40 Cel");
  CHECK(json.line(pack(2)) == pack(2));
  for (const char* odd : {"[]", "[1]", R"([{"bn":1,"n":"x"}])", R"([{"bn":"/sensor/","n":"x","t":1e300,"v":"a"}])"}) CHECK(lines.line(odd));
}

TEST_CASE("as JSON it is printed as it came") {
  ReadingLines lines(ReadingLines::Form::json);
  CHECK(lines.line(measurement(1, 1)) == measurement(1, 1));
}

TEST_CASE("what a restarted node sends again is printed once, what was missing then is not lost") {
  ReadingLines lines(ReadingLines::Form::json);
  const auto printed = [&](int epoch, int sequence, const std::string& device = "urn:agiddi:device:a") { return lines.line(measurement(epoch, sequence, device)).has_value(); };
  CHECK(printed(1, 5));       // the first that is seen need not be the first
  CHECK(printed(1, 6));
  CHECK_FALSE(printed(1, 6));
  CHECK(printed(1, 9));
  CHECK(printed(1, 7));
  CHECK_FALSE(printed(1, 7));
  CHECK(printed(1, 8));
  CHECK_FALSE(printed(1, 5));
  CHECK_FALSE(printed(1, 4));
  CHECK(printed(1, 1, "urn:agiddi:device:b"));
  CHECK(printed(2, 1));       // another node took over and counts from 1
  CHECK_FALSE(printed(2, 1));
  CHECK_FALSE(printed(1, 10));
  CHECK(lines.count() == 7);
}
