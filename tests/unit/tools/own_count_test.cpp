// What an application counts itself, and when it tells.
#include <catch2/catch.hpp>

#include "tools/cli/own_count.h"

using namespace agiddi;
using namespace agiddi::tools;

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Json parse(const char* text) {
  auto json = parse_json(text);
  REQUIRE(json);
  return *std::move(json);
}

const auto kBegin = OwnCount::Clock::time_point{} + std::chrono::hours(1);

}  // namespace

TEST_CASE("the first count names all devices, later ones those of which something came") {
  OwnCount count(seconds(5));
  count.begin(parse(R"({"devices":[{"device":"a","state":"active"},{"device":"b","state":"active"}]})"));
  CHECK(count.due(kBegin));
  CHECK_FALSE(count.complete());
  CHECK(count.body("i", kBegin).dump() == R"({"integration":"i","sequence":1,"devices":[{"device":"a","measurements":0},{"device":"b","measurements":0}]})");
  count.taken(parse(R"({"devices":[{"device":"a","countAgainWithin":3},{"device":"b"}]})"));
  CHECK(count.complete());
  CHECK(count.body("i", kBegin).is_null());

  count.add("a");
  count.add("stranger");
  CHECK_FALSE(count.complete());
  CHECK_FALSE(count.due(kBegin + milliseconds(4'900)));
  CHECK(count.due(kBegin + seconds(5)));
  CHECK(count.body("i", kBegin + seconds(5)).dump() == R"({"integration":"i","sequence":2,"devices":[{"device":"a","measurements":1}]})");
  count.add("a");                                           // while the count is on its way
  count.taken(parse(R"({"devices":[{"device":"a","countAgainWithin":3}]})"));
  CHECK(count.total() == 1);
  CHECK_FALSE(count.complete());
}

TEST_CASE("half a window of readings is told at once, but not in a hail of counts") {
  OwnCount count(seconds(5));
  count.begin(parse(R"({"devices":[{"device":"a","state":"active"},{"device":"b","state":"active"}]})"));
  count.body("i", kBegin);
  count.taken(parse(R"({"devices":[{"device":"a","countAgainWithin":3},{"device":"b"}]})"));
  for (int i = 0; i < 100; ++i) count.add("b");             // bought by time: every five seconds will do
  for (int i = 0; i < 2; ++i) count.add("a");
  CHECK_FALSE(count.due(kBegin + milliseconds(500)));
  count.add("a");
  CHECK_FALSE(count.due(kBegin + milliseconds(299)));
  CHECK(count.due(kBegin + milliseconds(300)));
}

TEST_CASE("who begins in the middle takes what was delivered before as received, and goes on behind the last count") {
  OwnCount count(seconds(5));
  count.begin(parse(R"({"devices":[{"device":"a","state":"active","measurements":57,"counts":{"node":{"measurements":50},"application":{"measurements":40,"sequence":9}}}]})"));
  CHECK(count.body("i", kBegin).dump() == R"({"integration":"i","sequence":10,"devices":[{"device":"a","measurements":57}]})");
  count.refresh(parse(R"({"devices":[{"device":"a","state":"active","measurements":99,"counts":{"node":{"measurements":99},"application":{"measurements":57,"sequence":12}}}]})"));
  CHECK(count.body("i", kBegin).dump() == R"({"integration":"i","sequence":13,"devices":[{"device":"a","measurements":57}]})");
}

TEST_CASE("a device that has ended is counted no more") {
  OwnCount count(seconds(5));
  count.begin(parse(R"({"devices":[{"device":"a","state":"active"},{"device":"b","state":"ended"}]})"));
  CHECK(count.body("i", kBegin).dump() == R"({"integration":"i","sequence":1,"devices":[{"device":"a","measurements":0}]})");
  count.taken(parse(R"({"devices":[{"device":"a","countAgainWithin":1}]})"));
  count.add("a");
  count.add("b");
  count.refresh(parse(R"({"devices":[{"device":"a","state":"ended"},{"device":"b","state":"ended"}]})"));
  CHECK(count.complete());
  CHECK_FALSE(count.due(kBegin + seconds(60)));
  CHECK(count.body("i", kBegin + seconds(60)).is_null());
}
