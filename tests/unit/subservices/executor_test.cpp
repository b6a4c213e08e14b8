// What comes before every rule, what a block is made of, and the two laws: money is conserved, and one chain gives one state.
#include <map>
#include <random>

#include "ledger/check_store.h"
#include "ledger/layout.h"
#include "ledger/snapshot.h"
#include "subservices/derived_triples.h"
#include "subservices/genesis_state.h"
#include "subservices/records.h"
#include "subservices/state_keys.h"
#include "world.h"

using namespace agiddi;
using namespace agiddi::subservices;
using namespace agiddi::subservices::test;

namespace {

std::size_t count_records(const World& world, char letter) {
  std::size_t count = 0;
  const auto snapshot = world.snapshot();
  snapshot->state().scan(ledger::Column::state, Bytes(1, letter), Bytes(1, static_cast<char>(letter + 1)), [&](BytesView, BytesView) {
    ++count;
    return true;
  });
  return count;
}

Transaction resign(const World& world, const Person& signer, ProtectedHeader header, const Bytes& body) {
  header.kid = signer.did;
  if (header.network.empty()) header.network = world.executor->genesis().network;
  return *parse_transaction(sign_document(signer.key, header, body), body);
}

}  // namespace

TEST_CASE("network, action and window come before everything: 401, and the jti is not used up") {
  World world(GENERATE(1u, kRulesVersionMax));
  const Bytes body = Json::object({{"to", world.poor.did}, {"currency", "EUR"}, {"amount", "1"}}).dump();
  const std::int64_t now_s = world.now / 1000;
  const auto status = [&](const ProtectedHeader& header) { return world.block({resign(world, world.application, header, body)}).front().status(); };
  CHECK(status({"", "other-0123456789abcdef", "credit.transfer", now_s, "one"}) == 401);
  CHECK(status({"", "", "credit.steal", now_s, "one"}) == 401);
  CHECK(status({"", "", "integration.credentials", now_s, "one"}) == 401);   // never on the ledger
  CHECK(status({"", "", "credit.transfer", now_s - 601, "one"}) == 401);
  CHECK(status({"", "", "credit.transfer", now_s + 61, "one"}) == 401);
  CHECK(status({"", "", "credit.transfer", now_s - 600, "one"}) == 401);     // by the milliseconds of the blocks before
  CHECK(status({"", "", "credit.transfer", now_s + 60, "one"}) == 201);
  CHECK(status({"", "", "credit.transfer", now_s + 1, "one"}) == 409);
  CHECK(status({"", "", "credit.transfer", now_s - 599, "two"}) == 201);
  const auto door = check_at_door(*world.executor, resign(world, world.application, {"", "other", "credit.transfer", now_s, "x"}, body), *world.snapshot(), world.now);
  CHECK(door.error().status == Status::unauthorized);
}

TEST_CASE("a document that reached a block keeps its outcome and its jti, also when it was rejected") {
  World world(GENERATE(1u, kRulesVersionMax));
  const auto poor = world.sign(world.poor, "credit.transfer", Json::object({{"to", world.other.did}, {"currency", "EUR"}, {"amount", "1"}}), "once");
  CHECK(world.block({poor}).front().status() == 402);
  REQUIRE(world.run(world.application, "credit.transfer", Json::object({{"to", world.poor.did}, {"currency", "EUR"}, {"amount", "9"}})).status() == 201);
  CHECK(world.block({poor}).front().status() == 409);                                  // came before
  CHECK(world.snapshot()->transaction(poor.id)->receipt.status == Status::payment_required);
  const auto second = world.sign(world.poor, "credit.transfer", Json::object({{"to", world.other.did}, {"currency", "EUR"}, {"amount", "2"}}), "once");
  CHECK(world.block({second}).front().status() == 409);                                // the jti of another document
  const auto twice = world.sign(world.poor, "credit.transfer", Json::object({{"to", world.other.did}, {"currency", "EUR"}, {"amount", "2"}}));
  const auto answers = world.block({twice, twice});
  CHECK((answers[0].status() == 201 && answers[1].status() == 409));
  CHECK(world.available(world.poor) == "7");
}

