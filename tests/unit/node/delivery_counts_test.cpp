// A node whose application counts too, with a real broker and plugin and real device processes (delivery_world.h).
#include <catch2/catch.hpp>
#include <numeric>
#include <thread>

#include "delivery_world.h"

using namespace agiddi;
using namespace agiddi::node;
using namespace agiddi::node::testing;

namespace {

constexpr TimeMs kTerm = 10'000;

std::uint64_t bytes_of(const std::vector<Json>& measurements) {
  return std::accumulate(measurements.begin(), measurements.end(), std::uint64_t{0}, [](std::uint64_t sum, const Json& measurement) {
    return sum + std::string("{\"sensor\":\"air\",\"value\":}").size() + measurement.find("hasResult")->find("numericValue")->number_text().size();
  });
}

bool without_gaps(const std::vector<Json>& measurements) {
  for (std::size_t i = 0; i < measurements.size(); ++i) {
    if (measurements[i].find("sequence")->number_text() != std::to_string(i + 1)) return false;
  }
  return true;
}

struct Counting {
  World world;
  Hash id;
  std::unique_ptr<Application> application;

  Counting(std::optional<std::uint64_t> bytes, std::optional<std::int64_t> ms, int interval_ms) {
    world.start_service();
    const auto topic = world.start_device(interval_ms);
    GrantedDevice device = world.device(world.access(topic), bytes, ms);
    device.time_limit_ms = ms;
    id = world.integration({std::move(device)}, "mqtt");
    world.chain.lease(id, kTerm, bytes.value_or(0));
    const std::lock_guard lock(world.chain.mutex);
    world.chain.integrations.at(id).counted = true;
  }
  void begin() {
    const auto access = world.claim(id);
    REQUIRE(access);
    application = std::make_unique<Application>(*access);
    REQUIRE(eventually([&] { return application->subscribed.load(); }));
  }
  void count_all() { world.chain.count(id, static_cast<std::int64_t>(application->received().size())); }
  bool ended() const { return world.chain.view(id).state == IntegrationState::ended; }
  Json last_report() const { return world.chain.reports(id).back(); }
  std::string last(const char* name) const { return last_report().find("devices")->items().front().find(name)->number_text(); }
  void close() {
    {
      const std::lock_guard lock(world.chain.mutex);
      world.chain.integrations.at(id).state = IntegrationState::closing;
    }
    world.chain.put(world.chain.view(id));
  }
};

}  // namespace

TEST_CASE("who counts no further gets one window and is served no more") {
  Counting it(20'000, std::nullopt, 5);
  it.begin();
  it.world.chain.count(it.id, 0);
  REQUIRE(eventually([&] { return it.ended(); }, 30));
  CHECK(bytes_of(it.application->received()) <= 20'000 / 16);
  CHECK(bytes_of(it.application->received()) > 20'000 / 32);
  CHECK(it.last_report().find("endedBecause")->as_string() == "disputed");
  CHECK(it.last("bytes") == std::to_string(bytes_of(it.application->received())));
  CHECK(it.last("measurements") == std::to_string(it.application->received().size()));
  CHECK(it.world.device_says("told to stop"));
}

TEST_CASE("who goes on counting gets all that was paid for") {
  Counting it(20'000, std::nullopt, 5);
  it.begin();
  it.world.chain.count(it.id, 0);
  REQUIRE(eventually([&] {
    it.count_all();
    return it.ended();
  }, 60));
  CHECK(without_gaps(it.application->received()));
  CHECK(bytes_of(it.application->received()) > 20'000 - 60);
  CHECK(it.last_report().find("endedBecause")->as_string() == "data used up");
  CHECK(it.last("measurements") == std::to_string(it.application->received().size()));
}

TEST_CASE("a window smaller than a message lets one out at a time") {
  Counting it(300, std::nullopt, 5);   // a window of 64 bytes, messages of about 30
  it.begin();
  it.world.chain.count(it.id, 0);
  REQUIRE(eventually([&] {
    it.count_all();
    return it.ended();
  }, 30));
  CHECK(bytes_of(it.application->received()) > 300 - 60);
}

TEST_CASE("an ended device is settled when its application has counted the last reading") {
  Counting it(1'000'000, std::nullopt, 20);
  it.begin();
  it.world.chain.count(it.id, 0);
  REQUIRE(eventually([&] { return it.application->received().size() > 20; }));
  it.close();
  CHECK_FALSE(eventually([&] { return it.ended(); }, 2));
  it.count_all();
  REQUIRE(eventually([&] { return it.ended(); }, 2));
  CHECK(it.last("measurements") == std::to_string(it.application->received().size()));
}

TEST_CASE("the last count is not waited for without end, nor by who was restarted meanwhile") {
  Counting it(1'000'000, std::nullopt, 20);
  it.begin();
  it.world.chain.count(it.id, 0);
  REQUIRE(eventually([&] { return it.application->received().size() > 20; }));
  it.close();
  it.world.stop_service();
  CHECK_FALSE(it.ended());
  it.world.start_service();
  REQUIRE(eventually([&] { return it.ended(); }, 20));
}

TEST_CASE("a wide window leaves readings to the broker's plugin") {
  Counting it(2'000'000, std::nullopt, 5);   // a window of 125,000 bytes
  it.begin();
  const auto flows = [&] { return it.world.service->counters().flows == 1; };
  REQUIRE(eventually(flows));
  it.world.chain.count(it.id, 0);
  REQUIRE(eventually([&] { return it.application->received().size() > 200; }));
  REQUIRE(eventually(flows));
  it.count_all();
  REQUIRE(eventually([&] { return it.application->received().size() > 600; }));
  CHECK(flows());
  it.close();
  REQUIRE(eventually([&] {
    it.count_all();
    return it.ended();
  }));
  CHECK(without_gaps(it.application->received()));
  CHECK(it.last("bytes") == std::to_string(bytes_of(it.application->received())));
  CHECK(it.last("measurements") == std::to_string(it.application->received().size()));
}

TEST_CASE("a narrow window keeps readings on the node's own path") {
  Counting it(500'000, std::nullopt, 5);
  it.begin();
  REQUIRE(eventually([&] { return it.world.service->counters().flows == 1; }));
  it.world.chain.count(it.id, 0);
  REQUIRE(eventually([&] { return it.world.service->counters().flows == 0; }));
  const std::size_t before = it.application->received().size();
  REQUIRE(eventually([&] { return it.application->received().size() > before + 100; }));
  CHECK(it.world.service->counters().flows == 0);
  CHECK(without_gaps(it.application->received()));
}

TEST_CASE("who counts time and falls behind with it is served no more") {
  Counting it(std::nullopt, 60'000, 50);
  it.begin();
  it.world.chain.count(it.id, 0, 0);
  REQUIRE(eventually([&] { return it.ended(); }, 20));
  CHECK(it.last_report().find("endedBecause")->as_string() == "disputed");
  CHECK(std::stoll(it.last("activeMs")) > 10'000);
  CHECK(std::stoll(it.last("activeMs")) < 12'000);
}
