// The delivery service with a real broker and plugin and real device processes; only the chain is a small world (delivery_world.h).
#include <catch2/catch.hpp>
#include <numeric>
#include <thread>

#include "delivery_world.h"

using namespace agiddi;
using namespace agiddi::node;
using namespace agiddi::node::testing;

namespace {

std::uint64_t sequence_of(const Json& measurement) { return std::stoull(measurement.find("sequence")->number_text()); }

// Numbers of measurements: 1, 2, 3, … without gaps.
bool gapless(const std::vector<Json>& measurements) {
  for (std::size_t i = 0; i < measurements.size(); ++i) {
    if (sequence_of(measurements[i]) != i + 1) return false;
  }
  return true;
}

// What the device's own payload of a measurement was, from the replayer's plain form.
std::uint64_t payload_bytes(const std::vector<Json>& measurements) {
  return std::accumulate(measurements.begin(), measurements.end(), std::uint64_t{0}, [](std::uint64_t sum, const Json& measurement) {
    return sum + std::string("{\"sensor\":\"air\",\"value\":}").size() + measurement.find("hasResult")->find("numericValue")->number_text().size();
  });
}

std::uint64_t number(const Json& object, const char* name) { return std::stoull(object.find(name)->number_text()); }

}  // namespace

TEST_CASE("data flows over a stream until exactly what was paid for is used up") {
  World world;
  world.start_service();
  const auto topic = world.start_device(10, "s3cret");
  const Hash id = world.integration({world.device(world.access(topic, "s3cret"), 1'500, std::nullopt)}, "sse");
  const auto access = world.claim(id);
  REQUIRE(access);
  CHECK(world.chain.view(id).node == "node-1");
  const auto sink = std::make_shared<Sink>();
  REQUIRE(world.attach(id, world.token_of(*access), sink));
  REQUIRE(eventually([&] { return !sink->ended().empty(); }));

  CHECK(sink->ended() == "data used up");
  const auto received = sink->received();
  CHECK(gapless(received));
  CHECK(payload_bytes(received) <= 1'500);
  CHECK(payload_bytes(received) > 1'500 - 60);
  const auto& first = received.front();
  CHECK(first.find("integration")->as_string() == id.hex());
  CHECK(first.find("@type")->as_string() == "sosa:Observation");
  CHECK(world.device_says("stopped " + id.hex() + ": told to stop"));

  REQUIRE(eventually([&] { return world.chain.view(id).state == IntegrationState::ended; }));
  const Json last = world.chain.reports(id).back();
  CHECK(last.find("final")->as_bool());
  const Json& figures = last.find("devices")->items().front();
  CHECK(number(figures, "bytes") == payload_bytes(received));
  CHECK(number(figures, "readings") == received.size());
  CHECK(number(figures, "activeMs") > 0);
  const auto usage = world.usage(id);
  REQUIRE(usage);
  CHECK_FALSE(usage->active);
  CHECK(usage->devices.front().bytes_used == payload_bytes(received));
  CHECK(world.service->counters().bytes == payload_bytes(received));
}

TEST_CASE("time ends on the millisecond and the device is told") {
  World world;
  world.start_service();
  const auto topic = world.start_device(20);
  const Hash id = world.integration({world.device(world.access(topic), std::nullopt, 1'500)}, "sse");
  const TimeMs expires = *world.chain.view(id).devices.front().expires;
  const auto access = world.claim(id);
  REQUIRE(access);
  const auto sink = std::make_shared<Sink>();
  REQUIRE(world.attach(id, world.token_of(*access), sink));
  REQUIRE(eventually([&] { return !sink->ended().empty(); }));
  CHECK(sink->ended() == "time used up");
  CHECK(world.chain.now() - expires < 500);
  CHECK(sink->received().size() > 10);
  for (const Json& measurement : sink->received()) CHECK(time_from_text(measurement.find("resultTime")->as_string()).value() <= expires);
  REQUIRE(eventually([&] { return world.chain.view(id).state == IntegrationState::ended; }));
  const Json figures = world.chain.reports(id).back().find("devices")->items().front();
  CHECK(number(figures, "activeMs") == static_cast<std::uint64_t>(expires - world.chain.view(id).claimed));
}

TEST_CASE("nothing is charged before the application listens, nor while it is away") {
  World world;
  world.start_service();
  const auto topic = world.start_device(10);
  const Hash id = world.integration({world.device(world.access(topic), 1'000'000, std::nullopt)}, "mqtt");
  const auto access = world.claim(id);
  REQUIRE(access);
  REQUIRE(eventually([&] { return world.service->counters().no_receiver > 5; }));
  CHECK(world.usage(id)->devices.front().bytes_used == 0);

  auto application = std::make_unique<Application>(*access);
  REQUIRE(eventually([&] { return application->received().size() > 20; }));
  CHECK(gapless(application->received()));
  auto first = application->received();
  application.reset();
  const auto before = world.service->counters().no_receiver;
  REQUIRE(eventually([&] { return world.service->counters().no_receiver > before + 5; }));
  const auto used = world.usage(id)->devices.front();

  Application again(*access);
  REQUIRE(eventually([&] { return again.received().size() > 20; }));
  // What was on its way when the first one left may come again or not, but nothing is skipped that was counted after it.
  CHECK(sequence_of(again.received().front()) <= used.sequence + 1);
  CHECK(sequence_of(again.received().front()) >= first.size());
  CHECK(world.usage(id)->active);
}

TEST_CASE("rotation ends the former credentials") {
  World world;
  world.start_service();
  const auto topic = world.start_device(10);
  const Hash id = world.integration({world.device(world.access(topic), 1'000'000, std::nullopt)}, "mqtt");
  const auto access = world.claim(id);
  REQUIRE(access);
  Application former(*access);
  REQUIRE(eventually([&] { return former.received().size() > 3; }));
  const auto renewed = world.rotate(id);
  REQUIRE(renewed);
  CHECK(renewed->topic != access->topic);
  CHECK(renewed->password != access->password);
  REQUIRE(eventually([&] { return former.down.load(); }));
  Application current(*renewed);
  REQUIRE(eventually([&] { return current.received().size() > 3; }));
  CHECK_FALSE(former.subscribed);

  DeliveryAccess crossed = *renewed;
  crossed.topic = "out/#";
  Application curious(crossed);
  CHECK(eventually([&] { return curious.refused > 0; }));
}

TEST_CASE("a service that dies and comes back goes on where it was, and passes no limit") {
  World world;
  world.start_service();
  const auto topic = world.start_device(5);
  const Hash id = world.integration({world.device(world.access(topic), 6'000, std::nullopt)}, "mqtt");
  const auto access = world.claim(id);
  REQUIRE(access);
  Application application(*access);
  for (std::size_t round = 1; round <= 3; ++round) {
    REQUIRE(eventually([&] { return application.received().size() > round * 20; }));
    world.stop_service();
    world.start_service();
  }
  REQUIRE(eventually([&] { return world.chain.view(id).state == IntegrationState::ended; }, 30));
  const std::uint64_t charged = number(world.chain.reports(id).back().find("devices")->items().front(), "bytes");
  CHECK(charged <= 6'000);
  CHECK(charged > 6'000 - 60);
  // What was on its way when the service died comes again: each measurement arrives, some of them twice.
  const auto distinct = [&application] {
    std::map<std::uint64_t, Json> once;
    for (const Json& measurement : application.received()) once.emplace(sequence_of(measurement), measurement);
    std::vector<Json> out;
    for (const auto& [sequence, measurement] : once) out.push_back(measurement);
    return out;
  };
  CHECK(eventually([&] { return payload_bytes(distinct()) == charged; }));
  CHECK(gapless(distinct()));
}

TEST_CASE("a broker that dies and comes back gets the grants again") {
  World world;
  world.start_service();
  const auto topic = world.start_device(10);
  const Hash id = world.integration({world.device(world.access(topic), 1'000'000, std::nullopt)}, "mqtt");
  const auto access = world.claim(id);
  REQUIRE(access);
  Application application(*access);
  REQUIRE(eventually([&] { return application.received().size() > 5; }));
  world.broker.kill();
  REQUIRE(eventually([&] { return !world.service->counters().broker_connected; }));
  const auto charged = world.usage(id)->devices.front().sequence;
  world.broker.start();
  const std::size_t before = application.received().size();
  REQUIRE(eventually([&] { return application.received().size() > before + 10; }, 30));
  std::set<std::uint64_t> sequences;
  for (const Json& measurement : application.received()) sequences.insert(sequence_of(measurement));
  CHECK(sequences.size() >= charged);
  CHECK(*sequences.rbegin() == sequences.size());
}

TEST_CASE("closing stops at once, tells the device and reports the end") {
  World world;
  world.start_service();
  const auto topic = world.start_device(10);
  const Hash id = world.integration({world.device(world.access(topic), std::nullopt, 600'000)}, "sse");
  const auto access = world.claim(id);
  REQUIRE(access);
  const auto sink = std::make_shared<Sink>();
  REQUIRE(world.attach(id, world.token_of(*access), sink));
  REQUIRE(eventually([&] { return sink->received().size() > 5; }));
  auto view = world.chain.view(id);
  view.state = IntegrationState::closing;
  world.chain.put(view);
  REQUIRE(eventually([&] { return sink->ended() == "closed"; }));
  const std::size_t received = sink->received().size();
  CHECK(world.device_says("told to stop"));
  REQUIRE(eventually([&] { return world.chain.view(id).state == IntegrationState::ended; }));
  CHECK(world.chain.reports(id).back().find("endedBecause")->as_string() == "closed");
  CHECK(sink->received().size() == received);
  CHECK(world.attach(id, world.token_of(*access), sink).error().status == Status::not_found);
}

TEST_CASE("a stream needs its token, and the newer one takes over") {
  World world;
  world.start_service();
  const auto topic = world.start_device(10);
  const Hash id = world.integration({world.device(world.access(topic), std::nullopt, 600'000)}, "sse");
  const auto access = world.claim(id);
  REQUIRE(access);
  const auto first = std::make_shared<Sink>(), second = std::make_shared<Sink>();
  CHECK(world.attach(id, "wrong", first).error().status == Status::unauthorized);
  CHECK(world.attach(id, "", first).error().status == Status::unauthorized);
  CHECK(world.attach(Hash{}, world.token_of(*access), first).error().status == Status::not_found);
  REQUIRE(world.attach(id, world.token_of(*access), first));
  REQUIRE(eventually([&] { return !first->received().empty(); }));
  REQUIRE(world.attach(id, world.token_of(*access), second));
  CHECK(first->ended() == "a newer stream took over");
  REQUIRE(eventually([&] { return second->received().size() > 3; }));
  // A client that does not keep up: what it has no room for is neither charged nor numbered.
  second->open_room = 0;
  REQUIRE(eventually([&] { return world.service->counters().overflow > 5; }));
  second->open_room = 1'000'000;
  const std::size_t before = second->received().size();
  REQUIRE(eventually([&] { return second->received().size() > before + 3; }));
  auto all = first->received();
  for (const Json& measurement : second->received()) all.push_back(measurement);
  CHECK(gapless(all));

  const auto renewed = world.rotate(id);
  REQUIRE(renewed);
  CHECK(second->ended() == "the credentials were renewed");
  CHECK(world.attach(id, world.token_of(*access), first).error().status == Status::unauthorized);
  CHECK(world.attach(id, world.token_of(*renewed), first));
}

TEST_CASE("several devices end each for itself, the integration with the last") {
  World world;
  world.start_service();
  const auto one = world.start_device(10), two = world.start_device(10);
  const Hash id = world.integration({world.device(world.access(one), 200, std::nullopt), world.device(world.access(two), 1'200, std::nullopt)}, "sse");
  const auto access = world.claim(id);
  REQUIRE(access);
  const auto sink = std::make_shared<Sink>();
  REQUIRE(world.attach(id, world.token_of(*access), sink));
  REQUIRE(eventually([&] { return world.chain.view(id).state == IntegrationState::ended; }));
  std::map<std::string, std::vector<Json>> by_device;
  for (const Json& measurement : sink->received()) by_device[measurement.find("device")->as_string()].push_back(measurement);
  REQUIRE(by_device.size() == 2);
  for (const auto& [device, measurements] : by_device) CHECK(gapless(measurements));
  bool told_early = false;
  for (const Json& report : world.chain.reports(id)) {
    const auto& devices = report.find("devices")->items();
    told_early = told_early || (devices[0].find("ended") && !devices[1].find("ended"));
  }
  CHECK(told_early);
}

TEST_CASE("access that names another provider or network starts nothing") {
  World world;
  world.start_service();
  const auto topic = world.start_device(10);
  for (const char* name : {"provider", "network"}) {
    Json stolen = world.access(topic);
    stolen.set(name, "somebody else's");
    const Hash id = world.integration({world.device(stolen, std::nullopt, 600'000)}, "sse");
    REQUIRE(world.claim(id));
  }
  const Hash good = world.integration({world.device(world.access(topic), std::nullopt, 600'000)}, "sse");
  REQUIRE(world.claim(good));
  REQUIRE(world.device_says("started " + good.hex()));
  std::size_t started = 0;
  const std::string log = world.device_log();
  for (std::size_t at = log.find("started"); at != std::string::npos; at = log.find("started", at + 1)) ++started;
  CHECK(started == 1);
}

TEST_CASE("a device with a token ignores commands without it") {
  World world;
  world.start_service();
  const auto topic = world.start_device(10, "s3cret");
  REQUIRE(world.claim(world.integration({world.device(world.access(topic, "guess"), std::nullopt, 600'000)}, "sse")));
  CHECK(world.device_says("ignored: a command without this device's token"));
  CHECK(world.device_log().find("started") == std::string::npos);
}

TEST_CASE("a private address is not dialled unless the configuration allows it") {
  World world;
  world.start_service(false);
  const auto topic = world.start_device(10);
  REQUIRE(world.claim(world.integration({world.device(world.access(topic), std::nullopt, 600'000)}, "sse")));
  REQUIRE(eventually([&] { return world.service->counters().broker_connected; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  CHECK(world.device_log().find("started") == std::string::npos);
}

TEST_CASE("a device that was not there gets its command when it comes") {
  World world;
  world.start_service();
  const std::string topic = "devices/" + random_token();
  const Hash id = world.integration({world.device(world.access(topic), std::nullopt, 600'000)}, "sse");
  REQUIRE(world.claim(id));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  std::atomic<bool> commanded{false};
  MqttOptions options;
  options.url = parse_mqtt_url(world.broker.url()).value();
  options.dial.allow_private = true;
  std::unique_ptr<MqttClient> device;
  MqttHandlers handlers;
  handlers.on_up = [&] { device->subscribe(topic); };
  handlers.on_message = [&](const MqttMessage& message) { commanded = message.payload.find("\"start\"") != Bytes::npos; };
  device = std::make_unique<MqttClient>(options, handlers);
  device->start();
  CHECK(eventually([&] { return commanded.load(); }));
}

TEST_CASE("what is no reading of the device is dropped and charged to nobody") {
  World world;
  world.start_service();
  const auto stranger = world.start_device(10, "", "wind");
  const Hash id = world.integration({world.device(world.access(stranger), 1'000, std::nullopt)}, "sse");
  const auto access = world.claim(id);
  REQUIRE(access);
  const auto sink = std::make_shared<Sink>();
  REQUIRE(world.attach(id, world.token_of(*access), sink));
  REQUIRE(eventually([&] { return world.service->counters().unknown_sensor > 5; }));
  CHECK(sink->received().empty());
  CHECK(world.usage(id)->devices.front().bytes_used == 0);
}

TEST_CASE("bare numbers and SenML packs flow like plain readings") {
  for (const char* form : {"number", "senml"}) {
    World world;
    world.start_service();
    const auto topic = world.start_device(10, "", "air", form);
    const Hash id = world.integration({world.device(world.access(topic), 1'000'000, std::nullopt)}, "sse");
    const auto access = world.claim(id);
    REQUIRE(access);
    const auto sink = std::make_shared<Sink>();
    REQUIRE(world.attach(id, world.token_of(*access), sink));
    REQUIRE(eventually([&] { return sink->received().size() > 5; }));
    CHECK(gapless(sink->received()));
  }
}

TEST_CASE("who may serve what") {
  World world;
  world.start_service();
  CHECK(world.service->can_serve("mqtt"));
  CHECK(world.service->can_serve("pigeon").error().status == Status::invalid);
  CHECK(world.claim(Hash{}).error().status == Status::not_found);
  const auto topic = world.start_device(10);
  const Hash elsewhere = world.integration({world.device(world.access(topic), std::nullopt, 600'000)}, "sse", "node-2");
  CHECK(world.claim(elsewhere).error().status == Status::conflict);
  const Hash named = world.integration({world.device(world.access(topic), std::nullopt, 600'000)}, "sse", "node-1");
  const auto access = world.claim(named);
  REQUIRE(access);
  CHECK(world.claim(named).value().url == access->url);
  CHECK(world.service->counters().integrations == 1);

  const Hash wrong_unit = world.integration({world.device(world.access(topic), std::nullopt, 600'000)}, "sse");
  auto view = world.chain.view(wrong_unit);
  view.unit = "m";
  world.chain.put(view);
  CHECK(world.claim(wrong_unit).error().status == Status::invalid);
  CHECK(world.chain.view(wrong_unit).node.empty());
  CHECK_FALSE(world.usage(elsewhere));
}

TEST_CASE("a report that is not taken is sent again") {
  World world;
  world.start_service();
  const auto topic = world.start_device(10);
  const Hash id = world.integration({world.device(world.access(topic), 500, std::nullopt)}, "sse");
  const auto access = world.claim(id);
  REQUIRE(access);
  world.chain.refuse_next_report();
  world.chain.set_sequence(id, 41);
  const auto sink = std::make_shared<Sink>();
  REQUIRE(world.attach(id, world.token_of(*access), sink));
  REQUIRE(eventually([&] { return world.chain.view(id).state == IntegrationState::ended; }));
  CHECK(number(world.chain.reports(id).back(), "sequence") > 41);
}

namespace {

constexpr TimeMs kLongLease = 60'000, kShortLease = 3'000;   // the short one holds a second: the tolerance of clocks goes off

// One device over a stream, with a lease.
struct Leased {
  World world;
  Hash id;
  std::string token;
  std::shared_ptr<Sink> sink = std::make_shared<Sink>();

  Leased(std::uint64_t bytes, std::uint64_t reserved, TimeMs term, int interval_ms = 10) {
    world.start_service();
    id = world.integration({world.device(world.access(world.start_device(interval_ms)), bytes, std::nullopt)}, "sse");
    world.chain.lease(id, term, reserved);
  }
  void begin() {
    const auto access = world.claim(id);
    REQUIRE(access);
    token = world.token_of(*access);
    REQUIRE(world.attach(id, token, sink));
  }
};

}  // namespace

TEST_CASE("bytes are reserved before they are needed, and never passed") {
  Leased it(6'000, 6'000 / 16, kLongLease);
  it.begin();
  REQUIRE(eventually([&] { return !it.sink->ended().empty(); }, 30));
  CHECK(it.sink->ended() == "data used up");
  CHECK(gapless(it.sink->received()));
  CHECK(payload_bytes(it.sink->received()) <= 6'000);
  CHECK(payload_bytes(it.sink->received()) > 6'000 - 60);
  CHECK(it.world.chain.beyond_reserved == 0);
  CHECK(it.world.chain.renewals == 1);
  CHECK(it.world.service->counters().overflow == 0);
  std::uint64_t before = 0;
  for (const Json& report : it.world.chain.reports(it.id)) {
    const Json* reserve = report.find("devices")->items().front().find("reserve");
    if (reserve == nullptr) continue;
    CHECK(number(report.find("devices")->items().front(), "reserve") >= before);
    before = number(report.find("devices")->items().front(), "reserve");
    CHECK(before <= 6'000);
  }
}

TEST_CASE("readings wait until their bytes are reserved") {
  Leased it(50'000, 300, kLongLease);
  it.world.chain.reserves = false;
  it.begin();
  REQUIRE(eventually([&] { return payload_bytes(it.sink->received()) > 300 - 60; }));
  const std::uint64_t heard = it.world.service->counters().received;
  REQUIRE(eventually([&] { return it.world.service->counters().received > heard + 30; }));
  CHECK(payload_bytes(it.sink->received()) <= 300);
  it.world.chain.reserves = true;
  REQUIRE(eventually([&] { return it.sink->received().size() > 60; }));
  CHECK(gapless(it.sink->received()));   // those that waited are among them
  CHECK(it.world.service->counters().overflow == 0);
}

TEST_CASE("without a lease nothing is forwarded, and what comes meanwhile waits") {
  Leased it(50'000, 50'000, kLongLease);
  it.world.chain.renews = false;
  it.begin();
  REQUIRE(eventually([&] { return it.world.service->counters().received > 30 && it.world.chain.renewals > 1; }));
  CHECK(it.sink->received().empty());
  CHECK(it.world.usage(it.id)->devices.front().bytes_used == 0);
  it.world.chain.renews = true;
  REQUIRE(eventually([&] { return it.sink->received().size() > 30; }));
  CHECK(gapless(it.sink->received()));
}

TEST_CASE("a lease that lapses stops the readings, and the time until the next is nobody's") {
  Leased it(50'000, 50'000, kShortLease, 20);
  it.begin();
  REQUIRE(eventually([&] { return it.sink->received().size() > 5; }));
  it.world.chain.renews = false;
  const auto stopped = [&] {
    const std::size_t count = it.sink->received().size();
    const std::uint64_t heard = it.world.service->counters().received;
    return eventually([&] { return it.world.service->counters().received > heard + 20; }) && it.sink->received().size() == count;
  };
  REQUIRE(eventually(stopped));
  const TimeMs pause = it.world.chain.now();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));   // a time that is to be left out
  it.world.chain.renews = true;
  const std::size_t count = it.sink->received().size();
  REQUIRE(eventually([&] { return it.sink->received().size() > count + 20; }));
  CHECK(gapless(it.sink->received()));
  const TimeMs paused = it.world.chain.now() - pause;
  CHECK(paused >= 500);
  REQUIRE(eventually([&] {
    const auto reports = it.world.chain.reports(it.id);
    if (reports.empty()) return false;
    const Json& figures = reports.back().find("devices")->items().front();
    return number(figures, "readings") > count && static_cast<TimeMs>(number(figures, "activeMs")) <= it.world.chain.now() - it.world.chain.view(it.id).claimed - 500;
  }));
  CHECK(it.world.chain.falling == 0);
}

TEST_CASE("a node that had nothing to serve for a while earns all of what comes next") {
  Leased it(300, 300, kShortLease, 20);
  it.begin();
  REQUIRE(eventually([&] { return it.world.chain.view(it.id).state == IntegrationState::ended; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(1'500));   // its lease runs out meanwhile
  const Hash next = it.world.integration({it.world.device(it.world.access(it.world.start_device(20)), std::nullopt, 60'000)}, "sse");
  it.world.chain.lease(next, kLongLease, 0);
  const auto access = it.world.claim(next);
  REQUIRE(access);
  const auto sink = std::make_shared<Sink>();
  REQUIRE(it.world.attach(next, it.world.token_of(*access), sink));
  REQUIRE(eventually([&] { return sink->received().size() > 50; }));
  const TimeMs served = it.world.chain.now() - it.world.chain.view(next).claimed;
  {
    const std::lock_guard lock(it.world.chain.mutex);
    it.world.chain.integrations.at(next).state = IntegrationState::closing;
  }
  it.world.chain.put(it.world.chain.view(next));
  REQUIRE(eventually([&] { return it.world.chain.view(next).state == IntegrationState::ended; }));
  const auto active = static_cast<TimeMs>(number(it.world.chain.reports(next).back().find("devices")->items().front(), "activeMs"));
  CHECK(active >= served - 300);
  CHECK(active <= served + 1'000);
}

TEST_CASE("a node that comes back to an integration in a later epoch forgets its own count") {
  Leased it(50'000, 50'000, kLongLease);
  it.begin();
  REQUIRE(eventually([&] { return it.sink->received().size() > 20; }));
  it.world.stop_service();
  it.world.chain.hand_over(it.id, "node-2", 0);
  it.world.chain.hand_over(it.id, "node-1", 0);
  for (int run = 0; run < 2; ++run) {   // the second one finds what the first one noted
    it.world.chain.renews = false;      // nothing is forwarded
    it.world.start_service();
    REQUIRE(eventually([&] { return it.world.usage(it.id).has_value(); }));
    CHECK(it.world.usage(it.id)->devices.front().sequence == 0);
    CHECK(it.world.usage(it.id)->devices.front().readings == 0);
    it.world.stop_service();
  }
}

TEST_CASE("who was replaced forwards and commands nothing more, and may be asked again later") {
  Leased it(50'000, 50'000, kLongLease);
  it.begin();
  REQUIRE(eventually([&] { return it.sink->received().size() > 5; }));
  const std::string former = it.token;
  it.world.chain.hand_over(it.id, "node-2", 20'000);
  REQUIRE(eventually([&] { return !it.sink->ended().empty(); }));
  CHECK(it.sink->ended() == "served by another node");
  CHECK(it.world.device_log().find("told to stop") == std::string::npos);   // the other one has started it
  CHECK_FALSE(it.world.claim(it.id));
  CHECK_FALSE(it.world.usage(it.id));   // the ledger knows better

  it.world.chain.hand_over(it.id, "node-1", 30'000);
  it.sink = std::make_shared<Sink>();
  it.begin();
  CHECK(it.token != former);
  REQUIRE(eventually([&] { return it.sink->received().size() > 5; }));
  CHECK(gapless(it.sink->received()));
  CHECK(it.sink->received().front().find("epoch")->number_text() == "3");
  const auto usage = it.world.usage(it.id)->devices.front();
  CHECK(usage.bytes_remaining <= 20'000);
  CHECK(it.world.chain.beyond_reserved == 0);
}

TEST_CASE("a silent device stops the clock") {
  World world;
  world.start_service();
  auto device = world.device(world.access(world.start_device(20)), std::nullopt, 60'000);
  device.sampling_ms = 20;   // silent a second after the last reading
  const Hash id = world.integration({device}, "sse");
  world.chain.lease(id, kLongLease, 0);
  const auto access = world.claim(id);
  REQUIRE(access);
  const auto sink = std::make_shared<Sink>();
  REQUIRE(world.attach(id, world.token_of(*access), sink));
  REQUIRE(eventually([&] { return sink->received().size() > 10; }));
  CHECK_FALSE(world.usage(id)->devices.front().silent_since);

  world.devices.back()->kill();
  const TimeMs killed = world.chain.now();
  REQUIRE(eventually([&] { return world.usage(id)->devices.front().silent_since.has_value(); }));
  CHECK(world.chain.now() - killed >= 800);
  CHECK(*world.usage(id)->devices.front().silent_since <= killed + 100);
  std::this_thread::sleep_for(std::chrono::milliseconds(1'500));   // a silence to be left out
  const auto last = [&] { return world.chain.reports(id).back().find("devices")->items().front(); };
  {
    const std::lock_guard lock(world.chain.mutex);
    world.chain.integrations.at(id).state = IntegrationState::closing;
  }
  world.chain.put(world.chain.view(id));
  REQUIRE(eventually([&] { return world.chain.view(id).state == IntegrationState::ended; }));
  const auto served = static_cast<TimeMs>(number(last(), "activeMs")), silent = static_cast<TimeMs>(number(last(), "silentMs"));
  CHECK(served <= killed - world.chain.view(id).claimed + 1'100);
  CHECK(silent >= 1'000);
}

TEST_CASE("an integration that another node serves is not read with all its devices, however many of them a block tells of") {
  World world;
  world.start_service();
  const Hash own = world.integration({world.device(world.access("devices/none"), 1'000, std::nullopt)}, "sse");
  REQUIRE(world.claim(own));
  const std::size_t views = world.ledger.views, heads = world.ledger.heads;
  const Hash other = world.integration({world.device(world.access("devices/none"), 1'000, std::nullopt)}, "sse", "node-2");
  world.chain.tell(other, 100);
  REQUIRE(eventually([&] { return world.ledger.heads >= heads + 2; }));
  CHECK(world.usage(own));   // has gone through the same lane, after all of that
  CHECK(world.ledger.heads == heads + 2);
  CHECK(world.ledger.views == views);
}