TEST_CASE("seen documents are forgotten when their window has passed, a bounded number in each block") {
  World world;
  std::vector<Transaction> transactions;
  for (std::size_t i = 0; i < kSweepMax + 500; ++i) transactions.push_back(world.sign(world.poor, "governance.propose", Json::object({})));
  for (const auto& answer : world.block(std::move(transactions))) REQUIRE(answer.status() == 422);
  CHECK(count_records(world, 'S') == kSweepMax + 500);
  world.sweep_after(10 * kMinute - kSecond);
  CHECK(count_records(world, 'S') == kSweepMax + 500);
  world.sweep_after(2 * kSecond);
  CHECK(count_records(world, 'S') == 500);
  world.sweep_after(1);
  CHECK(count_records(world, 'S') == 0);
  CHECK(count_records(world, 'E') == 0);
}

TEST_CASE("from rules version 6 on, what a block saw is forgotten together, and nobody waits for it") {
  World world(kRulesWithFewerKeys);
  const Json body = Json::object({{"to", world.poor.did}, {"currency", "EUR"}, {"amount", "1"}});
  const std::int64_t now_s = world.now / 1000;
  const auto given = [&](std::int64_t issued_s, const std::string& jti, const std::string& amount) {
    Json other = body;
    other.set("amount", amount);
    return resign(world, world.application, {"", "", "credit.transfer", issued_s, jti}, other.dump());
  };
  const auto old = given(now_s - 590, "old", "1"), young = given(now_s, "young", "2");
  for (const auto& answer : world.block({old, young})) REQUIRE(answer.status() == 201);
  CHECK((count_records(world, 'S') == 2 && count_records(world, 'E') == 1));

  world.pass(20 * kSecond);
  CHECK(world.block({old}).front().status() == 401);                             // out of its window; its record is still there
  const auto again = given(now_s + 20, "old", "3");
  CHECK(world.block({given(now_s + 20, "young", "3")}).front().status() == 409);
  CHECK(world.block({again}).front().status() == 201);                           // its jti is free
  CHECK(world.block({given(now_s + 21, "old", "4")}).front().status() == 409);   // and taken once more

  world.sweep_after(595 * kSecond);   // the first block's list is due, the second's is not
  CHECK((count_records(world, 'S') == 1 && count_records(world, 'E') == 1));
  CHECK(world.block({again}).front().status() == 409);
  world.sweep_after(30 * kSecond);
  CHECK((count_records(world, 'S') == 0 && count_records(world, 'E') == 0));

  std::vector<Transaction> transactions;
  for (std::size_t i = 0; i < kSweepMax + 500; ++i) transactions.push_back(world.sign(world.poor, "governance.propose", Json::object({})));
  for (const auto& answer : world.block(std::move(transactions))) REQUIRE(answer.status() == 422);
  CHECK((count_records(world, 'S') == kSweepMax + 500 && count_records(world, 'E') == 1));
  world.sweep_after(11 * kMinute);
  CHECK((count_records(world, 'S') == 0 && count_records(world, 'E') == 0));
}

TEST_CASE("a document that came before its time is remembered for itself, however far its time is") {
  World world(kRulesWithFewerKeys);
  const Json body = Json::object({{"to", world.poor.did}, {"currency", "EUR"}, {"amount", "1"}});
  const std::int64_t now_s = world.now / 1000;
  const auto far = resign(world, world.application, {"", "", "credit.transfer", now_s + 1'000'000, "far"}, body.dump());
  const auto answers = world.block({far, world.sign(world.application, "credit.transfer", body)});
  CHECK((answers[0].status() == 401 && answers[1].status() == 201));
  CHECK(count_records(world, 'E') == 2);
  world.sweep_after(11 * kMinute);
  CHECK((count_records(world, 'S') == 1 && count_records(world, 'E') == 1));   // the others of its block do not wait for it
}

