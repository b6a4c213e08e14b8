// Devices in memory, conditions in, devices out; and the SPARQL of the answer gives the same devices.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "fixture.h"
#include "ontology/sparql/evaluator.h"
#include "ontology/sparql/memory_source.h"
#include "ontology/sparql/parser.h"
#include "protocol/json_answer.h"
#include "subservices/query/query_service.h"
#include "subservices/query/standing_queries.h"

using namespace agiddi;
using namespace agiddi::ontology::test;
using subservices::QueryService;

namespace {

const std::string kOther = "did:key:z6Mkfriq1MqLBoPWecGoDLjguo1sB9brj6wT3qZ5BxkKpuP6";

class World {
 public:
  void add(unsigned char id, const std::function<void(Json&)>& change = {}, const std::function<void(ontology::DeviceIdentity&)>& record = {}) {
    ontology::DeviceIdentity who = identity(id);
    if (record) record(who);
    devices_.push_back(who.device);
    for (const auto& triple : ontology::device_triples(device(change), who)) source_.add(triple);
  }

  Json answer(const std::string& body) const {
    const auto result = QueryService().search(parsed(body), source_);
    if (!result) FAIL(result.error().detail);
    // Distances have more digits than a document of a client may.
    const auto json = parse_json_answer(*result);
    REQUIRE(json);
    return *json;
  }

  // The first bytes of the ids found, in order; checks that /sparql would give the same.
  std::vector<int> found(const std::string& conditions, const std::string& more = "", std::string* next = nullptr) const {
    const Json reply = answer("{\"conditions\":" + conditions + more + "}");
    std::vector<int> ids;
    std::vector<std::string> urns;
    for (const Json& entry : reply.find("devices")->items()) {
      urns.push_back(entry.find("id")->as_string());
      ids.push_back(device_from_urn(urns.back())->bytes[0]);
      CHECK(entry.find("metadata")->find("@id")->as_string() == urns.back());
    }
    const auto query = ontology::sparql::parse_query(reply.find("sparql")->as_string());
    REQUIRE(query);
    const auto direct = ontology::sparql::evaluate(*query, ontology::sparql::Dataset(source_));
    REQUIRE(direct);
    std::vector<std::string> selected;
    for (const auto& row : direct->rows) selected.push_back(row[0]->value);
    CHECK(selected == urns);
    check_standing(conditions, std::set<std::string>(urns.begin(), urns.end()), more.empty());
    if (next) *next = reply.find("next") ? reply.find("next")->as_string() : "";
    return ids;
  }

  const ontology::sparql::MemorySource& source() const { return source_; }

 private:
  // A standing query tells of the same devices when they come, and when they go.
  void check_standing(const std::string& conditions, const std::set<std::string>& urns, bool whole) const {
    if (!whole) return;
    const ontology::sparql::MemorySource empty;
    subservices::StandingQueries standing;
    const auto plan = subservices::plan_search(parsed("{\"conditions\":" + conditions + "}"));
    REQUIRE(plan);
    REQUIRE(standing.add(*plan, source_));
    const auto told = [&](const ontology::sparql::MemorySource& before, const ontology::sparql::MemorySource& after, subservices::StandingMatch::Kind kind) {
      std::set<std::string> out;
      for (const auto& match : standing.changed(devices_, before, after)) {
        CHECK(match.kind == kind);
        out.insert(device_urn(match.device));
      }
      return out;
    };
    CHECK(told(empty, source_, subservices::StandingMatch::Kind::match) == urns);
    CHECK(told(source_, source_, subservices::StandingMatch::Kind::update) == urns);
    CHECK(told(source_, empty, subservices::StandingMatch::Kind::unmatch) == urns);
    standing.remove(1);
    CHECK(standing.size() == 0);
    CHECK(standing.changed(devices_, empty, source_).empty());
  }

  std::vector<Hash> devices_;
  ontology::sparql::MemorySource source_;
};

using Ids = std::vector<int>;

std::function<void(Json&)> ranged(const char* property, const char* unit, const char* min, const char* max) {
  return [=](Json& json) {
    at(json, "sensors/0/observedProperty") = property;
    at(json, "sensors/0/unit") = unit;
    at(json, "sensors/0/range") = Json::object({{"min", Json::number(min)}, {"max", Json::number(max)}});
  };
}

std::function<void(Json&)> priced(const char* field, const char* amount) {
  return [=](Json& json) { at(json, "cost") = Json::object({{"currency", "EUR"}, {field, amount}}); };
}

}  // namespace

