#include "world.h"

#include "protocol/check.h"
#include "subservices/genesis_state.h"

namespace agiddi::subservices::test {
namespace {

const bool kCryptoReady = (crypto_init(), true);

Genesis make_genesis(const World& world, std::uint32_t rules_version) {
  Genesis genesis;
  genesis.rules_version = rules_version;
  genesis.name = "rules";
  genesis.created = kStart;
  for (std::size_t i = 0; i < world.members.size(); ++i) {
    Member member;
    member.id = "node-" + std::to_string(i + 1);
    member.key = world.members[i].key.public_key();
    member.sealing_key.fill(static_cast<std::uint8_t>(i + 1));
    member.address = "127.0.0.1:" + std::to_string(7001 + i);
    genesis.members.push_back(member);
  }
  genesis.accounts = {{world.application.did, "EUR", 1000 * kMicro}, {world.other.did, "EUR", 1000 * kMicro}, {world.other.did, "USD", 5 * kMicro}};
  genesis.issuers = {world.issuer.did};
  auto parsed = parse_genesis(write_genesis(genesis));
  AGIDDI_CHECK(parsed.has_value(), "the test genesis is valid");
  return *parsed;
}

}  // namespace

Json parse(const std::string& text) {
  auto json = parse_json(text);
  INFO(text);
  REQUIRE(json.has_value());
  return *json;
}

Person::Person(int seed) : key(*KeyPair::from_seed(Bytes(32, static_cast<char>(seed)))), did(did_from_key(key.public_key())) {}

World::World(std::uint32_t rules_version) : store(ledger::make_memory_store()) {
  for (int i = 0; i < 4; ++i) members.emplace_back(100 + i);
  const Genesis genesis = make_genesis(*this, rules_version);
  executor = std::make_unique<Executor>(genesis);
  const auto initial = genesis_state(genesis);
  REQUIRE(initial.has_value());
  auto opened = ledger::Ledger::open(*store, genesis, *initial);
  REQUIRE(opened.has_value());
  ledger = std::move(*opened);
}

std::vector<Answer> World::block(std::vector<Transaction> transactions) {
  Batch batch;
  batch.height = ledger->height() + 1;
  batch.timestamp = ++now;
  for (const auto& transaction : transactions) batch.transactions.push_back(transaction.id);
  auto executed = executor->execute(batch, std::move(transactions), *ledger->snapshot());
  ledger->apply(executed.apply);
  events = executed.events;
  chain.push_back(executed.apply);
  std::vector<Answer> answers;
  for (const auto& receipt : executed.apply.block.receipts) answers.push_back({receipt, parse(receipt.result)});
  return answers;
}

Answer World::run(const Person& signer, const std::string& action, const Json& body) {
  std::vector<Transaction> transactions;
  transactions.push_back(sign(signer, action, body));
  return block(std::move(transactions)).front();
}

void World::sweep_after(TimeMs duration) {
  pass(duration);
  block({});
}

Transaction World::sign(const Person& signer, const std::string& action, const Json& body, const std::string& jti) {
  ProtectedHeader header;
  header.kid = signer.did;
  header.network = executor->genesis().network;
  header.action = action;
  header.issued_at_s = now / 1000;
  header.jti = jti.empty() ? "document-" + std::to_string(++documents_) : jti;
  const Bytes text = body.dump();
  auto transaction = parse_transaction(sign_document(signer.key, header, text), text);
  REQUIRE(transaction.has_value());
  return *transaction;
}

Transaction World::sign_text(const Person& signer, const std::string& action, const std::string& body) {
  ProtectedHeader header{signer.did, executor->genesis().network, action, now / 1000, "text-" + std::to_string(++documents_)};
  auto transaction = parse_transaction(sign_document(signer.key, header, body), body);
  REQUIRE(transaction.has_value());
  return *transaction;
}

Status World::at_door(const Person& signer, const std::string& action, const Json& body) {
  const auto passed = check_at_door(*executor, sign(signer, action, body), *snapshot(), now);
  return passed ? Status::ok : passed.error().status;
}

Json World::device(const std::string& cost, const std::string& name) {
  const int number = ++documents_;
  Json recipients = Json::array();
  const MemberSet genesis_members = executor->genesis().member_set();
  for (const auto& member : genesis_members.all()) {
    recipients.push(Json::object({{"member", member.id}, {"key", to_base64url(Bytes(80, static_cast<char>(number)))}}));
  }
  const Json sealed = Json::object({{"ciphertext", to_base64url("sealed access data, number " + std::to_string(number))},
                                    {"nonce", to_base64url(Bytes(24, 'n'))},
                                    {"recipients", std::move(recipients)}});
  Json json = parse(R"({"name":")" + name + R"(","type":"WeatherStation","location":{"latitude":48.2,"longitude":16.37},
    "sensors":[{"name":"air","observedProperty":"Temperature","unit":"Cel","range":{"min":-40,"max":60}}],
    "payment":{"methods":["credit"]}})");
  Json prices = parse(cost);
  if (!prices.find("currency")) prices.set("currency", "EUR");
  json.set("cost", std::move(prices));
  json.set("access", Json::object({{"protocol", "mqtt"}, {"sealed", sealed}}));
  return json;
}

