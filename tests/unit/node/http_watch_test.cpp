// Standing queries over a real ledger in memory: what is told, in which order, and that whoever follows it knows what a search would give.
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>

#include "tests/unit/node/api_client.h"

using namespace agiddi;
using namespace agiddi::node;
using namespace agiddi::node::testing;

namespace {

std::string registered(Api& api, const std::string& price, const std::string& name = "Station") {
  Json device = api.chain.with_world([&](auto& world) { return world.device("{\"perMinute\":\"" + price + "\"}", name); });
  const ApiAnswer answer = api.write("/v1/devices", api.chain.world.provider, "device.register", Json::object({{"devices", Json::array({std::move(device)})}}));
  INFO(answer.body);
  REQUIRE(answer.status == 201);
  const Json document = answer.json();
  return document.find("devices")->items()[0].find("id")->as_string();
}

void update(Api& api, const std::string& urn, int version, const std::string& price, const std::string& name = "Station") {
  Json device = api.chain.with_world([&](auto& world) { return world.device("{\"perMinute\":\"" + price + "\"}", name); });
  const ApiAnswer answer = api.write("/v1/devices/" + urn, api.chain.world.provider, "device.update", device.set("id", urn).set("version", version), {}, "PUT");
  INFO(answer.body);
  REQUIRE(answer.status == 201);
}

void retire(Api& api, const std::string& urn, int version = 1) {
  const ApiAnswer answer = api.write("/v1/devices/" + urn + "/retire", api.chain.world.provider, "device.retire", Json::object({{"id", urn}, {"version", version}}));
  INFO(answer.body);
  REQUIRE(answer.status == 200);
}

// One client with a standing query.
struct Watcher {
  std::shared_ptr<AnswerSink> sink = std::make_shared<AnswerSink>();

