// Leases: what a node reserves, how another one goes on when it dies, and what becomes of the money.
#include "protocol/limits.h"
#include "subservices/access/lease_rules.h"
#include "world.h"

using namespace agiddi;
using namespace agiddi::subservices;
using namespace agiddi::subservices::test;

namespace {

constexpr TimeMs kTerm = limits::kLeaseDefault_ms;

struct Served {
  World world{kRulesWithLeases};
  std::string urn, payment, integration;

  explicit Served(const std::string& cost = R"({"perKilobyte":"0.003"})", const std::string& quantity = R"("kilobytes":100)", const std::string& amount = "0.3") {
    urn = world.registered(cost);
    payment = world.paid(urn, quantity, amount);
    const Answer made = create("");
    REQUIRE(made.status() == 201);
    integration = made.text("integration");
    REQUIRE(claim(1, "node-1", 1).status() == 200);
  }
  Answer create(const std::string& node) { return world.run(world.application, "integration.create", world.access(payment, {urn}, node)); }
  Answer claim(std::size_t member, const std::string& node, int epoch) {
    return world.run(world.members[member - 1], "integration.claim", Json::object({{"integration", integration}, {"node", node}, {"epoch", epoch}}));
  }
  Answer renew(std::size_t member) { return world.run(world.members[member - 1], "lease.renew", Json::object({{"node", "node-" + std::to_string(member)}})); }
  Answer report(std::size_t member, int epoch, int sequence, std::int64_t bytes, std::optional<std::int64_t> reserve = {}, std::int64_t active_ms = 0, bool final = false) {
    Json count = World::count(urn, bytes, active_ms);
    if (reserve) count.set("reserve", *reserve);
    Json body = world.report(integration, sequence, final, {count});
    return world.run(world.members[member - 1], "usage.report", body.set("epoch", epoch));
  }
  ServiceTask task() const { return *AccessService(*world.snapshot()).task(*Hash::from_hex(integration)); }
  Json view() const { return *AccessService(*world.snapshot()).integration(integration); }
};

}  // namespace

