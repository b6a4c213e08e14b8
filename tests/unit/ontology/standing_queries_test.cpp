// Thousands of standing queries at once: each is told of exactly those devices that its search gives, whichever come, change and go, and whichever queries
// leave.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>

#include "fixture.h"
#include "ontology/sparql/evaluator.h"
#include "ontology/sparql/memory_source.h"
#include "ontology/sparql/parser.h"
#include "subservices/query/query_service.h"
#include "subservices/query/standing_queries.h"

namespace standing_queries_test {

using namespace agiddi;
using namespace agiddi::ontology::test;
using subservices::StandingMatch;

namespace {

class Random {
 public:
  explicit Random(unsigned seed) : random_(seed) {}
  int between(int low, int high) { return low + static_cast<int>(random_() % static_cast<unsigned>(high - low + 1)); }
  template <class T>
  const T& of(const std::vector<T>& choices) { return choices[random_() % choices.size()]; }

 private:
  std::mt19937 random_;
};

std::string hundredths(int value) {
  const std::string text = std::to_string(100 + value % 100);
  return std::to_string(value / 100) + "." + text.substr(1);
}

const std::vector<std::string> kProperties{"AirTemperature", "RelativeHumidity", "PM2_5"}, kTypes{"WeatherStation", "AirQualityStation", "IndoorClimateSensor"};
const std::vector<std::string> kPlaces{"Paris", "Lyon", "Berlin"}, kTemperatureUnits{"Cel", "[degF]", "K"};
const std::vector<std::string> kPeople{kProvider, "did:key:z6Mkfriq1MqLBoPWecGoDLjguo1sB9brj6wT3qZ5BxkKpuP6"};

Json random_device(Random& random) {
  Json json = device_json();
  at(json, "name") = "Device " + std::to_string(random.between(1, 4));
  at(json, "type") = random.of(kTypes);
  at(json, "location/latitude") = Json::number(hundredths(random.between(4'700, 4'900)));
  at(json, "location/longitude") = Json::number(hundredths(random.between(100, 300)));
  at(json, "location/place") = random.of(kPlaces);
  at(json, "cost") = Json::object({{"currency", random.of(std::vector<std::string>{"EUR", "USD"})}, {"perMinute", hundredths(random.between(0, 40))}});
  const Json sensor = at(json, "sensors").items()[0];
  Json sensors = Json::array();
  const int count = random.between(1, 3);
  for (int i = 0; i < count; ++i) {
    Json one = sensor;
    const std::string property = random.of(kProperties);
    one.set("name", "sensor " + std::to_string(i)).set("observedProperty", property);
    one.set("unit", property == "AirTemperature" ? random.of(kTemperatureUnits) : property == "PM2_5" ? "ug/m3" : "%");
    one.set("range", Json::object({{"min", random.between(-20, 10)}, {"max", random.between(20, 100)}}));
    one.set("samplingSeconds", random.between(1, 5) * 10);
    sensors.push(std::move(one));
  }
  at(json, "sensors") = std::move(sensors);
  return json;
}

Json random_conditions(Random& random) {
  Json json = Json::object();
  const auto compared = [&](const std::string& value) { return random.of(std::vector<std::string>{"<", "<=", ">", ">=", "", "!="}) + value; };
  const auto price = [&] { return hundredths(random.between(0, 40)); };
  const int parts = random.between(0, 3);
  for (int i = 0; i < parts; ++i) {
    switch (random.between(0, 11)) {
      case 0: json.set("type", random.of(kTypes)); break;
      case 1: json.set("type", Json::array({random.of(kTypes), random.of(kTypes)})); break;
      case 2: json.set("provider", random.of(kPeople)); break;
      case 3: json.set("cost.perMinute", compared(price())); break;
      case 4: {
        const int low = random.between(0, 40);
        json.set("cost.perMinute", Json::object({{"min", hundredths(low)}, {"max", hundredths(low + random.between(0, 5))}}));
        break;
      }
      case 5:
        json.set("near", Json::object({{"latitude", Json::number(hundredths(random.between(4'700, 4'900)))},
                                       {"longitude", Json::number(hundredths(random.between(100, 300)))},
                                       {"km", random.between(1, 60)}}));
        break;
      case 6: json.set("sensor.observedProperty", random.of(kProperties)); break;
      case 7: json.set("sensor.range", compared(std::to_string(random.between(0, 200)) + " " + random.of(kTemperatureUnits))); break;
      case 8: json.set("sensor.samplingSeconds", compared(std::to_string(random.between(1, 5) * 10))); break;
      case 9:
        json.set("location.place", random.between(0, 1) == 0 ? Json(random.of(kPlaces)) : Json::array({random.of(kPlaces), "!=" + random.of(kPlaces)}));
        break;
      case 10: json.set("text", random.of(std::vector<std::string>{"DEVICE 1", "roof", "e 2"})); break;
      default: json.set("cost.currency", random.of(std::vector<std::string>{"EUR", "!=EUR", "USD"})); break;
    }
  }
  return json;
}

struct Known {
  Json document;
  unsigned changed = 0;   // in which round
};
using Devices = std::map<unsigned char, Known>;

ontology::sparql::MemorySource source_of(const Devices& devices) {
  ontology::sparql::MemorySource source;
  for (const auto& [id, known] : devices) {
    ontology::DeviceIdentity who = identity(id);
    who.provider = kPeople[id % 2];
    for (const auto& triple : ontology::device_triples(device([&](Json& json) { json = known.document; }), who)) source.add(triple);
  }
  return source;
}

// What the search gives: the device's first byte, and the distance if there is one.
std::map<int, std::string> searched(const Json& conditions, const ontology::sparql::MemorySource& source) {
  const auto plan = subservices::plan_search(Json::object({{"conditions", conditions}, {"limit", 1000}}));
  REQUIRE(plan);
  const auto result = ontology::sparql::evaluate(*ontology::sparql::parse_query(plan->sparql), ontology::sparql::Dataset(source));
  REQUIRE(result);
  const auto column = std::find(result->variables.begin(), result->variables.end(), "distance") - result->variables.begin();
  std::map<int, std::string> found;
  for (const auto& row : result->rows) {
    found.emplace(device_from_urn(row[0]->value)->bytes[0], plan->has_distance ? row[static_cast<std::size_t>(column)]->value : "");
  }
  return found;
}

}  // namespace

TEST_CASE("many standing queries tell of exactly what their searches give") {
  std::map<StandingMatch::Kind, std::size_t> kinds;
  std::size_t with_distance = 0;
  for (unsigned seed = 1; seed <= 6; ++seed) {
    Random random(seed);
    subservices::StandingQueries standing;
    std::map<std::uint64_t, Json> queries;
    Devices devices;
    auto source = source_of(devices);
    for (unsigned round = 0; round < 8; ++round) {
      for (int i = 0; i < 60; ++i) {
        const Json conditions = random_conditions(random);
        const auto plan = subservices::plan_search(Json::object({{"conditions", conditions}}));
        if (!plan) continue;   // a unit that the property does not have
        const auto number = standing.add(*plan, source);
        REQUIRE(number);
        queries.emplace(*number, conditions);
      }
      while (queries.size() > 120) {
        const auto gone = std::next(queries.begin(), random.between(0, static_cast<int>(queries.size()) - 1));
        standing.remove(gone->first);
        queries.erase(gone);
      }
      REQUIRE(standing.size() == queries.size());

      const Devices before = devices;
      std::vector<Hash> changed;
      for (unsigned char id = 1; id <= 40; ++id) {
        const int what = random.between(0, 9);
        if (what > 5) continue;
        if (what == 0) devices.erase(id);
        else devices[id] = {random_device(random), round};
        changed.push_back(identity(id).device);
      }
      const auto after = source_of(devices);
      std::map<std::uint64_t, std::map<int, StandingMatch>> told;
      for (const StandingMatch& match : standing.changed(changed, source, after)) {
        CHECK(told[match.query].emplace(match.device.bytes[0], match).second);
        ++kinds[match.kind];
        with_distance += match.distance_km ? 1 : 0;
      }
      for (const auto& [number, conditions] : queries) {
        INFO("seed " << seed << ", round " << round << ", conditions " << conditions.dump());
        const auto had = searched(conditions, source), has = searched(conditions, after);
        for (const Hash& device : changed) {
          const int id = device.bytes[0];
          const auto event = told[number].find(id);
          if (!had.contains(id) && !has.contains(id)) {
            CHECK(event == told[number].end());
            continue;
          }
          REQUIRE(event != told[number].end());
          const auto wanted = !had.contains(id) ? StandingMatch::Kind::match : has.contains(id) ? StandingMatch::Kind::update : StandingMatch::Kind::unmatch;
          CHECK(event->second.kind == wanted);
          if (has.contains(id)) CHECK(event->second.distance_km.value_or("") == has.at(id));
        }
      }
      source = after;
    }
    for (const auto& [number, conditions] : queries) standing.remove(number);
    CHECK(standing.size() == 0);
  }
  CHECK(kinds[StandingMatch::Kind::match] > 1000);
  CHECK(kinds[StandingMatch::Kind::update] > 1000);
  CHECK(kinds[StandingMatch::Kind::unmatch] > 1000);
  CHECK(with_distance > 20);
}

}  // namespace standing_queries_test
