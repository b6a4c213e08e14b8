// Step 3: quotes, payments into escrow, accounts, and credit that comes in and goes out.
#include "world.h"

using namespace agiddi;
using namespace agiddi::subservices;
using namespace agiddi::subservices::test;

namespace {

Result<Json> quote(const World& world, const std::string& items) {
  const auto snapshot = world.snapshot();
  return PaymentService(*snapshot).quote(parse(R"({"items":)" + items + "}"));
}

int quote_status(const World& world, const std::string& items) {
  const auto answer = quote(world, items);
  return answer ? 200 : static_cast<int>(answer.error().status);
}

}  // namespace

TEST_CASE("a quote is exact in the declared price's own unit") {
  World world;
  struct Case { const char *cost, *bought, *amount; };
  for (const auto& [cost, bought, amount] : {Case{R"({"perMinute":"0.10"})", R"("minutes":5)", "0.5"},
                                             Case{R"({"perHour":"0.10"})", R"("minutes":300)", "0.5"},
                                             Case{R"({"perMegabyte":"0.02"})", R"("kilobytes":25000)", "0.5"},
                                             Case{R"({"perDay":"1"})", R"("minutes":1)", "0.000695"},
                                             Case{R"({"perHour":"0.01"})", R"("minutes":0.001)", "0.000001"},
                                             Case{R"({"perMinute":"0.10","perKilobyte":"0.003"})", R"("minutes":2,"kilobytes":10.5)", "0.2315"},
                                             Case{R"({"perMinute":"0"})", R"("minutes":2)", "0"}}) {
    const std::string urn = world.registered(cost);
    const auto answer = quote(world, R"([{"device":")" + urn + R"(",)" + bought + "}]");
    REQUIRE(answer.has_value());
    const Json& item = answer->find("items")->items()[0];
    CHECK(item.find("amount")->as_string() == amount);
    CHECK(item.find("version")->number_text() == "1");
    CHECK(item.find("provider")->as_string() == world.provider.did);
    CHECK(answer->find("total")->as_string() == amount);
    CHECK(answer->find("currency")->as_string() == "EUR");
  }
}

TEST_CASE("what a quote refuses") {
  World world;
  const std::string time = world.registered(R"({"perMinute":"0.10"})"), dollars = world.registered(R"({"currency":"USD","perMinute":"1"})"),
                    dear = world.registered(R"({"perMinute":"9000000000000"})");
  const auto item = [](const std::string& urn, const std::string& rest) { return R"({"device":")" + urn + "\"" + rest + "}"; };
  for (const char* rest : {"", R"(,"minutes":0)", R"(,"minutes":-1)", R"(,"minutes":0.0001)", R"(,"kilobytes":5)", R"(,"minutes":"5")", R"(,"hours":1)",
                           R"(,"minutes":1e15)"}) {
    INFO(rest);
    CHECK(quote_status(world, "[" + item(time, rest) + "]") == 422);
  }
  CHECK(quote_status(world, "[]") == 422);
  CHECK(quote_status(world, "[" + item(time, R"(,"minutes":1)") + "," + item(time, R"(,"minutes":2)") + "]") == 422);
  CHECK(quote_status(world, "[" + item(time, R"(,"minutes":1)") + "," + item(dollars, R"(,"minutes":1)") + "]") == 422);
  CHECK(quote_status(world, "[" + item(dear, R"(,"minutes":1)") + "]") == 200);
  CHECK(quote_status(world, "[" + item(dear, R"(,"minutes":1.5)") + "]") == 422);
  CHECK(quote_status(world, "[" + item(dear, R"(,"minutes":1)") + "," + item(time, R"(,"minutes":1)") + "]") == 422);
  CHECK(quote_status(world, "[" + item(device_urn(Hash{}), R"(,"minutes":1)") + "]") == 404);
  CHECK(quote_status(world, "[" + item("urn:else", R"(,"minutes":1)") + "]") == 422);
}