TEST_CASE("212 degrees Fahrenheit is 100 degrees Celsius: >= finds it, > does not") {
  World world;
  world.add(1, ranged("AirTemperature", "Cel", "-40", "100"));
  world.add(2, ranged("AirTemperature", "[degF]", "-40", "212"));
  world.add(3, ranged("AirTemperature", "K", "233.15", "373.15"));
  world.add(4, ranged("AirTemperature", "Cel", "-40", "100.00000001"));
  world.add(5, ranged("Pressure", "hPa", "0", "212"));
  for (const char* boiling : {"212 [degF]", "100 Cel", "373.15 K", "373.15 http://qudt.org/vocab/unit/K"}) {
    INFO(boiling);
    const std::string value(boiling);
    CHECK(world.found("{\"sensor.range\":\">= " + value + "\"}") == Ids{1, 2, 3, 4});
    CHECK(world.found("{\"sensor.range\":\"> " + value + "\"}") == Ids{4});
    CHECK(world.found("{\"sensor.range.max\":\"" + value + "\"}") == Ids{1, 2, 3});
    CHECK(world.found("{\"sensor.range.max\":\"!= " + value + "\"}") == Ids{4});
  }
  // A bare number is in the sensor's own unit.
  CHECK(world.found(R"({"sensor.range":">=212"})") == Ids{2, 3, 5});
  CHECK(world.found(R"({"sensor.range":"< -40 [degF]"})") == Ids{});
  CHECK(world.found(R"({"sensor.range":{"min":"-40 Cel","max":"212 [degF]"}})") == Ids{1, 2, 3, 4});
  CHECK(world.found(R"({"sensor.range":{"min":"-41 Cel"}})") == Ids{});
}

TEST_CASE("accuracy compares as a difference, without the offset of its unit") {
  World world;
  world.add(1, [](Json& json) { at(json, "sensors/0/accuracy") = Json::number("0.5"); });
  world.add(2, [](Json& json) {
    ranged("AirTemperature", "[degF]", "-40", "212")(json);
    at(json, "sensors/0/accuracy") = Json::number("0.9");
  });
  world.add(3, [](Json& json) { drop(at(json, "sensors/0"), "accuracy"); });
  CHECK(world.found(R"({"sensor.accuracy":"<= 0.5 K"})") == Ids{1, 2});
  CHECK(world.found(R"({"sensor.accuracy":"< 0.5 K"})") == Ids{});
  CHECK(world.found(R"({"sensor.accuracy":"<=0.5"})") == Ids{1});
}

TEST_CASE("a general property finds the special ones, and all sensor conditions hold for one sensor") {
  World world;
  world.add(1);
  world.add(2, ranged("WindSpeed", "m/s", "0", "60"));
  world.add(3, [](Json& json) {  // a thermometer up to 50 and an anemometer up to 200
    ranged("AirTemperature", "Cel", "-20", "50")(json);
    Json wind = at(json, "sensors/0");
    wind.set("name", "wind");
    at(json, "sensors").push(std::move(wind));
    at(json, "sensors/1/observedProperty") = "WindSpeed";
    at(json, "sensors/1/unit") = "km/h";
    at(json, "sensors/1/range") = parsed(R"({"min":0,"max":200})");
  });
  CHECK(world.found(R"({"sensor.observedProperty":"Temperature"})") == Ids{1, 3});
  CHECK(world.found(R"({"sensor.observedProperty":"AirTemperature"})") == Ids{1, 3});
  CHECK(world.found(R"({"sensor.observedProperty":"SoilTemperature"})") == Ids{});
  CHECK(world.found(R"({"sensor.observedProperty":["AirTemperature","Temperature","WindSpeed"]})") == Ids{1, 2, 3});
  CHECK(world.found(R"({"sensor.observedProperty":"Temperature","sensor.range":">60"})") == Ids{1});
  CHECK(world.found(R"({"sensor.observedProperty":"!=Temperature"})") == Ids{2, 3});
  CHECK(world.found(R"({"sensor.unit":["m/s","Cel"]})") == Ids{1, 2, 3});
  CHECK(world.found(R"({"sensor.range.max":["> 55 m/s","> 99 Cel"]})") == Ids{1, 2, 3});
}

