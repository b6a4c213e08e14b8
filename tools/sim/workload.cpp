#include "tools/sim/workload.h"

#include <unordered_map>

#include "protocol/check.h"
#include "protocol/encoding.h"
#include "protocol/money.h"
#include "subservices/payment/accounts.h"
#include "subservices/state_keys.h"
#include "tools/sim/member_changes.h"

namespace agiddi::tools {
namespace {

constexpr std::uint32_t kTraders = 4;
constexpr std::uint32_t kFirstPerson = 1000;
constexpr std::int64_t kFunds = 1000 * kMicro;
constexpr std::size_t kRememberedSignatures = 100'000;

Genesis make_genesis(std::size_t members, const std::vector<Person>& traders, const Person& issuer, const Person& application) {
  Genesis genesis;
  genesis.name = "sim";
  genesis.created = kEpoch_ms - 10'000;
  for (Seat seat = 0; seat < members; ++seat) genesis.members.push_back(seat_member(seat, 0));
  for (const Person& trader : traders) genesis.accounts.push_back({trader.did, "EUR", kFunds});
  genesis.accounts.push_back({application.did, "EUR", kFunds});
  genesis.issuers = {issuer.did};
  auto parsed = parse_genesis(write_genesis(genesis));
  AGIDDI_CHECK(parsed.has_value(), "the simulated genesis is valid");
  return *std::move(parsed);
}

Json device(const Genesis& genesis, const std::string& name) {
  Json recipients = Json::array();
  for (const Member& member : genesis.members) recipients.push(Json::object({{"member", member.id}, {"key", to_base64url(Bytes(80, 'k'))}}));
  auto json = parse_json(R"({"name":")" + name + R"(","type":"WeatherStation","location":{"latitude":48.2,"longitude":16.37},
    "sensors":[{"name":"air","observedProperty":"Temperature","unit":"Cel","range":{"min":-40,"max":60}}],
    "payment":{"methods":["credit"]},"cost":{"perMinute":"0.10","currency":"EUR"}})");
  AGIDDI_CHECK(json.has_value(), "the device is JSON");
  json->set("access", Json::object({{"protocol", "mqtt"},
                                    {"sealed", Json::object({{"ciphertext", to_base64url("sealed access of " + name)},
                                                             {"nonce", to_base64url(Bytes(24, 'n'))},
                                                             {"recipients", std::move(recipients)}})}}));
  return *std::move(json);
}

Json credit(const std::string& to, std::int64_t amount) {
  Json body = Json::object({{"currency", "EUR"}, {"amount", money_text(amount)}});
  if (!to.empty()) body.set("to", to);
  return body;
}

bool successful(const Receipt& receipt) { return receipt.status == Status::ok || receipt.status == Status::created; }

}  // namespace

Person::Person(std::uint32_t number) : key(key_of(number)), did(did_from_key(key->public_key())) {}

bool verify_once(const Transaction& transaction) {
  static std::unordered_map<Hash, bool, HashHasher> known;
  const Hash key = blake2b({transaction.id.view(), view(transaction.signature)});
  if (const auto found = known.find(key); found != known.end()) return found->second;
  if (known.size() >= kRememberedSignatures) known.clear();
  return known[key] = verify_signature(transaction);
}

Workload::Workload(std::size_t members, std::size_t transactions, bool governance, Random random)
    : traders_([] {
        std::vector<Person> people;
        for (std::uint32_t i = 0; i < kTraders; ++i) people.emplace_back(kFirstPerson + i);
        return people;
      }()),
      issuer_(kFirstPerson + kTraders),
      provider_(kFirstPerson + kTraders + 1),
      application_(kFirstPerson + kTraders + 2),
      genesis_(make_genesis(members, traders_, issuer_, application_)) {
  for (const Person& trader : traders_) balance_[trader.did] = kFunds;
  balance_[issuer_.did] = 0;
  total_ = kFunds * (kTraders + 1);
  while (count_ < transactions) {
    const auto length = static_cast<std::size_t>(random.between(1, std::min<std::int64_t>(4, static_cast<std::int64_t>(transactions - count_))));
    clients_.push_back(random.chance(100) ? device_story(random, length) : trades(random, length));
    count_ += clients_.back().size();
  }
  if (!governance) return;
  governs_ = true;
  clients_.push_back(member_changes(genesis_, random, [&](const KeyPair& key, const std::string& action, const Json& body) {
    return sign(key, did_from_key(key.public_key()), action, body, kEpoch_ms / 1000, "document-" + std::to_string(++documents_));
  }));
  count_ += clients_.back().size();
}