TEST_CASE("a payment lies in escrow, on the record and in the graph") {
  World world;
  const std::string urn = world.registered(R"({"perMinute":"0.10","perKilobyte":"0.003"})");
  const auto transaction = world.sign(world.application, "payment.create",
                                      world.payment(world.item(urn, R"("minutes":2,"kilobytes":10.5)", "0.2315"), "0.2315"));
  const auto answer = world.block({transaction}).front();
  INFO(answer.detail());
  REQUIRE(answer.status() == 201);
  const std::string id = payment_id(transaction.id).hex();
  CHECK(answer.text("payment") == id);
  CHECK(world.available(world.application) == "999.7685");
  CHECK(world.escrow(world.application) == "0.2315");
  CHECK(world.last_event() == "payment:created");
  CHECK(world.has_triple("urn:agiddi:payment:" + id, "type", "Payment"));

  const auto snapshot = world.snapshot();
  const auto full = answer_for(*snapshot, transaction, answer.receipt, snapshot->height(), world.now);
  CHECK(full->find("height")->number_text() == "2");
  CHECK(full->find("timestamp")->as_string() == time_text(world.now));
  const auto record = PaymentService(*snapshot).payment(id);
  REQUIRE(record.has_value());
  CHECK(record->find("payer")->as_string() == world.application.did);
  CHECK(record->find("timestamp")->as_string() == time_text(world.now));
  const Json& item = record->find("items")->items()[0];
  CHECK(item.find("minutesAmount")->as_string() == "0.2");
  CHECK(item.find("kilobytesAmount")->as_string() == "0.0315");
  CHECK(item.find("seconds")->number_text() == "120");
  CHECK(item.find("bytes")->number_text() == "10500");
  CHECK(item.find("state")->as_string() == "open");
  CHECK(heartbeat_wanted(*snapshot));
}

TEST_CASE("what a payment refuses, and that nothing moves then") {
  World world;
  const std::string urn = world.registered(R"({"perMinute":"0.10"})");
  const Json item = world.item(urn, R"("minutes":10)", "1");
  const Json good = world.payment(item, "1");
  const auto with = [&](const char* name, Json value) { Json json = good; return json.set(name, std::move(value)); };
  const auto items = [&](std::vector<Json> list) { return with("items", Json(Json::Array(std::move(list)))); };
  const auto changed = [&](const char* name, Json value) { Json json = item; return json.set(name, std::move(value)); };
  struct Case { Json body; int status; };
  const std::vector<Case> cases = {
      {with("total", "0.9"), 422},
      {with("total", "1.0000001"), 422},
      {with("total", 1), 422},
      {with("currency", "USD"), 422},
      {with("currency", "eur"), 422},
      {with("method", "cowries"), 422},
      {with("authorization", "x"), 422},
      {with("starts", "tomorrow"), 422},
      {with("tip", "1"), 422},
      {items({}), 422},
      {items({item, item}), 422},
      {items({changed("amount", "0.9")}), 422},
      {items({changed("amount", "1.1")}), 422},
      {items({changed("minutes", 11)}), 422},
      {items({changed("kilobytes", 1)}), 422},
      {items({changed("version", 7)}), 409},
      {items({changed("device", device_urn(Hash{}))}), 404},
      {with("payer", world.other.did), 403},
      {with("payer", "did:web:example.org"), 422},
  };
  for (const auto& [body, status] : cases) {
    INFO(body.dump());
    const auto at_door = world.at_door(world.application, "payment.create", body);
    CHECK(at_door == (status == 422 ? Status::invalid : Status::ok));
    const auto answer = world.run(world.application, "payment.create", body);
    INFO(answer.detail());
    CHECK(answer.status() == status);
    CHECK(world.events.empty());
  }
  CHECK(world.run(world.poor, "payment.create", with("payer", world.poor.did)).status() == 402);
  CHECK(world.available(world.application) == "1000");
  CHECK(world.escrow(world.application) == "0");
  CHECK_FALSE(heartbeat_wanted(*world.snapshot()));
  CHECK(world.run(world.application, "payment.create", good).status() == 201);
}

TEST_CASE("a payment cannot pass what the account holds, to the micro-unit") {
  World world;
  const std::string urn = world.registered(R"({"perMinute":"0.000001"})"), whole = world.registered(R"({"perMinute":"1000"})");
  const auto pay = [&](const std::string& device, const char* quantity, const char* amount) {
    return world.run(world.application, "payment.create", world.payment(world.item(device, quantity, amount), amount)).status();
  };
  CHECK(pay(urn, R"("minutes":1)", "0.000001") == 201);
  CHECK(pay(whole, R"("minutes":1)", "1000") == 402);
  CHECK(world.available(world.application) == "999.999999");
}