TEST_CASE("what is asked of the device") {
  World world;
  world.add(1);
  world.add(2, [](Json& json) {
    at(json, "type") = "AirQualityStation";
    at(json, "name") = "Kerb sensor ÜBER";
    at(json, "description") = "Beside the ROAD";
    at(json, "location/place") = "Lyon";
    at(json, "cost/currency") = "TKN";
    at(json, "payment/methods") = Json::array({"credit", "bank"});
  });
  world.add(3, [](Json& json) {
    at(json, "type") = "http://example.org/v#Hive";
    drop(at(json, "location"), "place");
    drop(json, "description");
  }, [](ontology::DeviceIdentity& who) {
    who.provider = kOther;
    who.version = 2;
    who.registered_at = 1'767'254'300'000;
  });
  CHECK(world.found(R"({})") == Ids{1, 2, 3});
  CHECK(world.found(R"({"type":"WeatherStation"})") == Ids{1});
  CHECK(world.found(R"({"type":"Device"})") == Ids{1, 2, 3});
  CHECK(world.found(R"({"type":["WeatherStation","http://example.org/v#Hive"]})") == Ids{1, 3});
  CHECK(world.found(R"({"type":["!=WeatherStation","WeatherStation"]})") == Ids{1, 2, 3});
  CHECK(world.found(R"({"name":"Kerb sensor ÜBER"})") == Ids{2});
  CHECK(world.found(R"({"name":"kerb sensor über"})") == Ids{});
  CHECK(world.found(R"({"text":"KERB"})") == Ids{2});
  CHECK(world.found(R"({"text":"road"})") == Ids{2});
  CHECK(world.found(R"({"text":["road","roof"]})") == Ids{1, 2, 3});
  CHECK(world.found(R"({"provider":")" + kOther + "\"}") == Ids{3});
  CHECK(world.found(R"({"provider":"!=)" + kOther + "\"}") == Ids{1, 2});
  CHECK(world.found(R"({"location.place":"Lyon"})") == Ids{2});
  CHECK(world.found(R"({"location.place":"!=Lyon"})") == Ids{1});
  CHECK(world.found(R"({"cost.currency":"!=TKN"})") == Ids{1, 3});
  CHECK(world.found(R"({"payment.method":"bank"})") == Ids{2});
  CHECK(world.found(R"({"payment.method":["bank","credit"]})") == Ids{1, 2, 3});
  CHECK(world.found(R"({"access.protocol":"mqtt"})") == Ids{1, 2, 3});
  CHECK(world.found(R"({"registeredAt":"<2026-01-01T08:00:00Z"})") == Ids{3});
  CHECK(world.found(R"({"registeredAt":{"min":"2026-01-01T08:00:00Z","max":"2026-01-01T09:00:00+01:00"}})") == Ids{1, 2});
  CHECK(world.answer(R"({"conditions":{"name":"Roof \"A\"","provider":")" + kOther + "\"}}").find("devices")->items()[0].find("version")->dump() == "2");
}

TEST_CASE("prices are compared per minute and per kilobyte, whatever they were declared in") {
  World world;
  world.add(1, priced("perMinute", "0.002"));
  world.add(2, priced("perHour", "0.12"));
  world.add(3, priced("perDay", "2.88"));
  world.add(4, priced("perHour", "0.1"));
  world.add(5, priced("perMegabyte", "0.02"));
  world.add(6, priced("perKilobyte", "0"));
  CHECK(world.found(R"({"cost.perMinute":0.002})") == Ids{1, 2, 3});
  CHECK(world.found(R"({"cost.perMinute":"<0.002"})") == Ids{4});
  // 0.1 / 60 = 0.001666…: never rounded past a boundary
  CHECK(world.found(R"({"cost.perMinute":"<=0.0016666666666666"})") == Ids{});
  CHECK(world.found(R"({"cost.perMinute":"<=0.0016666666666667"})") == Ids{4});
  CHECK(world.found(R"({"cost.perKilobyte":"<=0.00002"})") == Ids{6, 5});
  CHECK(world.found(R"({"cost.perKilobyte":"0"})") == Ids{6});
}

