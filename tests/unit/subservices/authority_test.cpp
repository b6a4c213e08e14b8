// Payment authorities: how they come and go, which receipts pay, and what becomes of the money when one is taken back.
#include <functional>

#include "protocol/payment_receipt.h"
#include "subservices/payment/account_keys.h"
#include "subservices/payment/accounts.h"
#include "subservices/payment/payment_rules.h"
#include "world.h"

using namespace agiddi;
using namespace agiddi::subservices;
using namespace agiddi::subservices::test;

namespace authority_test {
namespace {

struct Market : World {
  Person bank{40}, stranger{41};
  std::string urn;

  explicit Market(std::uint32_t rules = kRulesWithAuthorities) : World(rules) {
    if (rules < kRulesWithAuthorities) return;
    REQUIRE(decide(addition("bank", bank)).text("state") == "decided");
    urn = station(R"({"perMinute":"0.10"})");
  }

  static Json addition(const std::string& id, const Person& key, const char* currency = "EUR") {
    return Json::object({{"change", "authority.add"}, {"id", id}, {"did", key.did}, {"currencies", Json::array({currency})}});
  }

  Answer decide(const Json& change) {
    const Answer proposed = run(members[0], "governance.propose", change);
    INFO(proposed.detail());
    REQUIRE(proposed.status() == 201);
    const Json vote = Json::object({{"proposal", proposed.text("proposal")}, {"vote", "yes"}});
    run(members[1], "governance.vote", vote);
    return run(members[2], "governance.vote", vote);
  }

  std::string station(const std::string& cost, const std::string& methods = R"(["bank"])") {
    Json one = device(cost);
    one.set("payment", parse(R"({"methods":)" + methods + "}"));
    const Answer answer = run(provider, "device.register", Json::object({{"devices", Json::array({one})}}));
    INFO(answer.detail());
    REQUIRE(answer.status() == 201);
    return answer.result.find("devices")->items()[0].find("id")->as_string();
  }