TEST_CASE("a payee may be another account than the provider's") {
  World world;
  Json device = world.device(R"({"perKilobyte":"1"})");
  device.set("payment", Json::object({{"methods", Json::array({"credit"})}, {"address", world.poor.did}}));
  const auto answer = world.run(world.provider, "device.register", Json::object({{"devices", Json::array({device})}}));
  REQUIRE(answer.status() == 201);
  const std::string urn = answer.result.find("devices")->items()[0].find("id")->as_string();
  const auto payment = world.paid(urn, R"("kilobytes":2)", "2");
  const auto made = world.run(world.application, "integration.create", world.access(payment, {urn}, "node-1"));
  REQUIRE(made.status() == 201);
  REQUIRE(world.run(world.members[0], "usage.report", world.report(made.text("integration"), 1, true, {World::count(urn, 2000, 10)})).status() == 200);
  CHECK(world.available(world.poor) == "2");
  CHECK(world.available(world.provider) == "none");
}

TEST_CASE("a payment that nobody integrates goes back: time after T, data after 30 days") {
  World world;
  const std::string time = world.registered(R"({"perMinute":"1"})"), data = world.registered(R"({"perKilobyte":"1"})");
  const auto first = world.paid(time, R"("minutes":10)", "10");
  const auto second = world.paid(data, R"("kilobytes":5)", "5");
  const auto third = world.paid(time, R"("minutes":10)", "10", "integration");   // T has not begun
  CHECK(world.escrow(world.application) == "25");
  world.sweep_after(10 * kMinute - 4);
  CHECK(world.escrow(world.application) == "25");
  world.sweep_after(3);
  CHECK(world.escrow(world.application) == "15");
  const auto state = [&](const std::string& payment) {
    const auto snapshot = world.snapshot();
    return PaymentService(*snapshot).payment(payment)->find("items")->items()[0].find("state")->as_string();
  };
  CHECK(state(first) == "settled");
  CHECK(state(second) == "open");
  CHECK(world.run(world.application, "integration.create", world.access(first, {time})).status() == 402);
  world.sweep_after(30 * kDay - 20 * kMinute);
  CHECK(world.escrow(world.application) == "15");
  world.sweep_after(20 * kMinute);
  CHECK(world.escrow(world.application) == "0");
  CHECK(state(third) == "settled");
  CHECK(world.available(world.application) == "1000");
  CHECK_FALSE(heartbeat_wanted(*world.snapshot()));
}

TEST_CASE("credit is minted and redeemed by issuers and transferred by its holders") {
  World world;
  const auto credit = [&](const std::string& amount, const std::string& to = "") {
    Json json = Json::object({{"currency", "EUR"}, {"amount", amount}});
    return to.empty() ? json : json.set("to", to);
  };
  CHECK(world.run(world.application, "credit.mint", credit("5", world.poor.did)).status() == 403);
  CHECK(world.run(world.issuer, "credit.mint", credit("5", world.poor.did)).status() == 201);
  CHECK(world.run(world.issuer, "credit.mint", credit("0", world.poor.did)).status() == 422);
  CHECK(world.run(world.issuer, "credit.mint", credit("9000000000000", world.poor.did)).status() == 201);
  CHECK(world.run(world.issuer, "credit.mint", credit("9000000000000", world.poor.did)).status() == 422);   // past what an amount can express
  CHECK(world.run(world.poor, "credit.transfer", credit("5", world.issuer.did)).status() == 201);
  CHECK(world.run(world.application, "credit.transfer", credit("1000.000001", world.issuer.did)).status() == 402);
  CHECK(world.run(world.poor, "credit.redeem", credit("1")).status() == 403);
  CHECK(world.run(world.issuer, "credit.redeem", credit("6")).status() == 402);
  CHECK(world.run(world.issuer, "credit.redeem", credit("5")).status() == 201);
  CHECK(world.available(world.poor) == "9000000000000");
  CHECK(world.available(world.issuer) == "0");
  CHECK(world.run(world.poor, "credit.transfer", credit("1", world.poor.did)).status() == 201);   // to oneself changes nothing
  CHECK(world.available(world.poor) == "9000000000000");
}

TEST_CASE("unknown payments and accounts") {
  World world;
  const auto snapshot = world.snapshot();
  const PaymentService service(*snapshot);
  CHECK(service.payment(Hash{}.hex()).error().status == Status::not_found);
  CHECK(service.payment("nothing").error().status == Status::not_found);
  CHECK(service.account("nobody").error().status == Status::not_found);
  CHECK(service.account(world.poor.did)->find("balances")->items().empty());
  CHECK(service.account(world.other.did)->find("balances")->items().size() == 2);
}
