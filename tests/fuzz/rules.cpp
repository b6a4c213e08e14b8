// Hostile documents through the executor, on a small ledger that holds a device ($D), a payment with one item left ($P, device $E) and a running
// integration ($I). Each line of the input is a document of one block: the action and the signer, a digit or a letter each (a is 10, h is 17), then the body.
//
// Held for every input: the executor's own checks (money is conserved, what falls due is dealt with), one receipt for each document, a
// rejection with a reason, and a door that refuses only what the block refuses too.
#include <cstdint>
#include <memory>

#include "protocol/check.h"
#include "protocol/encoding.h"
#include "subservices/door.h"
#include "subservices/genesis_state.h"

using namespace agiddi;
using namespace agiddi::subservices;

namespace {

constexpr TimeMs kStart = 1'800'000'000'000;
constexpr const char* kActions[] = {"device.register", "device.update",     "device.retire",  "payment.create", "integration.create", "integration.close",
                                    "usage.report",    "integration.claim", "credit.transfer", "credit.mint",    "credit.redeem",      "governance.vote",
                                    "lease.renew",     "receipt.reverse",   "account.admit",  "account.rotate",  "governance.propose", "usage.count"};

struct World {
  std::unique_ptr<ledger::MemoryStore> store = ledger::make_memory_store();
  std::unique_ptr<ledger::Ledger> ledger;
  std::unique_ptr<Executor> executor;
  std::vector<KeyPair> keys;   // the application, the provider, the member
  std::string device, other, payment, integration;
  int documents = 0;

  World() {
    crypto_init();
    for (const char seed : {'\1', '\2', '\3'}) keys.push_back(*KeyPair::from_seed(Bytes(32, seed)));
    Genesis genesis;
    genesis.name = "fuzz";
    genesis.created = kStart;
    genesis.members = {{"node-1", keys[2].public_key(), {7}, "127.0.0.1:7001"}};
    genesis.accounts = {{did(0), "EUR", 100 * kMicro}};
    genesis.issuers = {did(1)};
    genesis.rules_version = kRulesVersionMax;
    executor = std::make_unique<Executor>(*parse_genesis(write_genesis(genesis)));
    ledger = std::move(*ledger::Ledger::open(*store, executor->genesis(), *genesis_state(executor->genesis())));
    fill();
  }

  std::string did(std::size_t who) const { return did_from_key(keys[who].public_key()); }

  Transaction sign(std::size_t who, const char* action, const std::string& body) {
    const ProtectedHeader header{did(who), executor->genesis().network, action, kStart / 1000, "document-" + std::to_string(++documents)};
    auto transaction = parse_transaction(sign_document(keys[who], header, body), body);
    AGIDDI_CHECK(transaction.has_value(), "our own documents parse");
    return std::move(*transaction);
  }

  ExecutedBlock execute(std::vector<Transaction> transactions) const {
    Batch batch;
    batch.height = ledger->height() + 1;
    batch.timestamp = kStart + static_cast<TimeMs>(batch.height);
    for (const auto& transaction : transactions) batch.transactions.push_back(transaction.id);
    return executor->execute(batch, std::move(transactions), *ledger->snapshot());
  }

  Json apply(std::size_t who, const char* action, const std::string& body) {
    const auto executed = execute({sign(who, action, body)});
    ledger->apply(executed.apply);
    const Receipt& receipt = executed.apply.block.receipts[0];
    AGIDDI_CHECK(receipt.status == Status::created, receipt.result.c_str());
    return *parse_json(receipt.result);
  }

  std::string device_json(const std::string& number) const {
    return R"({"name":"Station","type":"WeatherStation","location":{"latitude":48.2,"longitude":16.37},"sensors":[{"name":"air","observedProperty":)"
           R"("Temperature","unit":"Cel","range":{"min":-40,"max":60}}],"cost":{"currency":"EUR","perMinute":"0.10","perKilobyte":"0.02"},)"
           R"("payment":{"methods":["credit"]},"access":{"protocol":"mqtt","sealed":{"ciphertext":")" +
           to_base64url("sealed access data, number " + number) + R"(","nonce":")" + to_base64url(Bytes(24, 'n')) +
           R"(","recipients":[{"member":"node-1","key":")" + to_base64url(Bytes(80, 'k')) + R"("}]}}})";
  }

  void fill() {
    const Json devices = apply(1, "device.register", R"({"devices":[)" + device_json("1") + "," + device_json("2") + "]}");
    device = devices.find("devices")->items()[0].find("id")->as_string();
    other = devices.find("devices")->items()[1].find("id")->as_string();
    const std::string item = R"(","version":1,"minutes":10,"kilobytes":5,"amount":"1.1"})";
    payment = apply(0, "payment.create", R"({"payer":")" + did(0) + R"(","items":[{"device":")" + device + item + R"(,{"device":")" + other + item +
                                             R"(],"currency":"EUR","total":"2.2","method":"credit"})").find("payment")->as_string();
    integration = apply(0, "integration.create", R"({"application":")" + did(0) + R"(","payment":")" + payment + R"(","devices":[")" + device +
                                                     R"("],"node":"node-1","delivery":{"protocol":"sse"}})").find("integration")->as_string();
  }

  // $A application, $V provider, $D and $E devices, $P payment, $I integration, $S a whole device.
  std::string expand(std::string_view text) const {
    std::string body;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char name = text[i] == '$' && i + 1 < text.size() ? text[i + 1] : '\0';
      const std::string* value = name == 'D' ? &device : name == 'E' ? &other : name == 'P' ? &payment : name == 'I' ? &integration : nullptr;
      const std::string made = name == 'A' ? did(0) : name == 'V' ? did(1) : name == 'S' ? device_json("3") : value ? *value : "";
      if (made.empty()) {
        body += text[i];
      } else {
        body += made;
        ++i;
      }
    }
    return body;
  }
};

std::size_t digit(char c) { return c >= '0' && c <= '9' ? static_cast<std::size_t>(c - '0') : c >= 'a' && c <= 'z' ? static_cast<std::size_t>(c - 'a' + 10) : 0; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  world.documents = 1000;   // the same documents for the same input
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<Transaction> transactions;
  while (text.size() > 2 && transactions.size() < 16) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.size() < 2) continue;
    transactions.push_back(world.sign(digit(line[1]) % 3, kActions[digit(line[0]) % std::size(kActions)], world.expand(line.substr(2))));
  }
  const auto snapshot = world.ledger->snapshot();
  const bool alone = transactions.size() == 1;
  const bool refused = alone && !check_at_door(*world.executor, transactions[0], *snapshot, kStart).has_value();
  const auto executed = world.execute(transactions);
  AGIDDI_CHECK(executed.apply.block.receipts.size() == transactions.size(), "each document has its receipt");
  for (const Receipt& receipt : executed.apply.block.receipts) {
    const bool done = receipt.status == Status::ok || receipt.status == Status::created;
    AGIDDI_CHECK(!(alone && refused && done), "what the door refuses the block refuses too");
    AGIDDI_CHECK(decode_receipt(encode_receipt(receipt)).has_value(), "what a block says can be read again");
    AGIDDI_CHECK(done || !error_from_receipt(receipt).detail.empty(), "a rejection gives its reason");
  }
  return 0;
}
