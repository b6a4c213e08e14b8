#include <catch2/catch.hpp>

#include "tools/cli/conditions.h"

using namespace agiddi;
using namespace agiddi::tools;

namespace {

std::string conditions(std::vector<std::string> texts, std::string near = "") {
  QueryArguments arguments;
  arguments.conditions = std::move(texts);
  arguments.near = std::move(near);
  const auto body = query_body(arguments);
  if (!body) return "usage " + std::to_string(body.error().exit_status);
  return body->find("conditions")->dump();
}

}  // namespace

TEST_CASE("conditions become the members of POST /v1/query") {
  CHECK(conditions({}) == "{}");
  CHECK(conditions({"sensor.observedProperty=Temperature", "sensor.range>100"}) == R"({"sensor.observedProperty":"Temperature","sensor.range":">100"})");
  CHECK(conditions({"cost.perMinute<=0.5", "cost.perKilobyte<1", "sensor.accuracy>=2", "type!=Camera"}) ==
        R"({"cost.perMinute":"<=0.5","cost.perKilobyte":"<1","sensor.accuracy":">=2","type":"!=Camera"})");
  CHECK(conditions({"sensor.range=20"}) == R"({"sensor.range":20})");
  CHECK(conditions({"sensor.range=20 Cel"}) == R"({"sensor.range":"20 Cel"})");
  CHECK(conditions({"sensor.range > 212 [degF]"}) == R"({"sensor.range":">212 [degF]"})");
  CHECK(conditions({"name=42"}) == R"({"name":"42"})");
  CHECK(conditions({"name=a=b>c"}) == R"({"name":"a=b>c"})");
  CHECK(conditions({"provider=did:key:z6Mk"}) == R"({"provider":"did:key:z6Mk"})");
}

TEST_CASE("a name given twice: any of, or between") {
  CHECK(conditions({"type=Camera", "type=SmartMeter"}) == R"({"type":["Camera","SmartMeter"]})");
  CHECK(conditions({"sensor.range=1", "sensor.range=2"}) == R"({"sensor.range":[1,2]})");
  CHECK(conditions({"cost.perMinute<=2", "cost.perMinute>=1"}) == R"({"cost.perMinute":{"min":1,"max":2}})");
  CHECK(conditions({"cost.perMinute<2", "cost.perMinute>=1"}) == "usage 2");
  CHECK(conditions({"type=Camera", "type!=SmartMeter"}) == "usage 2");
}

TEST_CASE("proximity, order, limit, cursor") {
  CHECK(conditions({}, "47.6,-122.3,10") == R"({"near":{"latitude":47.6,"longitude":-122.3,"km":10}})");
  CHECK(conditions({}, "-33.8, 151.2, 0.5") == R"({"near":{"latitude":-33.8,"longitude":151.2,"km":0.5}})");
  for (const char* bad : {"1,2", "1,2,3,4", "a,b,c", "1,2,", ",,"}) CHECK(conditions({}, bad) == "usage 2");
  CHECK(conditions({"near=47.6,-122.3,10"}) == conditions({}, "47.6,-122.3,10"));
  CHECK(conditions({"near=47.6"}) == "usage 2");
  CHECK(conditions({"near>1,2,3"}) == "usage 2");
  CHECK(conditions({"near=1,2,3"}, "1,2,3") == "usage 2");
  CHECK(query_body({{"near=47.6"}, "", "", "", 0}).error().problem.dump().find("LATITUDE,LONGITUDE,KILOMETRES") != std::string::npos);
  QueryArguments arguments;
  arguments.order_by = "-cost.perMinute";
  arguments.limit = 5;
  arguments.cursor = "abc";
  CHECK(query_body(arguments).value().dump() == R"({"conditions":{},"orderBy":"-cost.perMinute","limit":5,"cursor":"abc"})");
}

TEST_CASE("what is no condition is wrong usage") {
  for (const char* bad : {"", "type", "=x", "type=", "type!x", ">5", "type = ", "!=x"}) {
    CAPTURE(bad);
    CHECK(conditions({bad}) == "usage 2");
  }
}
