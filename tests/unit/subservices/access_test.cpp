// Steps 4 and 5 on the ledger: grants, claims, reports, the end and its settlement.
#include "subservices/access/access_rules.h"
#include "world.h"

using namespace agiddi;
using namespace agiddi::subservices;
using namespace agiddi::subservices::test;

namespace {

std::string integrated(World& world, const std::string& payment, const std::vector<std::string>& urns, const std::string& node = "node-1") {
  const auto answer = world.run(world.application, "integration.create", world.access(payment, urns, node));
  INFO(answer.detail());
  REQUIRE(answer.status() == 201);
  return answer.text("integration");
}

Json claim(const std::string& integration, const std::string& node, int epoch = 1) {
  return Json::object({{"integration", integration}, {"node", node}, {"epoch", epoch}});
}

Json view(const World& world, const std::string& integration) {
  const auto snapshot = world.snapshot();
  return *AccessService(*snapshot).integration(integration);
}

}  // namespace

TEST_CASE("from a registration to the settled money, to the micro-unit") {
  World world;
  const std::string urn = world.registered(R"({"perMinute":"0.10","perKilobyte":"0.003"})");
  const std::string payment = world.paid(urn, R"("minutes":2,"kilobytes":10.5)", "0.2315");
  const TimeMs paid_at = world.now;

  const auto transaction = world.sign(world.application, "integration.create", world.access(payment, {urn}));
  const auto made = world.block({transaction}).front();
  REQUIRE(made.status() == 201);
  const std::string integration = made.text("integration");
  CHECK(integration == integration_id(transaction.id).hex());
  const Json& grant = made.result.find("grants")->items()[0];
  CHECK(grant.find("device")->as_string() == urn);
  CHECK(grant.find("version")->number_text() == "1");
  CHECK(grant.find("seconds")->number_text() == "120");
  CHECK(grant.find("bytes")->number_text() == "10500");
  CHECK(grant.find("expires")->as_string() == time_text(paid_at + 2 * kMinute));
  const auto full = answer_for(*world.snapshot(), transaction, made.receipt, world.snapshot()->height(), world.now);
  CHECK(full->find("templates")->items().size() == 1);
  CHECK(full->dump().find("password") == std::string::npos);

  const Hash id = *Hash::from_hex(integration);
  CHECK(AccessService(*world.snapshot()).task(id)->state == ServiceState::unclaimed);
  CHECK(world.run(world.members[1], "integration.claim", claim(integration, "node-2")).status() == 200);
  CHECK(world.last_event() == "integration:claimed");
  CHECK(world.run(world.members[2], "integration.claim", claim(integration, "node-3")).status() == 409);
  const auto task = AccessService(*world.snapshot()).task(id);
  REQUIRE(task.has_value());
  CHECK((task->state == ServiceState::active && task->node == "node-2" && task->epoch == 1 && task->protocol == "sse"));
  CHECK(task->claimed == world.now - 1);
  REQUIRE(task->devices.size() == 1);
  CHECK((task->devices[0].limit_ms == 120'000 && task->devices[0].limit_bytes == 10'500 && task->devices[0].expires == paid_at + 2 * kMinute));
  CHECK(task->devices[0].provider == world.provider.did);
  CHECK(task->devices[0].parsed.sealed.recipients.size() == 4);
  CHECK(AccessService(*world.snapshot()).served_by("node-2") == std::vector<Hash>{id});
  CHECK(AccessService(*world.snapshot()).served_by("node-1").empty());

  world.pass(30 * kSecond);
  REQUIRE(world.run(world.members[1], "usage.report", world.report(integration, 1, false, {World::count(urn, 4000, 20'000, 5)})).status() == 200);
  CHECK(world.escrow(world.application) == "0.2315");
  CHECK(view(world, integration).find("devices")->items()[0].find("bytesRemaining")->number_text() == "6500");
  world.pass(30 * kSecond);
  REQUIRE(world.run(world.members[1], "usage.report", world.report(integration, 2, true, {World::count(urn, 7001, 40'001, 9)})).status() == 200);
  CHECK(world.last_event() == "integration:ended");

  // 40.001 s at 0.10 a minute = 0.066668…, 7001 bytes at 0.003 a kilobyte = 0.021003.
  CHECK(world.available(world.provider) == "0.087671");
  CHECK(world.escrow(world.application) == "0");
  CHECK(world.available(world.application) == "999.912329");
  CHECK(view(world, integration).find("state")->as_string() == "ended");
  CHECK(view(world, integration).find("endedBecause")->as_string() == "ended by its node");
  CHECK(AccessService(*world.snapshot()).served_by("node-2").empty());
  CHECK_FALSE(heartbeat_wanted(*world.snapshot()));
  CHECK(world.run(world.members[1], "usage.report", world.report(integration, 3, true, {World::count(urn, 8000, 50'000, 9)})).status() == 409);
  const auto record = PaymentService(*world.snapshot()).payment(payment);
  CHECK(record->find("items")->items()[0].find("earned")->as_string() == "0.087671");
  CHECK(record->find("items")->items()[0].find("refunded")->as_string() == "0.143829");
}

TEST_CASE("the paper's examples: 50 cents are five hours, or 25 megabytes") {
  World world;
  const std::string hour = world.registered(R"({"perHour":"0.10"})"), megabyte = world.registered(R"({"perMegabyte":"0.02"})");
  const auto grant = [&](const std::string& urn, const char* quantity) {
    return world.run(world.application, "integration.create", world.access(world.paid(urn, quantity, "0.5"), {urn})).result.find("grants")->items()[0];
  };
  CHECK(grant(hour, R"("minutes":300)").find("seconds")->number_text() == "18000");
  CHECK(grant(megabyte, R"("kilobytes":25000)").find("bytes")->number_text() == "25000000");
}

TEST_CASE("time that starts with the integration runs from the grant") {
  World world;
  const std::string urn = world.registered(R"({"perMinute":"0.60"})");
  const std::string payment = world.paid(urn, R"("minutes":0.05)", "0.03", "integration");
  world.pass(kHour);
  const auto made = world.run(world.application, "integration.create", world.access(payment, {urn}));
  REQUIRE(made.status() == 201);
  CHECK(made.result.find("grants")->items()[0].find("seconds")->number_text() == "3");
  CHECK(made.result.find("grants")->items()[0].find("expires")->as_string() == time_text(world.now + 3 * kSecond));
  CHECK(PaymentService(*world.snapshot()).payment(payment)->find("starts")->as_string() == "integration");
}

TEST_CASE("who may integrate what") {
  World world(GENERATE(1u, kRulesVersionMax));
  const std::string urn = world.registered(R"({"perMinute":"0.10"})"), unpaid = world.registered(R"({"perMinute":"0.10"})");
  const std::string payment = world.paid(urn, R"("minutes":10)", "1");
  const Json good = world.access(payment, {urn});
  const auto with = [&](const char* name, Json value) { Json json = good; return json.set(name, std::move(value)); };
  const auto status = [&](const Json& body) { return world.run(world.application, "integration.create", body).status(); };
  CHECK(status(world.access(Hash{}.hex(), {urn})) == 402);
  CHECK(status(world.access(payment, {unpaid})) == 403);
  CHECK(status(world.access(payment, {urn, unpaid})) == 403);
  CHECK(status(with("application", world.other.did)) == 403);
  CHECK(world.run(world.other, "integration.create", with("application", world.other.did)).status() == 403);   // another's payment
  CHECK(status(with("versions", Json::array({2}))) == 409);
  for (const Json& body : {world.access(payment, {}), world.access(payment, {urn, urn}), world.access(payment, {"urn:else"}), with("payment", "nothing"),
                           with("surprise", 1), with("node", "node-99"), with("versions", Json::array({1, 1})), with("versions", Json::array({0})),
                           with("delivery", Json::object({{"protocol", "pigeon"}})), with("delivery", Json::object({{"protocol", "sse"}, {"unit", "furlong"}})),
                           with("delivery", "sse")}) {
    INFO(body.dump());
    CHECK(status(body) == 422);
    CHECK(world.at_door(world.application, "integration.create", body) == Status::invalid);
  }
  CHECK(status(with("versions", Json::array({1}))) == 201);
  CHECK(status(good) == 409);
  CHECK(world.at_door(world.application, "integration.create", good) == Status::ok);   // the block decides
}

TEST_CASE("the devices of a payment are found in it, whether it has one or several") {
  const std::uint32_t rules = GENERATE(1u, kRulesVersionMax);
  World world(rules);
  const std::string first = world.registered(R"({"perMinute":"0.10"})"), second = world.registered(R"({"perMinute":"0.10"})"), third = world.registered(R"({"perMinute":"0.10"})");
  const auto pay = [&](const std::vector<std::string>& urns, const std::string& total) {
    Json items = Json::array();
    for (const std::string& urn : urns) items.push(world.item(urn, R"("minutes":10)", "1"));
    const auto answer = world.run(world.application, "payment.create", world.payment(items, total));
    REQUIRE(answer.status() == 201);
    return answer.text("payment");
  };
  const auto status = [&](const std::string& payment, const std::vector<std::string>& urns) { return world.run(world.application, "integration.create", world.access(payment, urns)).status(); };
  const std::string one = pay({first}, "1"), two = pay({second, first}, "2");
  CHECK(status(one, {second}) == 403);
  CHECK(status(two, {third}) == 403);
  CHECK(status(two, {first, third}) == 403);
  CHECK(status(two, {first}) == 201);
  CHECK(status(one, {first}) == 201);
  CHECK(status(two, {second}) == 201);
  // A payment of one item leaves no index behind any more.
  std::size_t indexed = 0;
  world.snapshot()->state().scan(ledger::Column::state, "i", "j", [&](BytesView, BytesView) { return ++indexed > 0; });
  CHECK(indexed == (rules >= kRulesWithFewerKeys ? 2 : 3));
}

TEST_CASE("a grant is exclusive, also inside one block") {
  World world;
  const std::string urn = world.registered(R"({"perMinute":"0.10"})");
  const std::string payment = world.paid(urn, R"("minutes":10)", "1");
  const auto answers = world.block({world.sign(world.application, "integration.create", world.access(payment, {urn})),
                                    world.sign(world.application, "integration.create", world.access(payment, {urn}))});
  CHECK((answers[0].status() == 201 && answers[1].status() == 409));
  const std::string integration = answers[0].text("integration");
  const auto claims = world.block({world.sign(world.members[3], "integration.claim", claim(integration, "node-4")),
                                   world.sign(world.members[0], "integration.claim", claim(integration, "node-1"))});
  CHECK((claims[0].status() == 200 && claims[1].status() == 409));
  CHECK(view(world, integration).find("node")->as_string() == "node-4");
}

TEST_CASE("a refusal of a grant in use says who has it and what to do") {
  World world;
  const std::string urn = world.registered(R"({"perMinute":"0.10"})");
  const std::string payment = world.paid(urn, R"("minutes":10)", "1");
  const std::string integration = integrated(world, payment, {urn}, "");
  const auto refusal = [&] {
    const auto answer = world.run(world.application, "integration.create", world.access(payment, {urn}));
    CHECK(answer.status() == 409);
    return answer.detail();
  };
  CHECK(refusal().find("is in use at no node yet by integration " + integration) != std::string::npos);
  REQUIRE(world.run(world.members[1], "integration.claim", claim(integration, "node-2")).status() == 200);
  CHECK(refusal().find("is in use at node-2 by integration " + integration + ": take it up with integration.credentials") != std::string::npos);
  REQUIRE(world.run(world.application, "integration.close", Json::object({{"integration", integration}})).status() == 200);
  CHECK(refusal().find("was used by integration " + integration) != std::string::npos);
  REQUIRE(world.run(world.members[1], "usage.report", world.report(integration, 1, true, {World::count(urn, 10, 60'000, 3)})).status() == 200);
  CHECK(refusal().find("was used by integration " + integration) != std::string::npos);
}

TEST_CASE("who may claim and report") {
  World world;
  const std::string urn = world.registered(R"({"perKilobyte":"1"})"), stranger = world.registered(R"({"perKilobyte":"1"})");
  const std::string integration = integrated(world, world.paid(urn, R"("kilobytes":2)", "2"), {urn}, "");
  CHECK(world.run(world.application, "integration.claim", claim(integration, "node-1")).status() == 403);
  CHECK(world.run(world.members[0], "integration.claim", claim(integration, "node-2")).status() == 403);
  CHECK(world.run(world.members[0], "integration.claim", claim(Hash{}.hex(), "node-1")).status() == 404);
  CHECK(world.run(world.members[0], "integration.claim", claim(integration, "node-1", 2)).status() == 409);
  CHECK(world.run(world.members[0], "integration.claim", claim(integration, "node-1").set("x", 1)).status() == 422);
  CHECK(world.run(world.members[0], "usage.report", world.report(integration, 1, true, {})).status() == 403);    // not claimed yet
  CHECK(world.run(world.members[0], "integration.claim", claim(integration, "node-1")).status() == 200);

  const auto report = [&](const Person& signer, int sequence, std::int64_t bytes, std::int64_t ms, const std::string& device) {
    return world.run(signer, "usage.report", world.report(integration, sequence, false, {World::count(device, bytes, ms)})).status();
  };
  world.pass(kMinute);
  CHECK(report(world.members[1], 1, 100, 100, urn) == 403);
  CHECK(report(world.application, 1, 100, 100, urn) == 403);
  CHECK(report(world.members[0], 1, 2001, 100, urn) == 422);      // more than was paid for
  CHECK(report(world.members[0], 1, 100, 100, stranger) == 422);
  CHECK(report(world.members[0], 2, 100, 100, urn) == 200);
  CHECK(report(world.members[0], 2, 200, 200, urn) == 409);       // an old sequence
  CHECK(report(world.members[0], 3, 99, 200, urn) == 409);        // counts never fall
  CHECK(report(world.members[0], 3, 100, 99, urn) == 409);
  CHECK(world.run(world.members[0], "usage.report", world.report(integration, 3, false, {}).set("epoch", 2)).status() == 409);
  CHECK(world.run(world.members[0], "usage.report", world.report(Hash{}.hex(), 3, false, {})).status() == 404);
  CHECK(world.run(world.members[0], "usage.report", world.report(integration, 3, false, {}).set("final", "yes")).status() == 422);
  CHECK(world.escrow(world.application) == "2");
  CHECK(report(world.members[0], 3, 2000, 200, urn) == 200);      // all of it: the item ends by itself
  CHECK(world.escrow(world.application) == "0");
  CHECK(world.available(world.provider) == "2");
  CHECK(view(world, integration).find("endedBecause")->as_string() == "data used up");
}

TEST_CASE("time earned is active service: none without a reading, and no more than block time since the claim") {
  World world;
  const std::string urn = world.registered(R"({"perMinute":"1"})");
  const auto silent = integrated(world, world.paid(urn, R"("minutes":10)", "10"), {urn});
  world.pass(5 * kMinute);
  REQUIRE(world.run(world.members[0], "usage.report", world.report(silent, 1, true, {World::count(urn, 0, 300'000, 0)})).status() == 200);
  CHECK(world.available(world.provider) == "none");
  CHECK(world.available(world.application) == "1000");

  const auto boasting = integrated(world, world.paid(urn, R"("minutes":10)", "10"), {urn});
  world.pass(kMinute);
  REQUIRE(world.run(world.members[0], "usage.report", world.report(boasting, 1, true, {World::count(urn, 10, 600'000, 3)})).status() == 200);
  CHECK(world.available(world.provider) == "1.03335");   // 60.001 s of block time, and the 2 s that clocks may differ
  CHECK(world.escrow(world.application) == "0");
}

TEST_CASE("time that is used up is earned whole") {
  World world;
  const std::string urn = world.registered(R"({"perDay":"1"})");
  const auto integration = integrated(world, world.paid(urn, R"("minutes":1)", "0.000695", "integration"), {urn});
  world.pass(kMinute + 48);
  REQUIRE(world.run(world.members[0], "usage.report", world.report(integration, 1, true, {World::count(urn, 10, 60'048, 3)})).status() == 200);
  CHECK(world.available(world.provider) == "0.000695");
  CHECK(view(world, integration).find("endedBecause")->as_string() == "time used up");
}

TEST_CASE("an end that nobody reports is swept with the last report after 30 seconds") {
  World world;
  const std::string urn = world.registered(R"({"perMinute":"1"})");
  const auto integration = integrated(world, world.paid(urn, R"("minutes":2)", "2"), {urn});
  world.pass(kMinute);
  REQUIRE(world.run(world.members[0], "usage.report", world.report(integration, 1, false, {World::count(urn, 10, 30'000, 3)})).status() == 200);
  world.sweep_after(kMinute);
  CHECK(view(world, integration).find("state")->as_string() == "active");
  world.sweep_after(30 * kSecond);
  CHECK(view(world, integration).find("state")->as_string() == "ended");
  CHECK(world.available(world.provider) == "0.5");
  CHECK(world.available(world.application) == "999.5");
  CHECK(world.last_event() == "integration:ended");
  CHECK_FALSE(heartbeat_wanted(*world.snapshot()));
}

TEST_CASE("data that is integrated lapses 30 days after its payment with what was used") {
  World world;
  const std::string urn = world.registered(R"({"perKilobyte":"1"})");
  const auto integration = integrated(world, world.paid(urn, R"("kilobytes":5)", "5"), {urn});
  REQUIRE(world.run(world.members[0], "usage.report", world.report(integration, 1, false, {World::count(urn, 1500, 1, 3)})).status() == 200);
  world.sweep_after(30 * kDay);
  CHECK(world.escrow(world.application) == "5");
  world.sweep_after(30 * kSecond);
  CHECK(world.available(world.provider) == "1.5");
  CHECK(view(world, integration).find("endedBecause")->as_string() == "lapsed");
}

TEST_CASE("a close stops at once and settles by the last report, or after 30 seconds without one") {
  World world;
  const std::string urn = world.registered(R"({"perMinute":"1"})");
  const auto close = [&](const std::string& integration) { return Json::object({{"integration", integration}}); };
  const auto reported = integrated(world, world.paid(urn, R"("minutes":60)", "60"), {urn});
  world.pass(kMinute);
  CHECK(world.run(world.other, "integration.close", close(reported)).status() == 403);
  CHECK(world.run(world.application, "integration.close", close(Hash{}.hex())).status() == 404);
  CHECK(world.run(world.application, "integration.close", close(reported).set("why", "x")).status() == 422);
  const auto closed = world.run(world.application, "integration.close", close(reported));
  CHECK(closed.status() == 200);
  CHECK(world.last_event() == "integration:closing");
  CHECK(AccessService(*world.snapshot()).task(*Hash::from_hex(reported))->state == ServiceState::closing);
  CHECK(view(world, reported).find("state")->as_string() == "ended");
  CHECK(world.escrow(world.application) == "60");
  CHECK(world.run(world.application, "integration.close", close(reported)).status() == 200);   // still closing
  REQUIRE(world.run(world.members[0], "usage.report", world.report(reported, 1, true, {World::count(urn, 10, 60'000, 3)})).status() == 200);
  CHECK(world.available(world.provider) == "1");
  CHECK(world.available(world.application) == "999");
  CHECK(view(world, reported).find("endedBecause")->as_string() == "closed");
  CHECK(world.run(world.application, "integration.close", close(reported)).status() == 409);

  const auto silent = integrated(world, world.paid(urn, R"("minutes":60)", "60"), {urn});
  REQUIRE(world.run(world.application, "integration.close", close(silent)).status() == 200);
  world.sweep_after(29 * kSecond);
  CHECK(world.escrow(world.application) == "60");
  world.sweep_after(kSecond);
  CHECK(world.escrow(world.application) == "0");

  const auto unclaimed = integrated(world, world.paid(urn, R"("minutes":60)", "60"), {urn}, "");
  REQUIRE(world.run(world.application, "integration.close", close(unclaimed)).status() == 200);
  CHECK(world.last_event() == "integration:ended");
  CHECK(world.available(world.application) == "999");
  CHECK(world.run(world.members[0], "integration.claim", claim(unclaimed, "node-1")).status() == 409);
  CHECK_FALSE(heartbeat_wanted(*world.snapshot()));
}

TEST_CASE("several devices of one payment end one by one") {
  World world;
  const std::string first = world.registered(R"({"perKilobyte":"1"})"), second = world.registered(R"({"perKilobyte":"2"})"),
                    third = world.registered(R"({"perMinute":"1"})");
  const Json items = Json::array({world.item(first, R"("kilobytes":1)", "1"), world.item(second, R"("kilobytes":1)", "2"), world.item(third, R"("minutes":1)", "1")});
  const auto paid = world.run(world.application, "payment.create", world.payment(items, "4"));
  REQUIRE(paid.status() == 201);
  const std::string payment = paid.text("payment");
  const auto one = integrated(world, payment, {second, first});
  const auto two = integrated(world, payment, {third}, "node-2");
  Json done = World::count(first, 400, 10);
  REQUIRE(world.run(world.members[0], "usage.report", world.report(one, 1, false, {done.set("ended", true), World::count(second, 10, 10)})).status() == 200);
  CHECK(world.last_event() == "integration:deviceEnded");
  CHECK(world.available(world.provider) == "0.4");
  CHECK(world.escrow(world.application) == "3");
  // What is said of a device that has ended changes nothing any more.
  REQUIRE(world.run(world.members[0], "usage.report", world.report(one, 2, true, {World::count(first, 900, 10), World::count(second, 500, 10)})).status() == 200);
  CHECK(world.available(world.provider) == "1.4");
  CHECK(world.escrow(world.application) == "1");
  CHECK(view(world, one).find("state")->as_string() == "ended");
  CHECK(view(world, two).find("state")->as_string() == "active");
  world.sweep_after(2 * kMinute);
  CHECK(world.escrow(world.application) == "0");
  CHECK(world.available(world.application) == "998.6");
}

TEST_CASE("retiring a device stops new payments, not running grants") {
  World world;
  const std::string urn = world.registered(R"({"perKilobyte":"1"})");
  const auto payment = world.paid(urn, R"("kilobytes":5)", "5");
  REQUIRE(world.run(world.provider, "device.retire", Json::object({{"id", urn}, {"version", 1}})).status() == 200);
  const auto integration = integrated(world, payment, {urn});
  REQUIRE(world.run(world.members[0], "usage.report", world.report(integration, 1, true, {World::count(urn, 5000, 1)})).status() == 200);
  CHECK(world.available(world.provider) == "5");
}

TEST_CASE("the access and the usage are in the graph, with the node that serves") {
  World world;
  const std::string urn = world.registered(R"({"perKilobyte":"1"})");
  const auto integration = integrated(world, world.paid(urn, R"("kilobytes":5)", "5"), {urn}, "");
  const auto typed = [&](const std::string& type) {
    const auto snapshot = world.snapshot();
    const auto& triples = snapshot->triples();
    const auto object = triples.find(ledger::Term::iri("https://w3id.org/agiddi/ontology#" + type));
    std::vector<std::string> subjects;
    if (object == ledger::kNoTerm) return subjects;
    triples.scan({ledger::kNoTerm, ledger::kNoTerm, object}, [&](auto s, auto, auto) {
      subjects.push_back(triples.term(s).value);
      return true;
    });
    return subjects;
  };
  const auto before = typed("DataAccess");
  REQUIRE(before.size() == 1);
  CHECK_FALSE(world.has_triple(before[0], "", "node-3"));
  REQUIRE(world.run(world.members[2], "integration.claim", claim(integration, "node-3")).status() == 200);
  REQUIRE(typed("DataAccess") == before);
  CHECK(world.has_triple(before[0], "", "node-3"));
  CHECK(typed("UsageReport").empty());
  REQUIRE(world.run(world.members[2], "usage.report", world.report(integration, 1, false, {World::count(urn, 100, 1)})).status() == 200);
  REQUIRE(world.run(world.members[2], "usage.report", world.report(integration, 2, false, {World::count(urn, 100, 1)})).status() == 200);   // nothing new
  CHECK(typed("UsageReport").size() == 1);
  REQUIRE(world.run(world.members[2], "usage.report", world.report(integration, 3, true, {World::count(urn, 200, 1)})).status() == 200);
  CHECK(typed("UsageReport").size() == 2);
}

TEST_CASE("an application says in which form it wants its measurements, from rules version 6 on") {
  World world(kRulesWithFormats);
  const std::string urn = world.registered(R"({"perMinute":"0.10"})");
  const auto asking = [&](const char* delivery) {
    Json body = world.access(world.paid(urn, R"("minutes":2)", "0.2"), {urn}, "node-1");
    return body.set("delivery", parse_json(delivery).value());
  };
  const auto made = world.run(world.application, "integration.create", asking(R"({"protocol":"mqtt","format":"senml"})"));
  INFO(made.detail());
  REQUIRE(made.status() == 201);
  CHECK(view(world, made.text("integration")).find("delivery")->dump() == R"({"protocol":"mqtt","format":"senml"})");
  const auto task = AccessService(*world.snapshot()).task(*Hash::from_hex(made.text("integration")));
  CHECK((task->senml && !task->linked_context));
  const auto linked = world.run(world.application, "integration.create", asking(R"({"protocol":"sse","format":"unified","context":"link"})"));
  REQUIRE(linked.status() == 201);
  CHECK(view(world, linked.text("integration")).find("delivery")->dump() == R"({"protocol":"sse","context":"link"})");
  for (const char* bad : {R"({"protocol":"mqtt","format":"csv"})", R"({"protocol":"mqtt","format":1})", R"({"protocol":"mqtt","context":"none"})", R"({"protocol":"mqtt","format":"senml","context":"link"})"}) {
    CHECK(world.at_door(world.application, "integration.create", asking(bad)) == Status::invalid);
  }
}

TEST_CASE("rules before version 6 take the forms for members that they do not know, and the door says which version has them") {
  World world(kRulesWithFormats - 1);
  const std::string urn = world.registered(R"({"perMinute":"0.10"})");
  const std::string payment = world.paid(urn, R"("minutes":2)", "0.2");
  const auto asking = [&](const char* name) { return world.access(payment, {urn}, "node-1").set("delivery", Json::object({{"protocol", "sse"}, {name, "senml"}})); };
  const auto refused = world.run(world.application, "integration.create", asking("format")), unknown = world.run(world.application, "integration.create", asking("farmat"));
  CHECK(refused.status() == 422);
  std::string as_unknown = unknown.receipt.result;
  for (std::size_t at; (at = as_unknown.find("farmat")) != std::string::npos;) as_unknown.replace(at, 6, "format");
  CHECK(refused.receipt.result == as_unknown);   // byte for byte what those rules said before
  const auto door = check_at_door(*world.executor, world.sign(world.application, "integration.create", asking("format")), *world.snapshot(), world.now);
  REQUIRE_FALSE(door);
  REQUIRE(door.error().fields.size() == 1);
  CHECK(door.error().fields.front().pointer == "/delivery/format");
  CHECK(door.error().fields.front().detail.find("rules version 6") != std::string::npos);
  CHECK(world.run(world.application, "integration.create", world.access(payment, {urn}, "node-1")).status() == 201);
}