Transaction Workload::sign(const Person& signer, const std::string& action, const Json& body, std::int64_t issued_at_s, const std::string& jti) const {
  return sign(*signer.key, signer.did, action, body, issued_at_s, jti);
}

Transaction Workload::sign(const KeyPair& key, const std::string& did, const std::string& action, const Json& body, std::int64_t issued_at_s,
                           const std::string& jti) const {
  const ProtectedHeader header{did, genesis_.network, action, issued_at_s, jti};
  const Bytes text = body.dump();
  auto transaction = parse_transaction(sign_document(key, header, text), text);
  AGIDDI_CHECK(transaction.has_value(), "our own document can be parsed");
  return *std::move(transaction);
}

std::vector<Transaction> Workload::trades(Random& random, std::size_t length) {
  std::vector<Transaction> chain;
  for (std::size_t i = 0; i < length; ++i) {
    const auto trader = [&]() -> const Person& { return traders_[static_cast<std::size_t>(random.between(0, kTraders - 1))]; };
    const std::string jti = "document-" + std::to_string(++documents_);
    // Some amounts are more than the account holds: such a document is rejected in its block, and stays rejected.
    const std::int64_t amount = random.chance(150) ? 5 * kFunds : random.between(1, kFunds / 3);
    const auto kind = random.between(0, 9);
    if (kind == 0) {
      chain.push_back(sign(random.chance(700) ? issuer_ : trader(), "credit.mint", credit(issuer_.did, amount), kEpoch_ms / 1000, jti));
    } else if (kind == 1) {
      chain.push_back(sign(issuer_, "credit.redeem", credit("", amount), kEpoch_ms / 1000, jti));
    } else {
      chain.push_back(sign(trader(), "credit.transfer", credit(trader().did, amount), kEpoch_ms / 1000, jti));
    }
  }
  return chain;
}

// A device is registered, paid for, used and given back.
std::vector<Transaction> Workload::device_story(Random& random, std::size_t length) {
  const auto jti = [&] { return "document-" + std::to_string(++documents_); };
  const std::int64_t now_s = kEpoch_ms / 1000;
  std::vector<Transaction> chain{
      sign(provider_, "device.register", Json::object({{"devices", Json::array({device(genesis_, "station-" + std::to_string(documents_))})}}), now_s, jti())};
  const std::string urn = device_urn(device_id(chain.front().id, 0));
  if (length > 1) {
    const std::int64_t minutes = random.between(1, 9);
    auto item = parse_json(R"({"minutes":)" + std::to_string(minutes) + R"(,"version":1})");
    const std::string amount = money_text(minutes * kMicro / 10);
    item->set("device", urn).set("amount", amount);
    chain.push_back(sign(application_, "payment.create",
                         Json::object({{"payer", application_.did}, {"items", Json::array({*item})}, {"currency", "EUR"}, {"total", amount}, {"method", "credit"}}),
                         now_s, jti()));
  }
  if (length > 2) {
    chain.push_back(sign(application_, "integration.create",
                         Json::object({{"application", application_.did},
                                       {"payment", payment_id(chain[1].id).hex()},
                                       {"devices", Json::array({urn})},
                                       {"node", genesis_.members.front().id},
                                       {"delivery", Json::object({{"protocol", "sse"}})}}),
                         now_s, jti()));
  }
  if (length > 3) {
    chain.push_back(sign(application_, "integration.close", Json::object({{"integration", integration_id(chain[2].id).hex()}}), now_s, jti()));
  }
  return chain;
}