TEST_CASE("default order: price per minute, then per kilobyte, then id; orderBy changes it") {
  World world;
  world.add(9, priced("perMinute", "0.1"));
  world.add(3, priced("perMinute", "0.2"));
  world.add(4, priced("perMinute", "0.1"));
  world.add(2, priced("perKilobyte", "0.5"));
  world.add(1, priced("perKilobyte", "0.7"));
  CHECK(world.found("{}") == Ids{4, 9, 3, 2, 1});
  CHECK(world.found("{}", R"(,"orderBy":"-cost.perMinute")") == Ids{3, 4, 9, 1, 2});
  CHECK(world.found("{}", R"(,"orderBy":"cost.perKilobyte")") == Ids{2, 1, 3, 4, 9});
  CHECK(world.found("{}", R"(,"orderBy":"name")") == Ids{1, 2, 3, 4, 9});
}

TEST_CASE("near finds what lies within the distance, nearest first") {
  World world;
  const auto placed = [](const char* latitude, const char* longitude) {
    return [=](Json& json) {
      at(json, "location/latitude") = Json::number(latitude);
      at(json, "location/longitude") = Json::number(longitude);
    };
  };
  world.add(1, placed("48.8584", "2.2945"));    // Eiffel tower
  world.add(2, placed("48.8530", "2.3499"));    // Notre-Dame
  world.add(3, placed("45.7640", "4.8357"));    // Lyon
  world.add(4, placed("0", "179.99"));
  world.add(5, placed("0", "-179.99"));
  const std::string paris = R"({"near":{"latitude":48.8566,"longitude":2.3522,"km":)";
  CHECK(world.found(paris + "10}}") == Ids{2, 1});
  CHECK(world.found(paris + "1}}") == Ids{2});
  CHECK(world.found(paris + "400}}") == Ids{2, 1, 3});
  CHECK(world.found(paris + "10}}", R"(,"orderBy":"-distance")") == Ids{1, 2});
  CHECK(world.found(paris + "10}}", R"(,"orderBy":"cost.perMinute")") == Ids{1, 2});
  CHECK(world.found(R"({"near":{"latitude":0,"longitude":180,"km":2}})") == Ids{4, 5});
  const Json reply = world.answer("{\"conditions\":" + paris + "10}}}");
  CHECK(reply.find("devices")->items()[0].find("distanceKm")->number_text().size() > 3);
}

