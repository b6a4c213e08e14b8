// Admission: who may put documents on the ledger, and how many a day.
#include "subservices/governance/admission_rules.h"
#include "subservices/payment/account_keys.h"
#include "world.h"

using namespace agiddi;
using namespace agiddi::subservices;
using namespace agiddi::subservices::test;

namespace admission_test {
namespace {

struct Gate : World {
  explicit Gate(std::uint32_t rules = kRulesWithAdmission) : World(rules) {}

  Answer set(const char* policy) {
    Json body = parse(policy);
    const Answer proposed = run(members[0], "governance.propose", body.set("change", "admission"));
    INFO(proposed.detail());
    REQUIRE(proposed.status() == 201);
    const Json vote = Json::object({{"proposal", proposed.text("proposal")}, {"vote", "yes"}});
    run(members[1], "governance.vote", vote);
    return run(members[2], "governance.vote", vote);
  }
  Json gift(const char* amount = "1") const { return Json::object({{"to", other.did}, {"currency", "EUR"}, {"amount", amount}}); }
  int give(const Person& who, const char* amount = "1") { return run(who, "credit.transfer", gift(amount)).status(); }
  int admit_account(const Person& by, const Person& whom, bool admitted = true) {
    return run(by, "account.admit", Json::object({{"account", whom.did}, {"admitted", admitted}})).status();
  }
  std::string policy() const {
    const auto state = snapshot();
    return admission_json(admission_of(StateView(state->state())).value_or(records::Admission{})).dump();
  }
};

}  // namespace

TEST_CASE("a network is open without quotas until its members say otherwise") {
  Gate gate;
  CHECK(gate.policy() == R"({"mode":"open"})");
  CHECK(gate.give(gate.application) == 201);
  CHECK(gate.set(R"({"mode":"listed","documentsPerDay":5,"kilobytesPerDay":2})").text("state") == "decided");
  CHECK(gate.policy() == R"({"mode":"listed","documentsPerDay":5,"kilobytesPerDay":2})");
  CHECK(gate.run(gate.members[0], "governance.propose", parse(R"({"change":"admission","mode":"listed","documentsPerDay":5,"kilobytesPerDay":2})")).status() == 409);
  CHECK(gate.run(gate.application, "governance.propose", parse(R"({"change":"admission","mode":"open"})")).status() == 403);
  CHECK(gate.set(R"({"mode":"open"})").text("state") == "decided");
  CHECK(gate.give(gate.application) == 201);
}

TEST_CASE("where accounts are listed, a member admits and dismisses them") {
  Gate gate;
  gate.set(R"({"mode":"listed"})");
  CHECK(gate.give(gate.application) == 403);
  CHECK(gate.at_door(gate.application, "credit.transfer", gate.gift()) == Status::forbidden);
  CHECK(gate.run(gate.issuer, "credit.mint", gate.gift()).status() == 201);       // an issuer needs no admission
  CHECK(gate.admit_account(gate.application, gate.application) == 403);
  CHECK(gate.admit_account(gate.members[3], gate.application) == 200);
  CHECK(gate.give(gate.application) == 201);
  CHECK(gate.admit_account(gate.members[0], gate.application, false) == 200);
  CHECK(gate.admit_account(gate.members[0], gate.application, false) == 404);
  CHECK(gate.give(gate.application) == 403);
}

TEST_CASE("a day's quota of documents holds for what is rejected too, and begins anew") {
  Gate gate;
  gate.set(R"({"mode":"open","documentsPerDay":3})");
  CHECK(gate.give(gate.application) == 201);
  CHECK(gate.give(gate.application, "99999999") == 402);
  CHECK(gate.give(gate.application) == 201);
  CHECK(gate.give(gate.application) == 403);                                       // in a block, where several come at once
  CHECK(gate.at_door(gate.application, "credit.transfer", gate.gift()) == Status::overloaded);
  CHECK(gate.run(gate.issuer, "credit.mint", gate.gift()).status() == 201);       // each account has its own
  CHECK(gate.admit_account(gate.members[0], gate.application) == 200);            // members have none
  gate.sweep_after(kDay_ms);
  CHECK(gate.give(gate.application) == 201);
}

TEST_CASE("a day's quota of bytes counts bodies") {
  Gate gate;
  gate.set(R"({"mode":"open","kilobytesPerDay":1})");
  const int size = static_cast<int>(gate.gift().dump().size());
  for (int sent = 0; sent + size <= 1'000; sent += size) CHECK(gate.give(gate.application) == 201);
  CHECK(gate.give(gate.application) == 403);
}

TEST_CASE("what an admission refused in a block can be read again") {
  Gate gate;
  gate.set(R"({"mode":"open","documentsPerDay":1})");
  CHECK(gate.give(gate.application) == 201);
  const Transaction second = gate.sign(gate.application, "credit.transfer", gate.gift());
  CHECK(static_cast<int>(gate.block({second}).front().receipt.status) == 403);
  const auto known = gate.snapshot()->transaction(second.id);
  REQUIRE(known);
  CHECK(known->receipt.status == Status::forbidden);
}

TEST_CASE("yesterday's counts are forgotten") {
  Gate gate;
  gate.set(R"({"mode":"open","documentsPerDay":1})");
  for (int seed = 140; seed < 160; ++seed) gate.give(Person(seed));
  const auto days = [&] {
    std::size_t count = 0;
    const auto state = gate.snapshot();
    ledger::StateOverlay(state->state()).scan(Bytes("u"), [&](BytesView, BytesView) { return ++count > 0; });
    return count;
  };
  CHECK(days() == 20);
  gate.sweep_after(kDay_ms);
  CHECK(days() == 0);
}

TEST_CASE("a key that was rotated away passes no admission; a key that acts for an account is admitted as that") {
  Gate gate;
  const Person fresh(43);
  const Signature proof = fresh.key.sign(account_possession_bytes(gate.executor->genesis().network, gate.application.did, fresh.did));
  REQUIRE(gate.run(gate.application, "account.rotate", Json::object({{"account", gate.application.did}, {"newKey", fresh.did}, {"possession", to_base64url(agiddi::view(proof))}})).status() == 200);
  gate.set(R"({"mode":"listed"})");
  CHECK(gate.at_door(gate.application, "credit.transfer", gate.gift()) == Status::forbidden);
  CHECK(gate.at_door(fresh, "credit.transfer", gate.gift()) == Status::forbidden);
  CHECK(gate.admit_account(gate.members[0], fresh) == 200);
  CHECK(gate.give(fresh) == 201);
  CHECK(gate.at_door(gate.application, "credit.transfer", gate.gift()) == Status::forbidden);
}

TEST_CASE("before rules version 5 nobody is kept out") {
  Gate gate(kRulesWithAdmission - 1);
  CHECK(gate.run(gate.members[0], "governance.propose", parse(R"({"change":"admission","mode":"listed"})")).status() == 422);
  CHECK(gate.at_door(gate.members[0], "account.admit", parse(R"({"account":"x","admitted":true})")) == Status::invalid);
}

}  // namespace admission_test
