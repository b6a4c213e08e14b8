// Readings that go through the broker's plugin alone, with a real broker and real device processes: what is counted is what arrives, whatever dies on the way.
#include <catch2/catch.hpp>
#include <numeric>
#include <thread>

#include "delivery_world.h"

using namespace agiddi;
using namespace agiddi::node;
using namespace agiddi::node::testing;

namespace {

constexpr TimeMs kTerm = 20'000;

std::uint64_t number_of(const Json& measurement) { return std::stoull(measurement.find("sequence")->number_text()); }
std::uint64_t figure(const Json& object, const char* name) { return std::stoull(object.find(name)->number_text()); }

std::uint64_t bytes_of(const std::vector<Json>& measurements) {
  return std::accumulate(measurements.begin(), measurements.end(), std::uint64_t{0}, [](std::uint64_t sum, const Json& measurement) {
    return sum + std::string("{\"sensor\":\"air\",\"value\":}").size() + measurement.find("hasResult")->find("numericValue")->number_text().size();
  });
}

bool without_gaps(const std::vector<Json>& measurements) {
  for (std::size_t i = 0; i < measurements.size(); ++i) {
    if (number_of(measurements[i]) != i + 1) return false;
  }
  return true;
}
bool rising(const std::vector<Json>& measurements) {
  for (std::size_t i = 1; i < measurements.size(); ++i) {
    if (number_of(measurements[i]) <= number_of(measurements[i - 1])) return false;
  }
  return true;
}

// One device, bought by the byte or the millisecond, delivered over MQTT under a lease.
struct Flowing {
  World world;
  Hash id;
  std::unique_ptr<Application> application;

  Flowing(std::optional<std::uint64_t> bytes, std::optional<std::int64_t> ms, std::uint64_t reserved, int interval_ms = 10, TimeMs term = kTerm, std::string form = "reading") {
    world.start_service();
    const auto topic = world.start_device(interval_ms, {}, "air", form);
    id = world.integration({world.device(world.access(topic), bytes, ms)}, "mqtt");
    world.chain.lease(id, term, reserved);
  }
  void begin() {
    const auto access = world.claim(id);
    REQUIRE(access);
    application = std::make_unique<Application>(*access);
    REQUIRE(eventually([&] { return application->subscribed.load(); }));
  }
  bool flows(std::uint64_t expected = 1) const {
    return eventually([&] { return world.service->counters().flows == expected; });
  }
  bool receives(std::size_t more, int seconds = 10) const {
    const std::size_t before = application->received().size();
    return eventually([&] { return application->received().size() >= before + more; }, seconds);
  }
  void ask_to_close() {
    {
      const std::lock_guard lock(world.chain.mutex);
      world.chain.integrations.at(id).state = IntegrationState::closing;
    }
    world.chain.put(world.chain.view(id));
  }
  bool ends(int seconds = 10) const {
    return eventually([&] { return world.chain.view(id).state == IntegrationState::ended; }, seconds);
  }
  void close() {
    ask_to_close();
    REQUIRE(ends());
  }
  bool all_received_is_charged() const {
    const auto received = application->received();
    return figure(last_figures(), "bytes") == bytes_of(received) && figure(last_figures(), "readings") == received.size();
  }
  Json last_figures() const { return world.chain.reports(id).back().find("devices")->items().front(); }
};

}  // namespace