std::string World::registered(const std::string& cost) {
  const auto answer = run(provider, "device.register", Json::object({{"devices", Json::array({device(cost)})}}));
  INFO(answer.detail());
  REQUIRE(answer.status() == 201);
  return answer.result.find("devices")->items()[0].find("id")->as_string();
}

Json World::item(const std::string& urn, const std::string& quantity, const std::string& amount, int version) const {
  Json json = parse("{" + quantity + "}");
  json.set("device", urn).set("version", version).set("amount", amount);
  return json;
}

Json World::payment(const Json& item, const std::string& total, const std::string& starts) const {
  return Json::object({{"payer", application.did},
                       {"items", item.is_array() ? item : Json::array({item})},
                       {"currency", "EUR"},
                       {"total", total},
                       {"method", "credit"},
                       {"starts", starts}});
}

std::string World::paid(const std::string& urn, const std::string& quantity, const std::string& amount, const std::string& starts) {
  const auto answer = run(application, "payment.create", payment(item(urn, quantity, amount), amount, starts));
  INFO(answer.detail());
  REQUIRE(answer.status() == 201);
  return answer.text("payment");
}

Json World::access(const std::string& payment, const std::vector<std::string>& urns, const std::string& node) const {
  Json devices = Json::array();
  for (const auto& urn : urns) devices.push(urn);
  Json json = Json::object({{"application", application.did},
                            {"payment", payment},
                            {"devices", std::move(devices)},
                            {"delivery", Json::object({{"protocol", "sse"}})}});
  if (!node.empty()) json.set("node", node);
  return json;
}

Json World::report(const std::string& integration, int sequence, bool final, const std::vector<Json>& devices) const {
  return Json::object({{"integration", integration}, {"epoch", 1}, {"sequence", sequence}, {"final", final}, {"devices", Json::Array(devices)}});
}

Json World::count(const std::string& urn, std::int64_t bytes, std::int64_t active_ms, std::int64_t readings) {
  return Json::object({{"device", urn}, {"bytes", bytes}, {"activeMs", active_ms}, {"readings", readings}});
}

std::string World::balance(const Person& person, const std::string& currency, const char* name) const {
  const auto snapshot = ledger->snapshot();
  const auto account = PaymentService(*snapshot).account(person.did);
  REQUIRE(account.has_value());
  for (const Json& entry : account->find("balances")->items()) {
    if (entry.find("currency")->as_string() == currency) return entry.find(name)->as_string();
  }
  return "none";
}

std::string World::available(const Person& person, const std::string& currency) const { return balance(person, currency, "available"); }
std::string World::escrow(const Person& person, const std::string& currency) const { return balance(person, currency, "escrow"); }

std::string World::last_event() const {
  if (events.empty()) return "";
  return events.back().kind + ":" + events.back().data.find("state")->as_string();
}

bool World::has_triple(const std::string& subject, const std::string& predicate_end, const std::string& object_part) const {
  const auto snapshot = ledger->snapshot();
  const auto& triples = snapshot->triples();
  const auto id = triples.find(ledger::Term::iri(subject));
  if (id == ledger::kNoTerm) return false;
  bool found = false;
  triples.scan({id, ledger::kNoTerm, ledger::kNoTerm}, [&](auto, auto p, auto o) {
    found = found || (triples.term(p).value.ends_with(predicate_end) && triples.term(o).value.find(object_part) != std::string::npos);
    return !found;
  });
  return found;
}

}  // namespace agiddi::subservices::test