  // Ten minutes of the station for 1 EUR.
  PaymentReceipt receipt(const std::string& id) const {
    const ReceiptItem bought{*device_from_urn(urn), 1, 10'000, std::nullopt, 1'000'000};
    return {executor->genesis().network, "bank", id, application.did, items_digest(std::span(&bought, 1)), "EUR", 1'000'000, now / 1000 + 3'600};
  }
  Json purchase(const std::string& authorization) const {
    Json body = payment(item(urn, R"("minutes":10)", "1"), "1");
    body.set("method", "bank");
    if (!authorization.empty()) body.set("authorization", authorization);
    return body;
  }
  Answer pay(const std::string& authorization) { return run(application, "payment.create", purchase(authorization)); }
  Answer pay(const PaymentReceipt& good) { return pay(sign_receipt(bank.key, good)); }
  Answer reverse(const Person& who, const std::string& id) {
    return run(who, "receipt.reverse", Json::object({{"authority", "bank"}, {"receipt", id}, {"reason", "the card was stolen"}}));
  }

  // Ten minutes of each of some stations, with a receipt for all.
  std::string paid_for(const std::string& id, const std::vector<std::string>& urns) {
    Json items = Json::array();
    std::vector<ReceiptItem> bought;
    for (const std::string& one : urns) {
      items.push(item(one, R"("minutes":10)", "1"));
      bought.push_back({*device_from_urn(one), 1, 10'000, std::nullopt, 1'000'000});
    }
    PaymentReceipt all = receipt(id);
    all.items = items_digest(bought);
    all.total = static_cast<MicroUnits>(urns.size()) * 1'000'000;
    const Answer answer = run(application, "payment.create", payment(items, money_text(all.total)).set("method", "bank").set("authorization", sign_receipt(bank.key, all)));
    INFO(answer.detail());
    REQUIRE(answer.status() == 201);
    return answer.text("payment");
  }
  int rotate(const Person& account, const Person& to) {
    const Signature proof = to.key.sign(account_possession_bytes(executor->genesis().network, account.did, to.did));
    return run(account, "account.rotate", Json::object({{"account", account.did}, {"newKey", to.did}, {"possession", to_base64url(agiddi::view(proof))}})).status();
  }

  std::string purse(const Person& person, const char* part = "available") const {
    const auto state = snapshot();
    const auto account = PaymentService(*state).account(person.did);
    const Json* purses = account->find("purses");
    return purses ? purses->items()[0].find(part)->as_string() : "none";
  }
  Json shown(const std::string& id) const {
    const auto state = snapshot();
    return *PaymentService(*state).payment(id);
  }
};

std::string because(const Answer& answer) {
  INFO(answer.detail());
  CHECK(answer.status() == 402);
  return answer.detail();
}

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("members vote authorities in and out") {
  Market market;
  const auto listed = [&] {
    const auto state = market.snapshot();
    return PaymentService(*state).authorities().dump();
  };
  CHECK(listed() == R"({"authorities":[{"id":"bank","did":")" + market.bank.did + R"(","currencies":["EUR"]}]})");
  CHECK(market.run(market.members[0], "governance.propose", Market::addition("bank", market.bank)).status() == 409);
  CHECK(market.run(market.members[0], "governance.propose", Market::addition("other", market.bank)).status() == 409);
  CHECK(market.run(market.members[0], "governance.propose", Market::addition("credit", market.stranger)).status() == 422);
  CHECK(market.run(market.members[0], "governance.propose", Market::addition("x", market.stranger, "eur")).status() == 422);
  CHECK(market.run(market.application, "governance.propose", Market::addition("x", market.stranger)).status() == 403);
  CHECK(market.decide(Market::addition("bank", market.stranger, "LTC")).text("state") == "decided");
  CHECK(says(listed(), market.stranger.did));
  CHECK_FALSE(says(listed(), market.bank.did));
  CHECK(market.decide(Json::object({{"change", "authority.remove"}, {"id", "bank"}})).text("state") == "decided");
  CHECK(listed() == R"({"authorities":[]})");
  CHECK(market.run(market.members[0], "governance.propose", Json::object({{"change", "authority.remove"}, {"id", "bank"}})).status() == 404);
}

TEST_CASE("before rules version 5 there are no authorities") {
  Market market(kRulesWithAuthorities - 1);
  CHECK(market.run(market.members[0], "governance.propose", Market::addition("bank", market.bank)).status() == 422);
  const std::string urn = market.registered(R"({"perMinute":"0.10"})");
  Json body = market.payment(market.item(urn, R"("minutes":10)", "1"), "1");
  CHECK(market.run(market.application, "payment.create", body.set("method", "bank")).status() == 422);
  CHECK(market.at_door(market.bank, "receipt.reverse", parse(R"({"authority":"bank","receipt":"a","reason":"b"})")) == Status::invalid);
}

TEST_CASE("a receipt pays once, and its money lies apart from credit") {
  Market market;
  const std::string credit = market.available(market.application);
  const Answer paid = market.pay(market.receipt("order-1"));
  INFO(paid.detail());
  REQUIRE(paid.status() == 201);
  CHECK(market.available(market.application) == credit);
  CHECK(market.purse(market.application, "escrow") == "1");
  CHECK(market.shown(paid.text("payment")).find("receipt")->as_string() == "order-1");
  CHECK(says(because(market.pay(market.receipt("order-1"))), paid.text("payment")));
  CHECK(because(market.pay(std::string())) == because(market.pay(std::string())));   // without a receipt the purse pays, and it is empty

  // Nobody used it: it goes back into the purse, and buys again from there.
  market.sweep_after(2 * kHour);
  CHECK(market.purse(market.application) == "1");
  CHECK(market.pay(std::string()).status() == 201);
  CHECK(market.purse(market.application, "escrow") == "1");
}

TEST_CASE("a provider is paid in the authority's money, and the authority redeems it") {
  Market market;
  const std::string before = market.available(market.provider);
  const std::string payment = market.pay(market.receipt("order-1")).text("payment");
  const Answer made = market.run(market.application, "integration.create", market.access(payment, {market.urn}, "node-1"));
  REQUIRE(made.status() == 201);
  market.pass(5 * kMinute);
  const Answer report = market.run(market.members[0], "usage.report", market.report(made.text("integration"), 1, true, {World::count(market.urn, 100, 5 * kMinute)}));
  INFO(report.detail());
  REQUIRE(report.status() == 200);
  CHECK(market.purse(market.provider) == "0.5");
  CHECK(market.purse(market.application) == "0.5");
  CHECK(market.available(market.provider) == before);

  const auto move = [&](const Person& who, const char* act, const char* amount) {
    Json body = Json::object({{"currency", "EUR"}, {"amount", amount}, {"authority", "bank"}});
    if (act == std::string("credit.transfer")) body.set("to", market.bank.did);
    return market.run(who, act, body).status();
  };
  CHECK(move(market.provider, "credit.transfer", "0.6") == 402);
  CHECK(move(market.provider, "credit.redeem", "0.5") == 403);
  CHECK(move(market.issuer, "credit.redeem", "0.5") == 403);
  CHECK(move(market.provider, "credit.transfer", "0.5") == 201);
  CHECK(move(market.bank, "credit.redeem", "0.5") == 201);
  CHECK(market.purse(market.bank) == "0");
  CHECK(market.run(market.provider, "credit.transfer", parse(R"({"currency":"EUR","amount":"1","authority":"nobody","to":")" + market.bank.did + "\"}")).status() == 422);
}

TEST_CASE("a receipt that says anything else is refused with what is wrong") {
  Market market;
  const auto refused = [&](const std::function<void(PaymentReceipt&)>& change) {
    PaymentReceipt receipt = market.receipt("order-1");
    change(receipt);
    return because(market.pay(receipt));
  };
  CHECK(says(refused([](PaymentReceipt& r) { r.network = "demo-0000000000000000"; }), "another network"));
  CHECK(says(refused([&](PaymentReceipt& r) { r.payer = market.other.did; }), "another payer"));
  CHECK(says(refused([](PaymentReceipt& r) { r.total = 999'999; }), "is over 0.999999 EUR"));
  CHECK(says(refused([](PaymentReceipt& r) { r.currency = "LTC"; }), "LTC"));
  CHECK(says(refused([](PaymentReceipt& r) { r.items = blake2b("others"); }), "other items"));
  CHECK(says(refused([&](PaymentReceipt& r) { r.expires_s = market.now / 1000 - 1; }), "expired"));
  CHECK(says(because(market.pay(sign_receipt(market.stranger.key, market.receipt("order-1")))), "not signed by the key of bank"));
  CHECK(says(because(market.pay("a.b.c")), "base64url"));
  std::string bent = sign_receipt(market.bank.key, market.receipt("order-1"));
  bent[bent.size() - 10] = bent[bent.size() - 10] == 'A' ? 'B' : 'A';
  because(market.pay(bent));
  CHECK(market.purse(market.application) == "none");
  CHECK(market.pay(market.receipt("order-1")).status() == 201);   // what was refused used nothing up
}

TEST_CASE("methods, devices and currencies must fit the authority") {
  Market market;
  Json body = market.purchase("x");
  CHECK(market.run(market.application, "payment.create", body.set("method", "nobody")).status() == 422);
  const Answer on_credit = market.run(market.application, "payment.create", market.payment(market.item(market.urn, R"("minutes":10)", "1"), "1"));
  CHECK(on_credit.status() == 422);   // the station takes the bank's money alone
  market.urn = market.station(R"({"perMinute":"0.10","currency":"LTC"})");
  body = market.purchase("x");
  CHECK(market.run(market.application, "payment.create", body.set("currency", "LTC")).status() == 422);
  CHECK(market.decide(Json::object({{"change", "authority.remove"}, {"id", "bank"}})).text("state") == "decided");
  CHECK(market.pay(market.receipt("order-1")).status() == 422);
  Json one = market.device(R"({"perMinute":"0.10"})");
  one.set("payment", parse(R"({"methods":["bank"]})"));
  CHECK(market.run(market.provider, "device.register", Json::object({{"devices", Json::array({one})}})).status() == 422);
}

TEST_CASE("an unused receipt that was taken back pays nothing") {
  Market market;
  CHECK(market.reverse(market.stranger, "order-1").status() == 403);
  CHECK(market.reverse(market.bank, "order-1").status() == 200);
  CHECK(market.reverse(market.bank, "order-1").status() == 409);
  CHECK(says(because(market.pay(market.receipt("order-1"))), "the card was stolen"));
}

TEST_CASE("a reversal ends what was not used, and no money is left of it") {
  Market market;
  const std::string payment = market.pay(market.receipt("order-1")).text("payment");
  CHECK(market.reverse(market.bank, "order-1").text("payment") == payment);
  CHECK(market.last_event() == "payment:reversed");
  CHECK(market.purse(market.application) == "0");
  CHECK(market.purse(market.application, "escrow") == "0");
  CHECK(market.shown(payment).find("reversedBecause")->as_string() == "the card was stolen");
  CHECK(market.run(market.application, "integration.create", market.access(payment, {market.urn}, "node-1")).status() == 402);
}

TEST_CASE("a reversal stops a running integration: what was earned stays, the rest is gone") {
  Market market;
  const std::string payment = market.pay(market.receipt("order-1")).text("payment");
  const Answer made = market.run(market.application, "integration.create", market.access(payment, {market.urn}, "node-1"));
  REQUIRE(made.status() == 201);
  market.pass(2 * kMinute);
  CHECK(market.reverse(market.bank, "order-1").status() == 200);
  const Answer report = market.run(market.members[0], "usage.report", market.report(made.text("integration"), 1, true, {World::count(market.urn, 100, 2 * kMinute)}));
  INFO(report.detail());
  REQUIRE(report.status() == 200);
  CHECK(market.purse(market.provider) == "0.2");
  CHECK(market.purse(market.application) == "0");
  CHECK(market.purse(market.application, "escrow") == "0");
}

TEST_CASE("a reversal takes back what was refunded before, as far as it is there") {
  Market market;
  market.pay(market.receipt("order-1"));
  market.sweep_after(2 * kHour);
  REQUIRE(market.purse(market.application) == "1");
  CHECK(market.run(market.application, "credit.transfer", Json::object({{"to", market.other.did}, {"currency", "EUR"}, {"amount", "0.3"}, {"authority", "bank"}})).status() == 201);
  CHECK(market.reverse(market.bank, "order-1").status() == 200);
  CHECK(market.purse(market.application) == "0");
  CHECK(market.purse(market.other) == "0.3");   // the authority vouched for it
}

TEST_CASE("a reversal burns no money of another receipt") {
  Market market;
  const std::string second = market.station(R"({"perMinute":"0.10"})");
  market.paid_for("good", {market.urn, second});
  market.sweep_after(11 * kMinute);
  REQUIRE(market.purse(market.application) == "2");
  const std::string payment = market.paid_for("bad", {market.urn, second});
  REQUIRE(market.run(market.application, "integration.create", market.access(payment, {market.urn, second})).status() == 201);   // claimed by nobody
  CHECK(market.reverse(market.bank, "bad").status() == 200);
  CHECK(market.purse(market.application) == "2");
  CHECK(market.shown(payment).find("items")->items()[1].find("refunded")->as_string() == "0");
}

TEST_CASE("a reversal finds an integration that has earned with one device and closes with another") {
  Market market;
  const std::string second = market.station(R"({"perMinute":"0.10"})");
  const std::string payment = market.paid_for("bad", {market.urn, second});
  const std::string id = market.run(market.application, "integration.create", market.access(payment, {market.urn, second}, "node-1")).text("integration");
  market.pass(5 * kMinute);
  Json ended = World::count(market.urn, 10, 5 * kMinute);
  CHECK(market.run(market.members[0], "usage.report", market.report(id, 1, false, {ended.set("ended", true)})).status() == 200);
  CHECK(market.purse(market.application) == "0.5");
  CHECK(market.run(market.application, "integration.close", Json::object({{"integration", id}})).status() == 200);
  CHECK(market.reverse(market.bank, "bad").status() == 200);
  CHECK(market.purse(market.application) == "0");
  CHECK(market.run(market.members[0], "usage.report", market.report(id, 2, true, {World::count(second, 10, 5 * kMinute)})).status() == 200);
  CHECK(market.purse(market.provider) == "1");
  CHECK(market.purse(market.application) == "0");
}

TEST_CASE("an integration whose payment was reversed says so, also when its node is silent") {
  Market market;
  const std::string payment = market.pay(market.receipt("order-1")).text("payment");
  const std::string id = market.run(market.application, "integration.create", market.access(payment, {market.urn}, "node-1")).text("integration");
  CHECK(market.reverse(market.bank, "order-1").status() == 200);
  market.sweep_after(kSettleGrace_ms + kSecond);
  CHECK(market.last_event() == "integration:ended");
  CHECK(market.events.back().data.find("because")->as_string() == "its payment was reversed");
}

TEST_CASE("an authority's key that was rotated away signs no receipt, and its new one does") {
  Market market;
  REQUIRE(market.rotate(market.bank, market.stranger) == 200);
  CHECK(says(because(market.pay(market.receipt("order-1"))), "not signed by the key of bank"));
  CHECK(market.pay(sign_receipt(market.stranger.key, market.receipt("order-1"))).status() == 201);
  CHECK(market.reverse(market.stranger, "order-1").status() == 200);
}

TEST_CASE("a receipt of one authority pays at no other, whatever key signed it") {
  Market market;
  PaymentReceipt receipt = market.receipt("order-1");
  receipt.authority = "card";
  CHECK(says(because(market.pay(receipt)), "not of bank"));
  REQUIRE(market.decide(Json::object({{"change", "authority.remove"}, {"id", "bank"}})).text("state") == "decided");
  CHECK(market.run(market.members[0], "governance.propose", Market::addition("card", market.bank)).status() == 409);      // its key was bank's
  CHECK(market.run(market.members[0], "governance.propose", Market::addition("bank", market.stranger)).status() == 409);  // its purse is another's
  CHECK(market.decide(Market::addition("bank", market.bank)).text("state") == "decided");
  CHECK(market.pay(market.receipt("order-1")).status() == 201);
}

TEST_CASE("an authority's key acts for no other account") {
  Market market;
  const Person fresh(42);
  REQUIRE(market.rotate(market.stranger, fresh) == 200);
  CHECK(market.run(market.members[0], "governance.propose", Market::addition("card", fresh)).status() == 409);
  CHECK(market.run(market.members[0], "governance.propose", Market::addition("card", market.stranger)).status() == 409);
  CHECK(market.rotate(market.other, market.bank) == 409);
}

}  // namespace authority_test
