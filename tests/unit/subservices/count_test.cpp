// usage.count: who may count, what a count changes of the money, and what is shown of it.
#include "subservices/access/count_rules.h"
#include "subservices/access/lease_rules.h"
#include "subservices/payment/payment_rules.h"
#include "world.h"

using namespace agiddi;
using namespace agiddi::subservices;
using namespace agiddi::subservices::test;

namespace {

constexpr TimeMs kTerm = limits::kLeaseDefault_ms;

// 100,000 bytes at 0.003 a kilobyte, served by node-1.
struct Counted {
  World world;
  std::string urn, payment, integration;

  explicit Counted(std::uint32_t rules = kRulesWithCounts, const std::string& cost = R"({"perKilobyte":"0.003"})", const std::string& quantity = R"("kilobytes":100)",
                   const std::string& amount = "0.3")
      : world(rules) {
    urn = world.registered(cost);
    payment = world.paid(urn, quantity, amount);
    integration = world.run(world.application, "integration.create", world.access(payment, {urn}, "node-1")).text("integration");
  }
  Json body(int sequence, std::int64_t measurements, std::optional<std::int64_t> bytes = {}, std::optional<std::int64_t> active_ms = {}) const {
    Json entry = Json::object({{"device", urn}, {"measurements", measurements}});
    if (bytes) entry.set("bytes", *bytes);
    if (active_ms) entry.set("activeMs", *active_ms);
    return Json::object({{"integration", integration}, {"sequence", sequence}, {"devices", Json::array({std::move(entry)})}});
  }
  template <class... Counts>
  Answer count(const Person& signer, Counts... counts) { return world.run(signer, "usage.count", body(counts...)); }
  std::int64_t reserve_ahead = 50'000;
  Answer report(int sequence, std::int64_t bytes, std::int64_t measurements, bool final = false, std::int64_t active_ms = 0) {
    Json entry = World::count(urn, bytes, active_ms, measurements);
    entry.set("measurements", measurements);
    if (bytes > 0) entry.set("reserve", std::min<std::int64_t>(100'000, bytes + reserve_ahead));
    return world.run(world.members[0], "usage.report", world.report(integration, sequence, final, {entry}));
  }
  Json counts() const { return *AccessService(*world.snapshot()).integration(integration)->find("devices")->items()[0].find("counts"); }
  std::string earned() { return world.available(world.provider); }
};

std::string figure(const Json& json, const char* part, const char* name) { return json.find(part)->find(name)->number_text(); }

Delivered settled(Delivered node, std::int64_t counted, Delivered conceded = {}) { return settled_by(node, ApplicationCount{counted, {}, {}, conceded}); }

}  // namespace

TEST_CASE("what the application did not get is taken off in proportion, up to the next byte") {
  CHECK(settled({1'000, 10, 0}, 10).bytes == 1'000);
  CHECK(settled({1'000, 10, 0}, 99).bytes == 1'000);
  CHECK(settled({1'000, 10, 0}, 9).bytes == 900);
  CHECK(settled({1'000, 3, 0}, 2).bytes == 667);
  CHECK(settled({1'000, 3, 0}, 0).bytes == 0);
  CHECK(settled({1'000, 10, 0}, 0, {400, 5, 0}).bytes == 400);
  CHECK(settled({1'000, 10, 0}, 5, {400, 5, 0}).bytes == 400);
  CHECK(settled({1'000, 10, 0}, 6, {400, 5, 0}).bytes == 520);
  CHECK(settled({99'999'999'999'999, 999'999'999'999'999, 0}, 999'999'999'999'998).bytes == 99'999'999'999'999);   // 128 bits between
  CHECK(settled_by({1'000, 10, 0}, {10, 300, {}, {}}).bytes == 300);
  CHECK(settled_by({1'000, 10, 0}, {5, 700, {}, {}}).bytes == 500);
  CHECK(settled_by({1'000, 10, 0}, {10, 300, {}, {400, 4, 0}}).bytes == 400);
  CHECK(settled_by({0, 0, 9'000}, {0, {}, 8'000, {}}).active_ms == 8'000);
  CHECK(settled_by({0, 0, 9'000}, {0, {}, 8'000, {0, 0, 8'500}}).active_ms == 8'500);
  CHECK(settled_by({0, 0, 9'000}, {0, {}, {}, {}}).active_ms == 9'000);
}

TEST_CASE("what was reserved when a count came late is conceded, and a purchase that is a window itself is settled by its node's figures") {
  const auto late = [](std::int64_t node_bytes, std::int64_t counted) { return settled_by({node_bytes, node_bytes / 10, 0}, {counted, {}, {}, {100, 10, 0}, 700}).bytes; };
  CHECK(late(1'000, 0) == 700);
  CHECK(late(1'000, 80) == 800);
  CHECK(late(500, 0) == 500);
  CHECK(settled_by({1'000, 100, 0}, {100, 0, {}, {100, 10, 0}, 700}).bytes == 700);

  const auto bought = [](std::int64_t limit, Delivered node, std::int64_t counted) { return settled_by(node, {counted, {}, {}, {}, 0, limit, 0}).bytes; };
  CHECK(bought(1'023, {1'000, 1'000, 0}, 0) == 1'000);       // less than a kilobyte
  CHECK(bought(1'024, {1'000, 1'000, 0}, 0) == 0);
  CHECK(bought(16'000, {16'000, 15, 0}, 0) == 16'000);       // of fewer than 16 measurements
  CHECK(bought(16'000, {16'000, 16, 0}, 0) == 0);
  CHECK(bought(16'000, {16'000, 1, 0}, 15) == 16'000);       // by its own count as well
  CHECK(bought(16'000, {1'000, 1, 0}, 0) == 0);
  const auto time = [](std::int64_t limit) { return settled_by({0, 0, 9'000}, {0, {}, 0, {}, 0, 0, limit}).active_ms; };
  CHECK(time(159'999) == 9'000);
  CHECK(time(160'000) == 0);
}

TEST_CASE("a purchase of one message, or of ten seconds, is not free for who counts nothing") {
  Counted message(kRulesWithCounts, R"({"perKilobyte":"0.003"})", R"("kilobytes":1)", "0.003");
  REQUIRE(message.count(message.world.application, 1, 0).status() == 200);
  Json entry = World::count(message.urn, 64, 0, 1);
  entry.set("measurements", 1).set("reserve", 1000);
  REQUIRE(message.world.run(message.world.members[0], "usage.report", message.world.report(message.integration, 1, false, {entry})).status() == 200);
  entry = World::count(message.urn, 1000, 0, 1);
  entry.set("measurements", 1);
  REQUIRE(message.world.run(message.world.members[0], "usage.report", message.world.report(message.integration, 2, true, {entry})).status() == 200);
  CHECK(message.earned() == "0.003");

  Counted time(kRulesWithCounts, R"({"perMinute":"0.60"})", R"("minutes":0.166)", "0.0996");
  REQUIRE(time.count(time.world.application, 1, 0, std::nullopt, 0).status() == 200);
  time.world.pass(9'900);
  REQUIRE(time.report(1, 0, 500, true, 9'900).status() == 200);
  CHECK(time.earned() == "0.099");
}

TEST_CASE("the window is a part of what was bought, and half of it is how often an application counts") {
  CHECK(count_window_bytes(100'000) == 6'250);
  CHECK(count_window_bytes(10) == 64);
  CHECK(count_window_bytes(1'000'000'000) == limits::kReservedAheadMax_bytes);
  CHECK(count_window_ms(3'600'000) == 225'000);
  CHECK(count_window_ms(1'000) == 10'000);
  CHECK(count_again_within({5'000, 100, 0}, 100'000) == 62);
  CHECK(count_again_within({5'000, 1, 0}, 100'000) == 1);
  CHECK(count_again_within({0, 0, 0}, 100'000) == 1);
  CHECK(count_again_within({1, 999'999'999'999'999, 0}, 1'000'000'000) == 999'999'999'999'999);   // what a lying node may report
}

TEST_CASE("an application that never counts pays what the node reported, one that does pays what it got") {
  Counted silent, honest, lossy;
  for (Counted* it : {&silent, &honest, &lossy}) {
    if (it != &silent) REQUIRE(it->count(it->world.application, 1, 0).status() == 200);
    REQUIRE(it->report(1, 5'000, 100).status() == 200);
  }
  REQUIRE(honest.count(honest.world.application, 2, 100).status() == 200);
  REQUIRE(lossy.count(lossy.world.application, 2, 90).status() == 200);
  for (Counted* it : {&silent, &honest, &lossy}) REQUIRE(it->report(2, 5'000, 100, true).status() == 200);
  CHECK(silent.earned() == "0.015");
  CHECK(honest.earned() == "0.015");
  CHECK(lossy.earned() == "0.0135");
  CHECK(lossy.world.available(lossy.world.application) == "999.9865");
  CHECK(lossy.world.escrow(lossy.world.application) == "0");
}

TEST_CASE("what the node had reported and reserved before the first count stays as it is") {
  Counted it;
  it.reserve_ahead = 6'000;
  REQUIRE(it.report(1, 6'000, 100).status() == 200);
  const Answer first = it.count(it.world.application, 1, 0);
  REQUIRE(first.status() == 200);
  const Json& told = first.result.find("devices")->items()[0];
  CHECK(told.find("reportedMeasurements")->number_text() == "100");
  CHECK(told.find("reportedBytes")->number_text() == "6000");
  CHECK(told.find("countAgainWithin")->number_text() == "52");
  REQUIRE(it.report(2, 12'000, 200).status() == 200);
  CHECK(figure(it.counts(), "settled", "bytes") == "12000");
  CHECK(it.counts().find("application")->find("conceded")->find("bytes")->number_text() == "12000");
  REQUIRE(it.report(3, 18'000, 300).status() == 200);
  CHECK(figure(it.counts(), "settled", "bytes") == "12000");
  REQUIRE(it.count(it.world.application, 2, 250).status() == 200);
  CHECK(figure(it.counts(), "node", "bytes") == "18000");
  CHECK(figure(it.counts(), "settled", "bytes") == "15000");
  REQUIRE(it.report(4, 18'000, 300, true).status() == 200);
  CHECK(it.earned() == "0.045");
}

TEST_CASE("bytes and time are counted from the first count on, or never") {
  Counted it;
  REQUIRE(it.count(it.world.application, 1, 0).status() == 200);
  CHECK(it.count(it.world.application, 2, 1, 10).status() == 422);
  CHECK(it.count(it.world.application, 2, 1, std::nullopt, 10).status() == 422);
  Counted bytes;
  REQUIRE(bytes.count(bytes.world.application, 1, 0, 0).status() == 200);
  CHECK(bytes.count(bytes.world.application, 2, 1).status() == 422);
  CHECK(bytes.count(bytes.world.application, 2, 1, 100'001).status() == 422);
  REQUIRE(bytes.report(1, 5'000, 10).status() == 200);
  REQUIRE(bytes.count(bytes.world.application, 2, 10, 4'000).status() == 200);   // a node that says too much of each reading
  REQUIRE(bytes.report(2, 5'000, 10, true).status() == 200);
  CHECK(bytes.earned() == "0.012");

  Counted time(kRulesWithCounts, R"({"perMinute":"0.60"})", R"("minutes":10)", "6");
  REQUIRE(time.count(time.world.application, 1, 0, std::nullopt, 0).status() == 200);
  CHECK(time.count(time.world.application, 2, 0, std::nullopt, 600'001).status() == 422);
  time.world.pass(100 * kSecond);
  REQUIRE(time.report(1, 0, 10, false, 100'000).status() == 200);
  REQUIRE(time.count(time.world.application, 2, 10, std::nullopt, 60'000).status() == 200);
  REQUIRE(time.report(2, 0, 10, true, 100'000).status() == 200);
  CHECK(time.earned() == "0.6");
}

TEST_CASE("who may count what, and when") {
  Counted it;
  World& world = it.world;
  CHECK(it.count(world.other, 1, 0).status() == 403);
  CHECK(it.count(world.members[0], 1, 0).status() == 403);
  Json stranger = it.body(1, 0);
  stranger.set("devices", Json::array({Json::object({{"device", device_urn(Hash{})}, {"measurements", 1}})}));
  CHECK(world.run(world.application, "usage.count", stranger).status() == 422);
  CHECK(world.run(world.application, "usage.count", it.body(1, 0).set("integration", Hash{}.hex())).status() == 404);
  CHECK(world.run(world.application, "usage.count", it.body(1, 0).set("devices", Json::array())).status() == 422);
  CHECK(world.run(world.application, "usage.count", it.body(0, 0)).status() == 422);
  CHECK(it.count(world.application, 1, -1).status() == 422);
  const Json entry = it.body(1, 0).find("devices")->items()[0];
  CHECK(world.run(world.application, "usage.count", it.body(1, 0).set("devices", Json::array({entry, entry}))).status() == 422);

  REQUIRE(it.count(world.application, 3, 10).status() == 200);
  CHECK(it.count(world.application, 3, 11).status() == 409);
  CHECK(it.count(world.application, 4, 9).status() == 409);
  CHECK(it.count(world.application, 4, 10).status() == 200);
  CHECK(it.count(world.provider, 1, 5).status() == 200);        // a sequence of its own
  CHECK(it.count(world.provider, 1, 6).status() == 409);
  REQUIRE(it.report(1, 5'000, 100, true).status() == 200);
  const Answer late = it.count(world.application, 5, 100);
  CHECK(late.status() == 409);
  CHECK(late.detail().find("has ended and is settled") != std::string::npos);

  Counted unclaimed;
  const std::string payment = unclaimed.world.paid(unclaimed.urn, R"("kilobytes":1)", "0.003");
  unclaimed.integration = unclaimed.world.run(unclaimed.world.application, "integration.create", unclaimed.world.access(payment, {unclaimed.urn})).text("integration");
  CHECK(unclaimed.count(unclaimed.world.application, 1, 0).status() == 409);
}

TEST_CASE("the provider's count is shown and changes no money") {
  Counted it;
  World& world = it.world;
  REQUIRE(it.count(world.application, 1, 0).status() == 200);
  REQUIRE(it.report(1, 5'000, 100).status() == 200);
  REQUIRE(it.count(world.application, 2, 95).status() == 200);
  REQUIRE(it.count(world.provider, 1, 104, 123'456).status() == 200);
  CHECK(figure(it.counts(), "node", "measurements") == "100");
  CHECK(figure(it.counts(), "application", "measurements") == "95");
  CHECK(figure(it.counts(), "provider", "measurements") == "104");
  CHECK(figure(it.counts(), "provider", "bytes") == "123456");
  CHECK(figure(it.counts(), "settled", "bytes") == "4750");
  REQUIRE(it.report(2, 5'000, 100, true).status() == 200);
  CHECK(it.earned() == "0.01425");
  const Json usage = PaymentService(*world.snapshot()).device_usage(it.urn)->find("usage")->items()[0];
  CHECK(usage.find("bytes")->number_text() == "4750");
  const Json& counts = *usage.find("counts");
  CHECK(counts.find("items")->number_text() == "1");
  CHECK(figure(counts, "node", "bytes") == "5000");
  CHECK(figure(counts, "node", "measurements") == "100");
  CHECK(figure(counts, "application", "measurements") == "95");
  CHECK(figure(counts, "provider", "measurements") == "104");
}

TEST_CASE("counts are triples, and each new one tells the serving node") {
  Counted it;
  World& world = it.world;
  REQUIRE(it.count(world.application, 1, 7).status() == 200);
  CHECK(world.last_event() == "integration:counted");
  const std::string subject = "urn:agiddi:integration:" + it.integration + "/device/" + it.urn.substr(std::string("urn:agiddi:device:").size()) + "/usage/application/1";
  CHECK(world.has_triple(subject, "measurements", "7"));
  CHECK(world.has_triple(subject, "countedBy", world.application.did));
  REQUIRE(it.count(world.application, 2, 7).status() == 200);   // nothing new
  CHECK(world.events.empty());
}

TEST_CASE("before these rules there is no count, and reports are as they were") {
  Counted it(kRulesWithCounts - 1);
  const auto refused = check_at_door(*it.world.executor, it.world.sign(it.world.application, "usage.count", it.body(1, 0)), *it.world.snapshot(), it.world.now);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().status == Status::invalid);
  CHECK(refused.error().detail == "usage.count belongs to rules version 6; this network runs version 5");
  CHECK(it.count(it.world.application, 1, 0).status() == 401);   // in a block, as to a program that knows no such action
  CHECK(it.report(1, 5'000, 100).status() == 422);   // "measurements"
  Json count = World::count(it.urn, 5'000, 0, 100);
  CHECK(it.world.run(it.world.members[0], "usage.report", it.world.report(it.integration, 1, true, {count})).status() == 200);
  CHECK(it.earned() == "0.015");
  CHECK(missed_reports(StateView(it.world.snapshot()->state()), "node-1") == 0);
}

TEST_CASE("a node that lets its lease run out, or owes a last report, has missed one") {
  Counted it;
  World& world = it.world;
  const auto missed = [&](const char* node) { return missed_reports(StateView(world.snapshot()->state()), node); };
  world.pass(kTerm + 3 * kSecond);
  REQUIRE(world.run(world.application, "integration.create", world.access(it.payment, {it.urn}, "node-2")).status() == 201);
  CHECK(missed("node-1") == 1);
  CHECK(missed("node-2") == 0);
  REQUIRE(world.run(world.application, "integration.close", Json::object({{"integration", it.integration}})).status() == 200);
  world.sweep_after(31 * kSecond);
  CHECK(missed("node-2") == 1);

  Counted time(kRulesWithCounts, R"({"perMinute":"0.60"})", R"("minutes":1)", "0.6");
  time.world.sweep_after(2 * kMinute);
  CHECK(missed_reports(StateView(time.world.snapshot()->state()), "node-1") == 1);
  Counted good;
  REQUIRE(good.report(1, 5'000, 100, true).status() == 200);
  CHECK(missed_reports(StateView(good.world.snapshot()->state()), "node-1") == 0);
}

TEST_CASE("data that lapses while its node serves it is no missed report") {
  const auto missed_after = [](bool serves) {
    Counted it;
    it.world.pass(kDataLapse_ms + kSettleGrace_ms - kSecond);
    if (serves) REQUIRE(it.world.run(it.world.members[0], "lease.renew", Json::object({{"node", "node-1"}})).status() == 200);
    it.world.sweep_after(2 * kSecond);
    CHECK(it.world.escrow(it.world.application) == "0");
    return missed_reports(StateView(it.world.snapshot()->state()), "node-1");
  };
  CHECK(missed_after(true) == 0);
  CHECK(missed_after(false) == 1);
}

TEST_CASE("a count goes on over a hand-over, and what was lost there is nobody's") {
  Counted it;
  World& world = it.world;
  REQUIRE(it.count(world.application, 1, 0).status() == 200);
  REQUIRE(it.report(1, 5'000, 100).status() == 200);
  REQUIRE(it.count(world.application, 2, 100).status() == 200);
  world.pass(kTerm + 3 * kSecond);
  REQUIRE(world.run(world.application, "integration.create", world.access(it.payment, {it.urn}, "node-2")).status() == 201);
  const auto task = *AccessService(*world.snapshot()).task(*Hash::from_hex(it.integration));
  CHECK(task.devices[0].measurements == 100);
  const std::int64_t base = task.devices[0].bytes_used;
  Json entry = World::count(it.urn, base + 1'000, 0, 120);
  REQUIRE(world.run(world.members[1], "usage.report", world.report(it.integration, 2, false, {entry.set("measurements", 120)}).set("epoch", 2)).status() == 200);
  REQUIRE(it.count(world.application, 3, 110).status() == 200);
  REQUIRE(world.run(world.members[1], "usage.report", world.report(it.integration, 3, true, {entry}).set("epoch", 2)).status() == 200);
  CHECK(it.earned() == "0.0165");   // 6,000 bytes in 120 measurements, of which 110 came
}