TEST_CASE("a flow ends with exactly what was paid for, and reserves ahead without a stop") {
  Flowing it(20'000, std::nullopt, 20'000 / 16, 2);
  it.begin();
  REQUIRE(it.flows());
  REQUIRE(eventually([&] { return it.world.chain.view(it.id).state == IntegrationState::ended; }, 30));
  const auto received = it.application->received();
  CHECK(without_gaps(received));
  CHECK(bytes_of(received) <= 20'000);
  CHECK(bytes_of(received) > 20'000 - 60);
  CHECK(figure(it.last_figures(), "bytes") == bytes_of(received));
  CHECK(figure(it.last_figures(), "readings") == received.size());
  CHECK(it.world.service->counters().bytes == bytes_of(received));
  CHECK(it.world.chain.beyond_reserved == 0);
  CHECK(it.world.service->counters().flows == 0);
  CHECK(it.world.device_says("stopped " + it.id.hex() + ": told to stop"));
}

TEST_CASE("a flow that was closed is counted to its last reading") {
  Flowing it(1'000'000, std::nullopt, 60'000, 5);
  it.begin();
  REQUIRE(it.flows());
  REQUIRE(it.receives(50));
  it.close();
  const auto received = it.application->received();
  CHECK(without_gaps(received));
  CHECK(figure(it.last_figures(), "bytes") == bytes_of(received));
  CHECK(figure(it.last_figures(), "readings") == received.size());
}

TEST_CASE("time that a flow served is earned, to the millisecond of its end") {
  Flowing it(std::nullopt, 2'500, 0, 20);
  const TimeMs expires = *it.world.chain.view(it.id).devices.front().expires;
  it.begin();
  REQUIRE(it.flows());
  REQUIRE(eventually([&] { return it.world.chain.view(it.id).state == IntegrationState::ended; }, 20));
  CHECK(it.application->received().size() > 20);
  for (const Json& measurement : it.application->received()) CHECK(time_from_text(measurement.find("resultTime")->as_string()).value() <= expires);
  CHECK(figure(it.last_figures(), "activeMs") == static_cast<std::uint64_t>(expires - it.world.chain.view(it.id).claimed));
  CHECK(figure(it.last_figures(), "readings") == it.application->received().size());
}

TEST_CASE("what nobody receives is neither charged nor numbered in a flow") {
  Flowing it(1'000'000, std::nullopt, 60'000, 5);
  REQUIRE(it.world.claim(it.id));
  REQUIRE(it.flows());
  REQUIRE(eventually([&] { return it.world.service->counters().no_receiver > 10; }));
  CHECK(it.world.usage(it.id)->devices.front().bytes_used == 0);
  it.application = std::make_unique<Application>(*it.world.claim(it.id));
  REQUIRE(it.receives(20));
  CHECK(without_gaps(it.application->received()));
}

TEST_CASE("SenML packs stay on the node's own path") {
  Flowing it(1'000'000, std::nullopt, 60'000, 10, kTerm, "senml");
  it.begin();
  REQUIRE(it.receives(40));
  CHECK(without_gaps(it.application->received()));
  CHECK(it.world.service->counters().flows == 0);
}

TEST_CASE("measurements in SenML go through the broker alone too, and look as the node writes them") {
  for (const bool through_broker : {true, false}) {
    World world;
    world.start_service(true, through_broker);
    const auto topic = world.start_device(5);
    const Hash id = world.integration({world.device(world.access(topic), 1'000'000, std::nullopt)}, "mqtt");
    {
      const std::lock_guard lock(world.chain.mutex);
      world.chain.integrations.at(id).senml = true;
    }
    world.chain.lease(id, kTerm, 60'000);
    const auto access = world.claim(id);
    REQUIRE(access);
    const Application application(*access);
    REQUIRE(eventually([&] { return world.service->counters().flows == (through_broker ? 1 : 0) && application.received().size() >= 20; }));
    const std::size_t so_far = application.received().size();
    REQUIRE(eventually([&] { return application.received().size() >= so_far + 20; }));
    CHECK(world.service->counters().flows == (through_broker ? 1 : 0));
    const std::string device = world.chain.view(id).devices.front().measurement.device;
    std::uint64_t number = 0;
    for (const Json& pack : application.received()) {
      REQUIRE(pack.is_array());
      REQUIRE(pack.items().size() == 1);
      const Json& record = pack.items().front();
      std::string names;
      for (const auto& [name, value] : record.members()) names += name + " ";
      CHECK(names == "bn n u v t agiddi:integration agiddi:epoch agiddi:deviceVersion agiddi:sequence ");
      CHECK(record.find("bn")->as_string() + record.find("n")->as_string() == device + "/sensor/air");
      CHECK(record.find("u")->as_string() == "Cel");
      CHECK(record.find("agiddi:integration")->as_string() == id.hex());
      CHECK(figure(record, "agiddi:sequence") == ++number);
      CHECK(std::abs(std::stod(record.find("t")->number_text()) - static_cast<double>(world.chain.now()) / 1000) < 60);
    }
  }
}

TEST_CASE("a service that dies and comes back takes up the count of a flow that went on") {
  Flowing it(1'000'000, std::nullopt, 60'000, 5);
  it.begin();
  REQUIRE(it.flows());
  REQUIRE(it.receives(30));
  it.world.stop_service();
  REQUIRE(it.receives(30));        // the plugin goes on
  it.world.start_service();
  REQUIRE(it.flows());
  REQUIRE(it.receives(100));
  it.close();
  const auto received = it.application->received();
  CHECK(without_gaps(received));
  CHECK(figure(it.last_figures(), "bytes") == bytes_of(received));
  CHECK(it.application->down == false);
}

TEST_CASE("a broker that dies takes its count along: nothing is forwarded twice, no number given again, and nobody pays for what is unknown") {
  Flowing it(400'000, std::nullopt, 4'000, 5);
  it.begin();
  REQUIRE(it.flows());
  REQUIRE(it.receives(100));
  it.world.broker.kill();
  REQUIRE(eventually([&] { return !it.world.service->counters().broker_connected; }));
  const std::size_t before = it.application->received().size();
  it.world.broker.start();
  REQUIRE(eventually([&] { return it.application->received().size() > before + 100; }, 40));
  REQUIRE(it.flows());             // a new one
  it.close();
  const auto received = it.application->received();
  CHECK(rising(received));
  const std::uint64_t paid = figure(it.last_figures(), "bytes");
  CHECK(paid <= bytes_of(received));
  CHECK(bytes_of(received) - paid < 4'000);   // what lay between two reports of the plugin
  CHECK(it.world.chain.beyond_reserved == 0);
}

TEST_CASE("a service and a broker that die together charge at most, and deliver at most, what was reserved") {
  Flowing it(30'000, std::nullopt, 2'000, 5);
  it.begin();
  REQUIRE(it.flows());
  REQUIRE(it.receives(60));
  it.world.stop_service();
  it.world.broker.kill();
  it.world.broker.start();
  it.world.start_service();
  REQUIRE(eventually([&] { return it.world.chain.view(it.id).state == IntegrationState::ended; }, 60));
  const auto received = it.application->received();
  CHECK(rising(received));
  CHECK(bytes_of(received) <= 30'000);
  CHECK(figure(it.last_figures(), "bytes") <= bytes_of(received));
  CHECK(it.world.chain.beyond_reserved == 0);
}

TEST_CASE("a flow ends by itself with the lease of its node") {
  Flowing it(1'000'000, std::nullopt, 60'000, 10, 3'500);   // of which 1.5 s are left without the tolerance of clocks
  it.begin();
  REQUIRE(it.flows());
  REQUIRE(it.receives(20));
  it.world.stop_service();
  std::this_thread::sleep_for(std::chrono::milliseconds(2'000));
  const std::size_t count = it.application->received().size();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  CHECK(it.application->received().size() == count);
  it.world.start_service();
  REQUIRE(it.receives(20));
  CHECK(without_gaps(it.application->received()));
}

TEST_CASE("readings of a flow wait until their bytes are reserved, and none is lost") {
  Flowing it(50'000, std::nullopt, 300, 10);
  it.world.chain.reserves = false;
  it.begin();
  REQUIRE(eventually([&] { return bytes_of(it.application->received()) > 300 - 60; }));
  const std::uint64_t heard = it.world.service->counters().received;
  REQUIRE(eventually([&] { return it.world.service->counters().received > heard + 30; }));
  CHECK(bytes_of(it.application->received()) <= 300);
  it.world.chain.reserves = true;
  REQUIRE(it.receives(100));
  REQUIRE(it.flows());   // again
  REQUIRE(it.receives(50));
  it.close();
  const auto received = it.application->received();
  CHECK(without_gaps(received));
  CHECK(figure(it.last_figures(), "bytes") == bytes_of(received));
  CHECK(it.world.service->counters().overflow == 0);
}

TEST_CASE("rotation moves a flow to the new credentials") {
  Flowing it(1'000'000, std::nullopt, 60'000, 10);
  it.begin();
  REQUIRE(it.flows());
  REQUIRE(it.receives(20));
  const auto access = it.world.rotate(it.id);
  REQUIRE(access);
  REQUIRE(eventually([&] { return it.application->down.load(); }));
  const auto former = it.application->received();
  Application again(*access);
  REQUIRE(eventually([&] { return again.received().size() > 50; }));
  REQUIRE(it.flows());
  CHECK(rising(again.received()));
  CHECK(number_of(again.received().front()) > number_of(former.back()));
}

TEST_CASE("closed while its service was away: settled by what the plugin counted") {
  Flowing it(1'000'000, std::nullopt, 60'000, 5);
  it.begin();
  REQUIRE(it.flows());
  REQUIRE(it.receives(30));
  it.world.stop_service();
  REQUIRE(it.receives(50));
  it.ask_to_close();
  it.world.start_service();
  REQUIRE(it.ends());
  CHECK(without_gaps(it.application->received()));
  CHECK(it.all_received_is_charged());
  CHECK(it.world.service->counters().flows == 0);
}

TEST_CASE("its time ended while its service was away: all of it is earned, and every reading counted") {
  Flowing it(std::nullopt, 3'000, 0, 10);
  const TimeMs expires = *it.world.chain.view(it.id).devices.front().expires;
  it.begin();
  REQUIRE(it.flows());
  REQUIRE(it.receives(30));
  it.world.stop_service();
  REQUIRE(eventually([&] { return it.world.chain.now() > expires + 100; }));
  const std::size_t count = it.application->received().size();
  it.world.start_service();
  REQUIRE(it.ends());
  CHECK(it.application->received().size() == count);
  CHECK(it.all_received_is_charged());
  CHECK(figure(it.last_figures(), "activeMs") == static_cast<std::uint64_t>(expires - it.world.chain.view(it.id).claimed));
}

TEST_CASE("what a flow served while its service was away is earned, and what it could not serve is not") {
  const bool lease_lapses = GENERATE(false, true);
  Flowing it(std::nullopt, 120'000, 0, 10, lease_lapses ? 4'000 : kTerm);
  it.begin();
  REQUIRE(it.flows());
  REQUIRE(it.receives(30));
  const auto last_time = [&] { return time_from_text(it.application->received().back().find("resultTime")->as_string()).value(); };
  it.world.stop_service();
  const std::size_t before = it.application->received().size();
  const TimeMs left = it.world.chain.now();
  REQUIRE(eventually([&] { return it.world.chain.now() > left + 3'000; }));
  const TimeMs flowed_until = lease_lapses ? last_time() : 0;
  CHECK(it.application->received().size() > before + 20);
  it.world.start_service();
  REQUIRE(it.flows());
  REQUIRE(it.receives(30));
  const TimeMs back = time_from_text(it.application->received()[it.application->received().size() - 30].find("resultTime")->as_string()).value();
  it.close();
  const auto active = static_cast<TimeMs>(figure(it.last_figures(), "activeMs"));
  const TimeMs served = last_time() - it.world.chain.view(it.id).claimed - (lease_lapses ? back - flowed_until : 0);
  INFO("active " << active << " served " << served);
  CHECK(active >= served - 200);
  CHECK(active <= served + 1'000);
}

TEST_CASE("the answer to the last question is lost: it is asked again, by the next run too") {
  const bool restarted = GENERATE(true, false);
  Flowing it(1'000'000, std::nullopt, 60'000, 5);
  it.begin();
  REQUIRE(it.flows());
  REQUIRE(it.receives(30));
  it.world.broker.pause(true);
  it.ask_to_close();
  REQUIRE(eventually([&] { return !it.world.usage(it.id)->active; }));
  if (restarted) {
    it.world.stop_service();
  } else {
    std::this_thread::sleep_for(std::chrono::milliseconds(2'500));   // it asks a second time; both are answered
  }
  it.world.broker.pause(false);
  if (restarted) it.world.start_service();
  REQUIRE(it.ends(20));
  CHECK(eventually([&] { return it.all_received_is_charged(); }, 2));
}

TEST_CASE("nobody can tell the last count: after a while it is settled by what the node knew") {
  Flowing it(1'000'000, std::nullopt, 60'000, 5);
  it.begin();
  REQUIRE(it.flows());
  REQUIRE(it.receives(60));
  it.world.broker.kill();
  it.ask_to_close();
  REQUIRE(it.ends(20));
  const auto received = it.application->received();
  CHECK(figure(it.last_figures(), "bytes") <= bytes_of(received));
  CHECK(figure(it.last_figures(), "bytes") + 2'000 > bytes_of(received));
}

TEST_CASE("a last report has the end of every device, also when nobody can tell what their flows counted") {
  World world;
  world.start_service();
  const auto first = world.start_device(10), second = world.start_device(10);
  const Hash id = world.integration({world.device(world.access(first), 500'000, std::nullopt), world.device(world.access(second), 500'000, std::nullopt)}, "mqtt");
  world.chain.lease(id, kTerm, 60'000);
  const auto access = world.claim(id);
  REQUIRE(access);
  Application application(*access);
  REQUIRE(eventually([&] { return world.service->counters().flows == 2 && application.received().size() > 40; }));
  world.broker.kill();
  REQUIRE(eventually([&] { return !world.service->counters().broker_connected; }));
  auto view = world.chain.view(id);
  view.state = IntegrationState::closing;
  world.chain.put(view);
  REQUIRE(eventually([&] { return world.chain.view(id).state == IntegrationState::ended; }, 20));
  int last = 0;
  for (const Json& report : world.chain.reports(id)) {
    if (!report.find("final")->as_bool()) continue;
    ++last;
    for (const Json& device : report.find("devices")->items()) CHECK((device.find("ended") && device.find("ended")->as_bool()));
  }
  CHECK(last == 1);
}

TEST_CASE("brokers that die again and again never stop an integration") {
  Flowing it(100'000'000, std::nullopt, 4'190'000, 5);   // all but a little of what may be reserved
  it.begin();
  for (int death = 0; death < 3; ++death) {
    REQUIRE(it.receives(60, 20));
    it.world.broker.kill();
    REQUIRE(eventually([&] { return !it.world.service->counters().broker_connected; }));
    it.world.broker.start();
  }
  REQUIRE(it.receives(200, 20));
  const std::uint64_t reserved = it.world.chain.view(it.id).devices.front().bytes_reserved;
  REQUIRE(eventually([&] { return it.world.chain.view(it.id).devices.front().bytes_reported > 15'000; }));
  CHECK(it.world.chain.view(it.id).devices.front().bytes_reserved >= reserved);
  CHECK(it.world.chain.beyond_reserved == 0);
  it.close();
  CHECK(rising(it.application->received()));
}

TEST_CASE("a service that is to use its own path takes up what flowed, and goes on") {
  Flowing it(1'000'000, std::nullopt, 60'000, 5);
  it.begin();
  REQUIRE(it.flows());
  REQUIRE(it.receives(30));
  it.world.stop_service();
  REQUIRE(it.receives(30));
  it.world.start_service(true, false);
  const auto taken = [&] { return it.world.service->counters().received; };
  REQUIRE(it.receives(30));
  REQUIRE(it.flows(0));
  const std::uint64_t before = taken();
  REQUIRE(it.receives(60));
  CHECK(taken() > before + 30);
  it.close();
  CHECK(without_gaps(it.application->received()));
  CHECK(eventually([&] { return it.all_received_is_charged(); }, 3));   // the last of them are still on their way
}

TEST_CASE("a service that has forgotten how a flow began goes on from the plugin's numbers and bytes") {
  Flowing it(1'000'000, std::nullopt, 60'000, 5);
  it.begin();
  REQUIRE(it.flows());
  REQUIRE(it.receives(30));
  const auto notes = it.world.ledger.copy();
  it.world.broker.kill();          // another flow, of which the notes do not know
  REQUIRE(eventually([&] { return !it.world.service->counters().broker_connected; }));
  const std::uint64_t uncounted = bytes_of(it.application->received());
  it.world.broker.start();
  REQUIRE(it.receives(60, 20));
  REQUIRE(it.flows());
  REQUIRE(it.receives(60));
  it.world.stop_service();
  it.world.ledger.restore(notes);
  it.world.start_service();
  REQUIRE(it.receives(100));
  it.close();
  const auto received = it.application->received();
  CHECK(rising(received));
  CHECK(figure(it.last_figures(), "bytes") + uncounted >= bytes_of(received));
  CHECK(figure(it.last_figures(), "bytes") <= bytes_of(received));
}