TEST_CASE("near finds what lies just within the distance in every direction, anywhere on the globe, and nothing just beyond") {
  constexpr double kDegree = 3.14159265358979323846 / 180, kEarth_km = 6371;
  struct Circle { double latitude, longitude, km; };
  for (const Circle& circle : {Circle{48.85, 2.35, 10}, Circle{0, 0, 500}, Circle{-33.9, 151.2, 2'000}, Circle{78, 15.6, 700}, Circle{84.9, -40, 300}, Circle{10, 179.8, 60}}) {
    World world;
    Ids inside;
    unsigned char id = 0;
    for (const double part : {0.995, 1.005}) {
      for (int bearing = 0; bearing < 360; bearing += 20) {
        const double reach = circle.km * part / kEarth_km, from = circle.latitude * kDegree, towards = bearing * kDegree;
        const double latitude = std::asin(std::sin(from) * std::cos(reach) + std::cos(from) * std::sin(reach) * std::cos(towards));
        double longitude = circle.longitude + std::atan2(std::sin(towards) * std::sin(reach) * std::cos(from), std::cos(reach) - std::sin(from) * std::sin(latitude)) / kDegree;
        if (longitude > 180) longitude -= 360;
        if (longitude < -180) longitude += 360;
        world.add(++id, [&](Json& json) {
          at(json, "location/latitude") = Json::number(std::to_string(latitude / kDegree));
          at(json, "location/longitude") = Json::number(std::to_string(longitude));
        });
        if (part < 1) inside.push_back(id);
      }
    }
    INFO(circle.latitude << " " << circle.longitude << " " << circle.km);
    Ids found = world.found(R"({"near":{"latitude":)" + std::to_string(circle.latitude) + R"(,"longitude":)" + std::to_string(circle.longitude) + R"(,"km":)" + std::to_string(circle.km) + "}}");
    std::sort(found.begin(), found.end());
    CHECK(found == inside);
  }
}

TEST_CASE("pages neither repeat nor skip a device, also when others are registered in between") {
  const std::pair<const char*, const char*> cases[] = {{"{}", ""},
                                                       {"{}", R"(,"orderBy":"-cost.perMinute")"},
                                                       {"{}", R"(,"orderBy":"location.place")"},
                                                       {"{}", R"(,"orderBy":"-location.place")"},
                                                       {"{}", R"(,"orderBy":"-provider")"},
                                                       {"{}", R"(,"orderBy":"type")"},
                                                       {"{}", R"(,"orderBy":"registeredAt")"},
                                                       {R"({"sensor.observedProperty":["Temperature","AirTemperature"]})", R"(,"orderBy":"-name")"},
                                                       {R"({"near":{"latitude":48,"longitude":2,"km":500}})", ""}};
  for (const auto& [conditions, order] : cases) {
    INFO(conditions << order);
    World world;
    for (unsigned char id = 1; id <= 11; ++id) {
      world.add(id, [id](Json& json) {
        const char* prices[] = {"0.1", "0.2", "0.3"};
        priced(id % 4 == 0 ? "perKilobyte" : "perMinute", prices[id % 3])(json);
        if (id % 3 == 0) drop(at(json, "location"), "place");
        at(json, "location/latitude") = Json::number("48." + std::to_string(id % 5));
        if (id % 2) at(json, "type") = "Camera";
      }, [id](ontology::DeviceIdentity& who) {
        if (id % 2) who.provider = kOther;
        who.registered_at = 1'767'000'000'000 + id % 3;
      });
    }
    const Ids all = world.found(conditions, order);
    CHECK(all.size() == 11);
    Ids paged;
    std::string cursor;
    for (int page = 0; page < 10; ++page) {
      const std::string more = std::string(order) + ",\"limit\":3" + (cursor.empty() ? "" : ",\"cursor\":\"" + cursor + "\"");
      const Ids part = world.found(conditions, more, &cursor);
      paged.insert(paged.end(), part.begin(), part.end());
      if (cursor.empty()) break;
      if (page == 0) world.add(0, priced("perMinute", "0.000001"));  // comes before or after, but moves nobody
    }
    std::erase(paged, 0);
    CHECK(paged == all);
  }
}

TEST_CASE("next is there exactly when there is more; a cursor belongs to its search") {
  World world;
  for (unsigned char id = 1; id <= 4; ++id) world.add(id);
  CHECK_FALSE(world.answer(R"({"conditions":{},"limit":4})").find("next"));
  const Json first = world.answer(R"({"conditions":{},"limit":3})");
  REQUIRE(first.find("next"));
  const std::string cursor = first.find("next")->as_string();
  CHECK(world.found("{}", ",\"cursor\":\"" + cursor + "\"") == Ids{4});
  for (const std::string& body : {R"({"conditions":{"type":"Camera"},"cursor":")" + cursor + "\"}", R"({"conditions":{},"orderBy":"name","cursor":")" + cursor + "\"}",
                                  R"({"conditions":{},"cursor":")" + cursor.substr(1) + "\"}", R"({"conditions":{},"cursor":")" + cursor + "A\"}"}) {
    const auto refused = QueryService().search(parsed(body), world.source());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().status == Status::invalid);
    CHECK(refused.error().fields.front().pointer == "/cursor");
  }
}

TEST_CASE("a search that passes its limits ends with 503") {
  World world;
  for (unsigned char id = 1; id <= 20; ++id) world.add(id);
  ontology::sparql::Limits limits;
  limits.memory_bytes = 100;
  const auto refused = QueryService(limits).search(parsed(R"({"conditions":{}})"), world.source());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().status == Status::unavailable);
}
