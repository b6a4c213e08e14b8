#include <catch2/catch.hpp>

#include "protocol/spelling.h"

using namespace agiddi;

namespace {

std::string best(std::string_view given) {
  Spelling spelling(given);
  for (const char* name : {"sensor.range", "sensor.range.min", "sensor.unit", "type", "provider", "cost.perMinute"}) spelling.offer(name);
  return spelling.best();
}

}  // namespace

TEST_CASE("a name that is nearly one of those known is told") {
  CHECK(best("Type") == "type");
  CHECK(best("tpye") == "type");                    // two letters exchanged are one mistake
  CHECK(best("cost.perminute") == "cost.perMinute");
  CHECK(best("sensor.rnage.mim") == "sensor.range.min");
  CHECK(best("sensr.range") == "sensor.range");
  CHECK(best("provider") == "provider");
}

TEST_CASE("another word is not guessed at") {
  for (const std::string given : {"", "x", "ty", "colour", "sensor", "cost"}) CHECK(best(given).empty());
  CHECK(best(std::string(65, 'a')).empty());
  Spelling spelling(std::string_view("a"));
  spelling.offer(std::string(65, 'a'));
  spelling.offer("");
  CHECK(spelling.best().empty());
  CHECK(spelling.question().empty());
}

TEST_CASE("what is shown may be another name of the same; of two that are as near the first stays") {
  Spelling unit("degree Celsus");
  unit.offer("degree Celsius", "Cel");
  unit.offer("degree Celsuis", "other");
  CHECK(unit.question() == "; did you mean Cel?");
}