TEST_CASE("a jti that is used again is remembered anew, whatever remembers its first use") {
  const bool since_before = GENERATE(false, true);   // the first document came under rules that wrote an entry for each
  World world(since_before ? kRulesWithFewerKeys - 1 : kRulesWithFewerKeys);
  if (since_before) {
    const auto proposal = world.run(world.members[0], "governance.propose", Json::object({{"change", "rules"}, {"version", kRulesWithFewerKeys}}));
    for (const int member : {1, 2}) world.run(world.members[member], "governance.vote", Json::object({{"proposal", proposal.text("proposal")}, {"vote", "yes"}}));
  }
  // More than one block sweeps, and due before the jti.
  std::vector<Transaction> crowd;
  for (std::size_t i = 0; i < kSweepMax + 1; ++i) crowd.push_back(world.sign(world.poor, "governance.propose", Json::object({})));
  world.block(std::move(crowd));
  world.pass(2 * kSecond);
  const auto transfer = [&](const char* amount) { return world.sign(world.application, "credit.transfer", Json::object({{"to", world.poor.did}, {"currency", "EUR"}, {"amount", amount}}), "again"); };
  REQUIRE(world.block({transfer("1")}).front().status() == 201);
  if (since_before) {
    while (world.ledger->height() < limits::kWindowHeights + 10) world.block({});
  }
  world.pass(10 * kMinute + 2 * kSecond);
  const auto second = transfer("2");
  CHECK(world.block({second}).front().status() == 201);   // the first was over
  CHECK(world.block({second}).front().status() == 409);
  CHECK(world.block({second}).front().status() == 409);
  CHECK(world.available(world.poor) == "3");
  world.sweep_after(11 * kMinute);
  CHECK(count_records(world, 'S') == 0);
  CHECK(count_records(world, 'E') == 0);
}

TEST_CASE("bodies that are no JSON, or JSON with a name twice") {
  World world;
  CHECK(world.block({world.sign_text(world.application, "payment.create", "{")}).front().status() == 400);
  CHECK(world.block({world.sign_text(world.application, "payment.create", R"({"payer":1,"payer":2})")}).front().status() == 422);
  CHECK(world.block({world.sign_text(world.application, "payment.create", "[]")}).front().status() == 422);
  CHECK(world.block({world.sign_text(world.application, "device.register", "null")}).front().status() == 422);
  for (const char* action : {"device.register", "device.update", "device.retire", "payment.create", "integration.create", "integration.close", "integration.claim",
                             "usage.report", "credit.mint", "credit.transfer", "credit.redeem"}) {
    INFO(action);
    CHECK(is_known_action(action));
    CHECK(world.block({world.sign_text(world.application, action, "{}")}).front().status() == 422);
  }
  CHECK((is_member_action("usage.report") && is_member_action("integration.claim") && !is_member_action("payment.create")));
}

TEST_CASE("the header says what the block is") {
  World world;
  const auto transaction = world.sign(world.application, "credit.transfer", Json::object({{"to", world.poor.did}, {"currency", "EUR"}, {"amount", "1"}}));
  const Hash before = world.snapshot()->header_hash();
  world.block({transaction});
  const auto snapshot = world.snapshot();
  const auto block = snapshot->block(1);
  REQUIRE(block.has_value());
  CHECK(block->header.previous_hash == before);
  CHECK(block->header.batch_digest == block->batch.digest());
  CHECK(block->header.transaction_root == merkle_root({Bytes(transaction.id.view())}));
  CHECK(block->header.receipt_root == merkle_root({encode_receipt(block->receipts[0])}));
  CHECK(block->header.members_digest == world.executor->genesis().member_set().digest());
  CHECK(block->header.state_digest == ledger::StateDigest::of(snapshot->state()).digest());
  CHECK(ledger::check_store(*world.store).empty());
}

TEST_CASE("a rejection leaves no trace but its receipt and its jti") {
  World world, twin;
  const std::string urn = world.registered(R"({"perMinute":"0.10"})");
  REQUIRE(twin.registered(R"({"perMinute":"0.10"})") == urn);
  // The second item fails after the first was looked at; funds fail after all of it.
  const Json items = Json::array({world.item(urn, R"("minutes":1)", "0.1"), world.item(device_urn(Hash{}), R"("minutes":1)", "0.1")});
  CHECK(world.run(world.application, "payment.create", world.payment(items, "0.2")).status() == 404);
  const auto rejected = twin.run(twin.application, "payment.create", Json::object({}));
  CHECK(rejected.status() == 422);
  CHECK(world.chain.back().triples.empty());
  for (const auto& change : world.chain.back().changes) CHECK((change.key[0] == 'S' || change.key[0] == 'E'));
  const Error error = error_from_receipt(rejected.receipt);
  CHECK((error.status == Status::invalid && !error.fields.empty() && !error.detail.empty()));
}

TEST_CASE("the genesis state holds the funded accounts and refuses more than an amount can express") {
  World world;
  CHECK(world.available(world.application) == "1000");
  CHECK(world.available(world.other, "USD") == "5");
  Genesis genesis = world.executor->genesis();
  genesis.accounts = {{world.application.did, "EUR", 9'000'000'000'000 * kMicro}, {world.other.did, "EUR", 9'000'000'000'000 * kMicro}};
  CHECK_FALSE(genesis_state(genesis).has_value());
}