  Watcher(Api& api, const std::string& conditions) {
    const ApiAnswer answer = api.call("POST", "/v1/query", "{\"conditions\":" + conditions + ",\"watch\":true,\"limit\":1000}",
                                      {{"content-type", "application/json"}, {"accept", "text/event-stream"}}, sink);
    INFO(answer.body);
    REQUIRE(answer.status == 200);
    CHECK(answer.content_type == "text/event-stream");
  }
  // The next event.
  StreamEvent next() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (waiting_.empty() && std::chrono::steady_clock::now() < end) {
      waiting_ = sink->events();
      if (waiting_.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    REQUIRE_FALSE(waiting_.empty());
    const StreamEvent event = waiting_.front();
    waiting_.erase(waiting_.begin());
    return event;
  }
  std::string told() {
    const StreamEvent event = next();
    const Json data = parse_json(event.data).value();
    return event.event + " " + data.find("id")->as_string();
  }

 private:
  std::vector<StreamEvent> waiting_;
};

}  // namespace

TEST_CASE("a standing query begins with what there is and tells of each change") {
  Api api;
  const std::string first = registered(api, "0.10");
  Watcher cheap(api, R"({"cost.perMinute":"<=0.15"})");
  const StreamEvent begin = cheap.next();
  CHECK(begin.event == "result");
  const Json result = parse_json(begin.data).value();
  CHECK(result.find("devices")->items().size() == 1);
  CHECK(result.find("height")->dump() == "1");
  CHECK(begin.id == "1");
  CHECK(result.find("sparql"));

  const std::string second = registered(api, "0.12");
  const StreamEvent match = cheap.next();
  CHECK(match.event == "match");
  CHECK(match.id == "2");
  const Json device = parse_json(match.data).value();
  CHECK(device.find("id")->as_string() == second);
  CHECK(device.find("version")->dump() == "1");
  CHECK(device.find("metadata")->dump().find("\"@id\":\"" + second + "\"") != std::string::npos);

  const std::string dear = registered(api, "0.50");
  update(api, dear, 1, "0.15");
  CHECK(cheap.told() == "match " + dear);
  update(api, first, 1, "0.10", "Renamed");
  CHECK(cheap.told() == "update " + first);
  update(api, second, 1, "0.16");
  const StreamEvent gone = cheap.next();
  CHECK(gone.event == "unmatch");
  CHECK(gone.data == "{\"id\":\"" + second + "\"}");
  retire(api, first, 2);
  CHECK(cheap.told() == "unmatch " + first);
  retire(api, second, 2);        // did not match any more
  const std::string last = registered(api, "0.01");
  CHECK(cheap.told() == "match " + last);
}

TEST_CASE("distance, sensors and units are told as a search tells them") {
  Api api;
  Watcher near(api, R"({"near":{"latitude":48.2,"longitude":16.37,"km":5},"sensor.range":">= 140 [degF]"})");
  Watcher far(api, R"({"near":{"latitude":-48.2,"longitude":16.37,"km":5}})");
  Watcher hot(api, R"({"sensor.range":"> 140 [degF]"})");
  CHECK(near.next().event == "result");
  CHECK(far.next().event == "result");
  CHECK(hot.next().event == "result");
  const std::string urn = registered(api, "0.10");
  const Json device = parse_json(near.next().data).value();
  CHECK(device.find("id")->as_string() == urn);
  REQUIRE(device.find("distanceKm"));
  CHECK(std::stod(device.find("distanceKm")->dump()) == 0);
  CHECK(far.sink->events().empty());
  CHECK(hot.sink->events().empty());
}

TEST_CASE("what a standing query does not take is 422 and says why") {
  Api api;
  const auto pointer_of = [&](const std::string& body) {
    const ApiAnswer answer = api.post("/v1/query", body);
    INFO(answer.body);
    CHECK(answer.status == 422);
    const Json document = answer.json();
    return document.find("errors") ? document.find("errors")->items()[0].find("pointer")->as_string() : "";
  };
  CHECK(pointer_of(R"({"conditions":{},"watch":1})") == "/watch");
  CHECK(pointer_of(R"({"conditions":{},"watch":true,"cursor":"x"})") == "/cursor");
  CHECK(pointer_of(R"({"conditions":{"colour":"red"},"watch":true})") == "/conditions/colour");
  CHECK(api.post("/v1/query", R"({"conditions":{},"watch":false})").content_type == "application/json");
}

TEST_CASE("places are bounded and come free again") {
  Api api(1, 20);
  std::vector<std::unique_ptr<Watcher>> watchers;
  for (int i = 0; i < 20; ++i) watchers.push_back(std::make_unique<Watcher>(api, "{}"));
  CHECK(api.post("/v1/query", R"({"conditions":{},"watch":true})").status == 503);
  watchers.front()->sink->stream->finish();   // its connection ended
  Watcher again(api, "{}");
  CHECK(again.next().event == "result");
  watchers.clear();
}

TEST_CASE("who follows the stream knows what a search would give, whatever happens and whenever it began") {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    Api api;
    std::mt19937 random(seed);
    const std::vector<std::string> prices{"0.05", "0.10", "0.15", "0.20", "0.30"}, names{"alpha", "beta", "gamma"};
    const std::vector<std::string> conditions{R"({"cost.perMinute":"<=0.15"})", R"({"name":"beta"})", R"({"text":"ALPH"})", R"({"cost.perMinute":{"min":"0.10","max":"0.20"},"name":["alpha","gamma"]})",
                                              R"({"type":"WeatherStation","cost.perMinute":"!=0.10"})", R"({})"};
    std::map<std::string, int> versions;
    struct Follower {
      std::string conditions;
      std::unique_ptr<Watcher> watcher;
      std::set<std::string> known;
    };
    std::vector<Follower> followers;
    for (int step = 0; step < 80; ++step) {
      const std::string& price = prices[random() % prices.size()];
      const std::string& name = names[random() % names.size()];
      const auto what = random() % 10;
      if (what < 2 && followers.size() < 12) {
        followers.push_back({conditions[random() % conditions.size()], nullptr, {}});
        followers.back().watcher = std::make_unique<Watcher>(api, followers.back().conditions);
      } else if (what < 6 || versions.empty()) {
        versions[registered(api, price, name)] = 1;
      } else {
        const auto one = std::next(versions.begin(), static_cast<std::ptrdiff_t>(random() % versions.size()));
        if (what < 9) {
          update(api, one->first, one->second++, price, name);
        } else {
          retire(api, one->first, one->second);
          versions.erase(one);
        }
      }
    }
    for (Follower& one : followers) {
      INFO("seed " << seed << ", conditions " << one.conditions);
      const Json search = api.post("/v1/query", "{\"conditions\":" + one.conditions + ",\"limit\":1000}").json();
      std::set<std::string> wanted;
      for (const Json& device : search.find("devices")->items()) wanted.insert(device.find("id")->as_string());
      const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
      bool begun = false;
      std::uint64_t last = 0;
      std::string history;
      while (std::chrono::steady_clock::now() < end && (!begun || one.known != wanted)) {
        INFO("told: " << history << "\nknown " << one.known.size() << ", wanted " << wanted.size());
        const StreamEvent event = one.watcher->next();
        const Json data = parse_json(event.data).value();
        CHECK(std::stoull(event.id) >= last);
        last = std::stoull(event.id);
        if (event.event == "result") {
          begun = true;
          history += "result at " + event.id + " of " + std::to_string(data.find("devices")->items().size()) + "; ";
          for (const Json& device : data.find("devices")->items()) one.known.insert(device.find("id")->as_string());
          continue;
        }
        const std::string id = data.find("id")->as_string();
        history += event.id + " " + event.event + " " + id.substr(19, 6) + "; ";
        // Nothing is told twice, and nothing that was not so.
        if (event.event == "match") CHECK(one.known.insert(id).second);
        if (event.event == "update") CHECK(one.known.contains(id));
        if (event.event == "unmatch") CHECK(one.known.erase(id) == 1);
      }
      CHECK(one.known == wanted);
    }
  }
}