Transaction Workload::forged(std::uint64_t number) const {
  Transaction transaction = sign(traders_[0], "credit.transfer", credit(traders_[1].did, kMicro), kEpoch_ms / 1000, "forged-" + std::to_string(number));
  transaction.signature[7] ^= 1;
  return transaction;
}

Transaction Workload::expired(std::uint64_t number) const {
  return sign(traders_[0], "credit.transfer", credit(traders_[1].did, kMicro), kEpoch_ms / 1000 - 3600, "expired-" + std::to_string(number));
}

Transaction Workload::harmless(std::uint64_t number) const {
  return sign(traders_[1], "credit.mint", credit(traders_[1].did, kMicro), kEpoch_ms / 1000, "harmless-" + std::to_string(number));
}

// What the rules must have said, as far as it follows from the documents and balances alone.
std::optional<std::string> Workload::expect(const Transaction& transaction, const Receipt& receipt) {
  const std::string& action = transaction.header.action;
  if (!action.starts_with("credit.")) return std::nullopt;
  const auto body = parse_json(transaction.body);
  AGIDDI_CHECK(body.has_value(), "the workload's documents are JSON");
  const std::int64_t amount = *money_from_text(body->find("amount")->as_string());
  const std::string& signer = transaction.header.kid;
  Status wanted = Status::created;
  if (action != "credit.transfer" && signer != issuer_.did) {
    wanted = Status::forbidden;
  } else if (action != "credit.mint" && balance_.at(signer) < amount) {
    wanted = Status::payment_required;
  }
  if (receipt.status != wanted) {
    return "transaction " + transaction.id.hex().substr(0, 8) + " (" + action + ") came to " + std::to_string(static_cast<int>(receipt.status)) + " and not to " +
           std::to_string(static_cast<int>(wanted));
  }
  if (wanted != Status::created) return std::nullopt;
  if (action != "credit.mint") balance_.at(signer) -= amount;
  if (action != "credit.redeem") balance_.at(body->find("to")->as_string()) += amount;
  if (action == "credit.mint") total_ += amount;
  if (action == "credit.redeem") total_ -= amount;
  return std::nullopt;
}

std::optional<std::string> Workload::count_money(const ledger::LedgerSnapshot& after) const {
  const ledger::StateOverlay state(after.state());
  for (const auto& [did, balance] : balance_) {
    const std::int64_t held = subservices::available(state, did, "EUR");
    if (held != balance) return "account " + did.substr(0, 20) + "… holds " + money_text(held) + " and not " + money_text(balance);
  }
  std::int64_t total = 0;
  state.scan("A", [&](BytesView, BytesView value) {
    const auto account = subservices::parse_record<records::Account>(value);
    total += account.available() + account.escrow();
    return true;
  });
  if (total != total_) return "all accounts together hold " + money_text(total) + " and not " + money_text(total_);
  return std::nullopt;
}

std::optional<std::string> Workload::follow(const Block& block, const ledger::LedgerSnapshot& after) {
  for (std::size_t i = 0; i < block.transactions.size(); ++i) {
    const Transaction& transaction = block.transactions[i];
    const Receipt& receipt = block.receipts[i];
    const std::string name = "transaction " + transaction.id.hex().substr(0, 8);
    if (!verify_once(transaction)) return name + " was never signed and stands in a block";
    if (successful(receipt) && !inside_window(transaction.header, block.header.timestamp)) return name + " was executed outside its time window";
    const auto [first, fresh] = seen_.try_emplace(transaction.id, block.header.height);
    if (successful(receipt) && !succeeded_.try_emplace(transaction.id, block.header.height).second) {
      return name + " was executed twice, in block " + std::to_string(succeeded_.at(transaction.id)) + " and in this one";
    }
    if (!fresh) {
      if (receipt.status != Status::conflict) return name + " stands in block " + std::to_string(first->second) + " and came to another outcome in this one";
      continue;
    }
    if (inside_window(transaction.header, block.header.timestamp)) {
      if (auto wrong = expect(transaction, receipt)) return wrong;
    }
  }
  return count_money(after);
}

}  // namespace agiddi::tools