namespace {

// A life of the network under a seed: registrations, payments, integrations, claims, reports, closes, transfers, and time that passes. Many of
// the steps are refused; the executor checks in every block that money is conserved.
class Life {
 public:
  Life(World& world, std::uint64_t seed) : world_(world), random_(seed) {}

  void step() {
    std::vector<Transaction> transactions;
    const std::size_t count = pick(4);
    for (std::size_t i = 0; i < count; ++i) transactions.push_back(document());
    if (pick(5) == 0) world_.pass(static_cast<TimeMs>(pick(40) == 0 ? pick(static_cast<std::size_t>(kDay) * 20) : pick(60'000)));
    remember(transactions, world_.block(transactions));
  }

  std::map<int, int> statuses;

 private:
  std::size_t pick(std::size_t below) { return static_cast<std::size_t>(random_() % below); }
  template <class T>
  const T& any(const std::vector<T>& list) { return list[pick(list.size())]; }
  const Person& buyer() { return pick(4) == 0 ? world_.other : world_.application; }

  Transaction document() {
    switch (devices_.empty() ? 0 : pick(14)) {
      case 0: return world_.sign(world_.provider, "device.register", Json::object({{"devices", Json::array({world_.device(prices())})}}));
      case 1: case 2: case 3: return pay();
      case 4: case 5: case 6: return integrate();
      case 7: return with_integration([&](const std::string& id) {
        const std::size_t member = pick(4);
        return world_.sign(world_.members[member], "integration.claim",
                           Json::object({{"integration", id}, {"node", "node-" + std::to_string(member + 1)}, {"epoch", 1}}));
      });
      case 8: case 9: case 10: return with_integration([&](const std::string& id) { return usage(id); });
      case 11: return with_integration([&](const std::string& id) { return world_.sign(buyer(), "integration.close", Json::object({{"integration", id}})); });
      case 12: return world_.sign(buyer(), "credit.transfer", Json::object({{"to", pick(2) ? world_.other.did : world_.application.did},
                                                                           {"currency", "EUR"}, {"amount", money_text(static_cast<MicroUnits>(pick(3'000'000)))}}));
      default: return world_.sign(pick(2) ? world_.issuer : world_.poor, "credit.mint",
                                  Json::object({{"to", world_.application.did}, {"currency", "EUR"}, {"amount", "0.5"}}));
    }
  }

  std::string prices() {
    const std::string price = money_text(static_cast<MicroUnits>(pick(400'000)));
    static const std::vector<std::string> kinds = {"perMinute", "perHour", "perDay", "perKilobyte", "perMegabyte"};
    std::string json = "{\"" + any(kinds) + "\":\"" + price + "\"}";
    return pick(3) == 0 ? R"({"perMinute":"0.000007","perKilobyte":"0.013"})" : json;
  }

  Transaction pay() {
    const std::string urn = any(devices_);
    const std::string quantity = R"("minutes":)" + std::to_string(pick(300) + 1) + "." + std::to_string(pick(900) + 100);
    const std::string data = R"("kilobytes":)" + std::to_string(pick(9000) + 1);
    const std::string bought = pick(3) == 0 ? quantity + "," + data : pick(2) ? quantity : data;
    const auto snapshot = world_.snapshot();
    const auto quote = PaymentService(*snapshot).quote(parse(R"({"items":[{"device":")" + urn + "\"," + bought + "}]}"));
    const std::string amount = quote ? quote->find("total")->as_string() : "1";
    return world_.sign(world_.application, "payment.create", world_.payment(world_.item(urn, bought, amount), amount, pick(3) ? "payment" : "integration"));
  }

  Transaction integrate() {
    if (payments_.empty()) return pay();
    const auto& [payment, urn] = any(payments_);
    return world_.sign(world_.application, "integration.create", world_.access(payment, {pick(10) ? urn : any(devices_)}, pick(2) ? "node-1" : ""));
  }

  template <class Make>
  Transaction with_integration(Make make) {
    return integrations_.empty() ? integrate() : make(integrations_[pick(3) ? integrations_.size() - 1 : pick(integrations_.size())]);
  }

  Transaction usage(const std::string& id) {
    const auto snapshot = world_.snapshot();
    const auto task = AccessService(*snapshot).task(*Hash::from_hex(id));
    const auto& device = task->devices[0];
    const std::int64_t most = device.limit_bytes.value_or(1'000'000);
    const Json count = World::count(device_urn(device.device), std::min(most + static_cast<std::int64_t>(pick(2)), device.bytes_used + static_cast<std::int64_t>(pick(400'000))),
                                    device.active_ms + static_cast<std::int64_t>(pick(400'000)), device.readings + static_cast<std::int64_t>(pick(3)));
    std::size_t member = 0;
    for (std::size_t i = 0; i < 4; ++i) member = "node-" + std::to_string(i + 1) == task->node ? i : member;
    return world_.sign(world_.members[member], "usage.report", world_.report(id, static_cast<int>(task->sequence) + 1, pick(4) == 0, {count}));
  }

  void remember(const std::vector<Transaction>& transactions, const std::vector<Answer>& answers) {
    for (std::size_t i = 0; i < answers.size(); ++i) {
      ++statuses[answers[i].status()];
      if (answers[i].status() != 201) continue;
      const auto& action = transactions[i].header.action;
      if (action == "device.register") devices_.push_back(answers[i].result.find("devices")->items()[0].find("id")->as_string());
      if (action == "payment.create") {
        payments_.emplace_back(answers[i].text("payment"), answers[i].result.find("items")->items()[0].find("device")->as_string());
      }
      if (action == "integration.create") integrations_.push_back(answers[i].text("integration"));
    }
  }

  World& world_;
  std::mt19937_64 random_;
  std::vector<std::string> devices_, integrations_;
  std::vector<std::pair<std::string, std::string>> payments_;
};

}  // namespace

TEST_CASE("money is conserved through random histories, and in the end nothing is left in escrow") {
  const std::uint32_t rules = GENERATE(1u, kRulesVersionMax);
  for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6}) {
    INFO("seed " << seed << ", rules " << rules);
    World world(rules);
    Life life(world, seed);
    for (int i = 0; i < 500; ++i) life.step();
    CHECK(life.statuses[201] > 150);
    CHECK(life.statuses[200] > 40);
    CHECK(life.statuses[409] + life.statuses[402] + life.statuses[403] > 10);
    CHECK(ledger::check_store(*world.store, triple_rules()) == std::vector<std::string>{});
    for (int i = 0; i < 3; ++i) world.sweep_after(200 * kDay);
    CHECK(world.escrow(world.application) == "0");
    CHECK_FALSE(heartbeat_wanted(*world.snapshot()));
    CHECK(count_records(world, 'E') == 0);
    CHECK(count_records(world, 'n') == 0);
    CHECK(ledger::check_store(*world.store, triple_rules()) == std::vector<std::string>{});
  }
}

TEST_CASE("one chain gives one state on every validator, whatever else it did") {
  const std::uint32_t rules = GENERATE(1u, kRulesVersionMax);
  World world(rules);
  Life life(world, 42);
  for (int i = 0; i < 150; ++i) life.step();

  // The twin executes the same batches, tries others at its door in between, and was restarted on the way.
  World twin(rules);
  for (std::size_t i = 0; i < world.chain.size(); ++i) {
    const Block& block = world.chain[i].block;
    if (i % 3 == 0) (void)twin.at_door(twin.application, "payment.create", Json::object({}));
    if (i % 50 == 49) {
      twin.ledger.reset();
      auto opened = ledger::Ledger::open(*twin.store, twin.executor->genesis(), *genesis_state(twin.executor->genesis()));
      REQUIRE(opened.has_value());
      twin.ledger = std::move(*opened);
    }
    const auto executed = twin.executor->execute(block.batch, block.transactions, *twin.snapshot());
    REQUIRE(executed.apply.block.header.hash() == block.header.hash());
    twin.ledger->apply(executed.apply);
  }
  CHECK(twin.state_digest() == world.state_digest());
}

TEST_CASE("what a block does never depends on the blocks that a node has: the whole chain, a pruned one, and one that began with a snapshot") {
  const std::uint32_t rules = GENERATE(1u, kRulesVersionMax);
  World world(rules);
  Life life(world, 7);
  std::vector<Transaction> early;
  for (int i = 0; i < 120; ++i) {
    life.step();
    const auto& last = world.chain.back().block.transactions;
    // Documents come again: at once, later in their window, and after it; and one came before its time.
    if (i % 7 == 0 && !last.empty()) world.block({last.front(), last.front()});
    if (i % 10 == 9) {
      const auto& old = world.chain[world.chain.size() / 2].block.transactions;
      if (!old.empty()) world.block({old.front()});
    }
    if (i % 20 == 3) {
      early.push_back(resign(world, world.application, {"", "", "credit.transfer", world.now / 1000 + 90, "early-" + std::to_string(i)},
                             Json::object({{"to", world.poor.did}, {"currency", "EUR"}, {"amount", "1"}}).dump()));
      CHECK(world.block({early.back()}).front().status() == 401);
      world.pass(60 * kSecond);
      CHECK(world.block({early.back()}).front().status() == 409);   // it keeps its first outcome
    }
  }

  World pruned(rules), joined(rules);
  const std::size_t half = world.chain.size() / 2;
  for (std::size_t i = 0; i < world.chain.size(); ++i) {
    const Block& block = world.chain[i].block;
    for (World* one : {&pruned, &joined}) {
      if (one == &joined && i < half) continue;
      const auto executed = one->executor->execute(block.batch, block.transactions, *one->snapshot());
      REQUIRE(executed.apply.block.header.hash() == block.header.hash());
      one->ledger->apply(executed.apply);
      one->ledger->store_certificate(block.header.height, {});
    }
    if (i % 40 == 39) pruned.ledger->prune(pruned.ledger->height() - 1, 1000);
    if (i + 1 != half) continue;
    std::map<Hash, Bytes> chunks;
    const auto manifest = *ledger::export_snapshot(*pruned.snapshot(), [&](const Hash& hash, const Bytes& chunk) -> Result<void> {
      chunks[hash] = chunk;
      return {};
    });
    const auto source = [&](const Hash& hash) -> Result<Bytes> { return chunks.at(hash); };
    joined.ledger.reset();
    REQUIRE(ledger::install_snapshot(*joined.store, *ledger::verify_snapshot(manifest, source), {}, source));
    joined.ledger = std::move(*ledger::Ledger::open(*joined.store, world.executor->genesis(), *genesis_state(world.executor->genesis())));
    REQUIRE(joined.ledger->height() == half);
  }
  for (World* one : {&pruned, &joined}) {
    CHECK(one->state_digest() == world.state_digest());
    CHECK(one->snapshot()->first_block() > 1);
    CHECK(ledger::check_store(*one->store, triple_rules()) == std::vector<std::string>{});
    CHECK(ledger::triple_count(*one->store) == ledger::triple_count(*world.store));
  }
  CHECK(!joined.snapshot()->has_transaction(world.chain[0].block.transactions.at(0).id));
}

TEST_CASE("check_store compares the triples with what the world state says they must be") {
  World world;
  const auto device = world.registered(R"({"perMinute":"0.10"})");
  world.paid(device, R"("minutes":10)", "1");
  REQUIRE(ledger::check_store(*world.store, triple_rules()).empty());

  // Damage that is consistent among the indexes and counters: only the rules can tell.
  const auto change = [&](bool add) {
    ledger::TripleWriter writer(*world.store, ledger::make_term_cache());
    ledger::KvBatch batch;
    writer.encode({{{ledger::Term::iri(device), ledger::Term::iri("urn:x:forged"), ledger::Term::literal("forged")}, add}}, batch);
    world.store->write(batch, true);
  };
  change(true);
  CHECK(ledger::check_store(*world.store).empty());
  CHECK_THAT(ledger::check_store(*world.store, triple_rules()).at(0), Catch::Contains("nothing on the ledger implies"));
  change(false);
  CHECK(ledger::check_store(*world.store, triple_rules()).empty());

  const auto head = world.store->get(ledger::Column::state, keys::device(*device_from_urn(device)));
  auto damaged = parse_record<agiddi::records::DeviceHead>(*head);
  damaged.set_retired(true);
  world.store->write({{ledger::Column::state, keys::device(*device_from_urn(device)), damaged.SerializeAsString()}}, true);
  std::string all;
  for (const auto& one : ledger::check_store(*world.store, triple_rules())) all += one + "\n";
  CHECK_THAT(all, Catch::Contains("nothing on the ledger implies"));
  CHECK_THAT(all, Catch::Contains("the state accumulator"));
}