TEST_CASE("a claim reserves a small part, a report the next, and no more is taken than was reserved") {
  Served it;
  CHECK(it.task().leased);
  CHECK(it.task().lease_term == kTerm);
  CHECK(it.task().devices[0].bytes_reserved == 100'000 / 16);
  CHECK(it.report(1, 1, 1, 6'251).status() == 422);
  CHECK(it.report(1, 1, 1, 6'250, 20'000).status() == 200);
  CHECK(it.task().devices[0].bytes_reserved == 20'000);
  CHECK(it.report(1, 1, 2, 6'250, 19'999).status() == 422);
  CHECK(it.report(1, 1, 2, 6'250, 100'001).status() == 422);
  CHECK(it.report(1, 1, 2, 20'000).status() == 200);          // what is reserved stays
  CHECK(it.report(1, 1, 3, 20'000, 100'000).status() == 200);
  CHECK(it.report(1, 1, 4, 100'000).status() == 200);
  CHECK(it.view().find("state")->as_string() == "ended");
  CHECK(it.world.available(it.world.provider) == "0.3");
}

TEST_CASE("no more is reserved ahead than a crash may cost") {
  Served it(R"({"perMegabyte":"0.003"})", R"("kilobytes":100000)", "0.3");
  CHECK(it.task().devices[0].bytes_reserved == 64 * 1024);
  CHECK(it.report(1, 1, 1, 1'000, 1'000 + limits::kReservedAheadMax_bytes + 1).status() == 422);
  CHECK(it.report(1, 1, 1, 1'000, 1'000 + limits::kReservedAheadMax_bytes).status() == 200);
}

TEST_CASE("when its node falls silent an integration goes on at another one, from what was reserved") {
  Served it;
  REQUIRE(it.report(1, 1, 1, 5'000, 15'000).status() == 200);
  it.world.pass(kTerm - kSecond);
  REQUIRE(it.renew(1).status() == 200);
  it.world.pass(kTerm - kSecond);
  const Answer early = it.create("");
  CHECK(early.status() == 409);
  CHECK(early.detail().find("is in use at node-1") != std::string::npos);
  it.world.pass(2 * kSecond);

  const Answer again = it.create("");
  INFO(again.detail());
  REQUIRE(again.status() == 201);
  CHECK(again.text("integration") == it.integration);
  CHECK_FALSE(again.result.find("node"));
  CHECK(it.world.last_event() == "integration:handedOver");
  CHECK(it.task().state == ServiceState::unclaimed);
  CHECK(it.report(1, 1, 2, 6'000).status() == 403);           // the former node is fenced
  CHECK(it.create("").status() == 409);                       // somebody has a term to claim it
  CHECK(it.claim(2, "node-2", 1).status() == 409);
  REQUIRE(it.claim(2, "node-2", 2).status() == 200);
  CHECK(it.claim(3, "node-3", 2).status() == 409);
  CHECK(AccessService(*it.world.snapshot()).served_by("node-1").empty());

  const auto task = it.task();
  CHECK((task.node == "node-2" && task.epoch == 2));
  CHECK((task.devices[0].bytes_used == 15'000 && task.devices[0].bytes_lost == 10'000 && task.devices[0].bytes_reserved == 15'000 + 6'250));
  const Json device = it.view().find("devices")->items()[0];
  CHECK(device.find("bytesUsed")->number_text() == "5000");
  CHECK(device.find("bytesLost")->number_text() == "10000");
  CHECK(device.find("bytesRemaining")->number_text() == "85000");

  // The limit holds over both epochs, and the provider earns what was reported: 90,000 bytes at 0.003 a kilobyte.
  CHECK(it.report(2, 1, 2, 16'000).status() == 409);
  CHECK(it.report(2, 2, 2, 14'999).status() == 409);
  REQUIRE(it.report(2, 2, 2, 20'000, 100'000).status() == 200);
  REQUIRE(it.report(2, 2, 3, 100'000).status() == 200);
  CHECK(it.view().find("state")->as_string() == "ended");
  CHECK(it.world.available(it.world.provider) == "0.27");
  CHECK(it.world.escrow(it.world.application) == "0");
  CHECK(it.world.available(it.world.application) == "999.73");
}

TEST_CASE("the request may name the node that goes on, and how") {
  Served it;
  it.world.pass(kTerm + kSecond);
  Json body = it.world.access(it.payment, {it.urn}, "node-3");
  body.set("delivery", Json::object({{"protocol", "websocket"}}));
  const Answer made = it.world.run(it.world.application, "integration.create", body);
  REQUIRE(made.status() == 201);
  CHECK((made.text("node") == "node-3" && made.result.find("epoch")->number_text() == "2"));
  CHECK((it.task().node == "node-3" && it.task().protocol == "websocket" && it.task().state == ServiceState::active));
  CHECK(AccessService(*it.world.snapshot()).served_by("node-3").size() == 1);
  // It has a term to begin; its lease is not renewed by being named.
  CHECK(it.create("node-4").status() == 409);
  it.world.pass(kTerm + kSecond);
  CHECK(it.create("node-4").status() == 201);
}

TEST_CASE("who may not take it over") {
  Served it;
  const std::string second = it.world.registered(R"({"perKilobyte":"0.003"})");
  it.world.pass(kTerm + kSecond);
  CHECK(it.world.run(it.world.other, "integration.create", it.world.access(it.payment, {it.urn})).status() == 403);
  CHECK(it.world.run(it.world.application, "integration.create", it.world.access(it.payment, {it.urn, second})).status() == 403);
  Json body = it.world.access(it.payment, {it.urn});
  CHECK(it.world.run(it.world.application, "integration.create", body.set("versions", Json::array({2}))).status() == 409);
  REQUIRE(it.world.run(it.world.application, "integration.close", Json::object({{"integration", it.integration}})).status() == 200);
  CHECK(it.create("").status() == 409);
}

TEST_CASE("an integration of several devices goes on with all of them") {
  World world(kRulesWithLeases);
  const std::string one = world.registered(R"({"perKilobyte":"0.003"})"), two = world.registered(R"({"perMinute":"0.10"})");
  const Json items = Json::array({world.item(one, R"("kilobytes":100)", "0.3"), world.item(two, R"("minutes":10)", "1")});
  Json payment = world.payment(items.items()[0], "1.3");
  payment.set("items", items);
  const Answer paid = world.run(world.application, "payment.create", payment);
  REQUIRE(paid.status() == 201);
  const auto create = [&](const std::vector<std::string>& urns) { return world.run(world.application, "integration.create", world.access(paid.text("payment"), urns, "node-1")); };
  REQUIRE(create({one, two}).status() == 201);
  world.pass(kTerm + kSecond);
  CHECK(create({one}).status() == 409);
  CHECK(create({two, one}).status() == 201);
  // Also when one has ended before.
  const auto task = *AccessService(*world.snapshot()).task(AccessService(*world.snapshot()).served_by("node-1").front());
  Json report = world.report(task.integration.hex(), 1, false, {World::count(one, 6'250 + 6'250, 0).set("ended", true)});
  REQUIRE(world.run(world.members[0], "usage.report", report.set("epoch", 2)).status() == 200);
  world.pass(kTerm + kSecond);
  CHECK(create({one, two}).status() == 201);
  CHECK(AccessService(*world.snapshot()).task(task.integration)->devices[0].ended);
}

TEST_CASE("time served before a hand-over stays earned, and the gap costs nobody") {
  Served it(R"({"perMinute":"0.60"})", R"("minutes":10)", "6");
  it.world.pass(20 * kSecond);
  REQUIRE(it.report(1, 1, 1, 100, {}, 20'000).status() == 200);
  it.world.pass(kMinute);
  REQUIRE(it.create("node-2").status() == 201);
  it.world.pass(10 * kSecond);
  CHECK(it.report(2, 2, 2, 100, 200, 20'000).status() == 422);   // bytes are not what was bought
  // It cannot claim more than since its own claim, on top of what was earned before.
  REQUIRE(it.report(2, 2, 2, 200, {}, 500'000, true).status() == 200);
  const std::string earned = it.world.available(it.world.provider);
  CHECK(earned >= "0.30");       // 30 s at 0.60 a minute
  CHECK(earned <= "0.3201");     // and the tolerance of clocks
}

TEST_CASE("what was reserved and never reported goes back when nobody goes on") {
  Served it;
  REQUIRE(it.report(1, 1, 1, 1'000, 50'000).status() == 200);
  it.world.pass(kTerm + kSecond);
  REQUIRE(it.create("").status() == 201);
  it.world.sweep_after(31 * kDay);
  it.world.sweep_after(kDay);
  CHECK(it.view().find("state")->as_string() == "ended");
  CHECK(it.world.available(it.world.provider) == "0.003");
  CHECK(it.world.escrow(it.world.application) == "0");
  CHECK(it.world.available(it.world.application) == "999.997");
}

TEST_CASE("a lease is renewed by its member, under rules that have leases") {
  Served it;
  CHECK(it.world.run(it.world.members[1], "lease.renew", Json::object({{"node", "node-1"}})).status() == 403);
  CHECK(it.world.run(it.world.application, "lease.renew", Json::object({{"node", "node-1"}})).status() == 403);
  CHECK(it.world.run(it.world.members[0], "lease.renew", Json::object({{"node", "node-1"}, {"more", 1}})).status() == 422);
  const Answer renewed = it.renew(1);
  CHECK(renewed.text("until") == time_text(it.world.now + kTerm));
  CHECK(it.view().find("leasedUntil")->as_string() == renewed.text("until"));

  World before(kRulesWithLeases - 1);
  CHECK(before.run(before.members[0], "lease.renew", Json::object({{"node", "node-1"}})).status() == 401);   // it is no action yet
}

TEST_CASE("before leases nothing is handed over and nothing reserved") {
  World world(kRulesWithLeases - 1);
  const std::string urn = world.registered(R"({"perKilobyte":"0.003"})");
  const std::string payment = world.paid(urn, R"("kilobytes":100)", "0.3");
  const Answer made = world.run(world.application, "integration.create", world.access(payment, {urn}, "node-1"));
  REQUIRE(made.status() == 201);
  world.pass(kHour);
  CHECK(world.run(world.application, "integration.create", world.access(payment, {urn}, "node-2")).status() == 409);
  const auto report = [&](int sequence, std::optional<int> reserve) {
    Json count = World::count(urn, 50'000, 0);
    if (reserve) count.set("reserve", *reserve);
    return world.run(world.members[0], "usage.report", world.report(made.text("integration"), sequence, false, {count})).status();
  };
  CHECK(report(1, 60'000) == 422);
  CHECK(report(1, {}) == 200);
}

TEST_CASE("what a device earned is summed up") {
  Served it;
  const auto usage = [&] { return PaymentService(*it.world.snapshot()).device_usage(it.urn)->find("usage")->items(); };
  CHECK(usage().empty());
  REQUIRE(it.report(1, 1, 1, 5'000, 10'000).status() == 200);
  CHECK(usage().empty());                                                    // of what is settled
  REQUIRE(it.report(1, 1, 2, 6'000, {}, 0, true).status() == 200);
  const std::string second = it.world.paid(it.urn, R"("kilobytes":1)", "0.003");
  it.world.sweep_after(31 * kDay);                                           // which lapses
  REQUIRE(usage().size() == 1);
  const Json sum = usage()[0];
  CHECK((sum.find("currency")->as_string() == "EUR" && sum.find("items")->number_text() == "2"));
  CHECK((sum.find("earned")->as_string() == "0.018" && sum.find("refunded")->as_string() == "0.285"));
  CHECK((sum.find("bytes")->number_text() == "6000" && sum.find("seconds")->number_text() == "0"));
  CHECK(PaymentService(*it.world.snapshot()).device_usage("urn:agiddi:device:" + Hash{}.hex()).error().status == Status::not_found);
  CHECK(PaymentService(*it.world.snapshot()).device_usage("nothing").error().status == Status::not_found);

  Served timed(R"({"perMinute":"0.60"})", R"("minutes":10)", "6");
  timed.world.pass(20 * kSecond);
  REQUIRE(timed.report(1, 1, 1, 900, {}, 15'500, true).status() == 200);
  const Json time = PaymentService(*timed.world.snapshot()).device_usage(timed.urn)->find("usage")->items()[0];
  CHECK((time.find("seconds")->number_text() == "15.5" && time.find("bytes")->number_text() == "0"));   // bytes that were not bought are not paid for
}

TEST_CASE("what is lost to the last byte ends with the hand-over") {
  Served it(R"({"perKilobyte":"0.003"})", R"("kilobytes":0.05)", "0.00015");
  CHECK(it.task().devices[0].bytes_reserved == 50);   // all of it: there is no smaller chunk
  it.world.pass(kTerm + kSecond);
  const Answer made = it.create("node-2");
  REQUIRE(made.status() == 201);
  CHECK(made.text("state") == "ended");
  CHECK(it.task().state == ServiceState::ended);
  CHECK(it.world.escrow(it.world.application) == "0");
  CHECK(it.world.available(it.world.application) == "1000");
  CHECK(AccessService(*it.world.snapshot()).served_by("node-2").empty());
}
