// A small world for the rules: one ledger in memory, four members, a provider, two applications and an issuer. Each step is one block.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "ledger/ledger.h"
#include "protocol/crypto/crypto.h"
#include "protocol/encoding.h"
#include "subservices/access/access_service.h"
#include "subservices/door.h"
#include "subservices/executor.h"
#include "subservices/payment/payment_service.h"
#include "subservices/registration/registration_service.h"

namespace agiddi::subservices::test {

inline constexpr TimeMs kStart = 1'800'000'000'000;
inline constexpr TimeMs kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute, kDay = 24 * kHour;

Json parse(const std::string& text);

struct Person {
  KeyPair key;
  std::string did;
  explicit Person(int seed);
};

// The outcome of one document.
struct Answer {
  Receipt receipt;
  Json result;   // of the receipt
  int status() const { return static_cast<int>(receipt.status); }
  std::string text(const char* name) const { return result.find(name)->as_string(); }
  std::string detail() const { return receipt.result; }
};

class World {
 public:
  explicit World(std::uint32_t rules_version = 1);

  // What a block at `now` does; `now` moves on by a millisecond for each block, so that times are above the former's.
  std::vector<Answer> block(std::vector<Transaction> transactions);
  Answer run(const Person& signer, const std::string& action, const Json& body);
  void pass(TimeMs duration) { now += duration; }
  // An empty block after a time: what fell due is swept.
  void sweep_after(TimeMs duration);

  Transaction sign(const Person& signer, const std::string& action, const Json& body, const std::string& jti = "");
  Transaction sign_text(const Person& signer, const std::string& action, const std::string& body);
  Status at_door(const Person& signer, const std::string& action, const Json& body);   // ok when it passes

  // One device that the provider registers; cost such as {"perMinute":"0.10"} without its currency.
  Json device(const std::string& cost, const std::string& name = "Station");
  std::string registered(const std::string& cost);   // its URN
  Json item(const std::string& urn, const std::string& quantity, const std::string& amount, int version = 1) const;
  Json payment(const Json& item, const std::string& total, const std::string& starts = "payment") const;
  std::string paid(const std::string& urn, const std::string& quantity, const std::string& amount, const std::string& starts = "payment");
  Json access(const std::string& payment, const std::vector<std::string>& urns, const std::string& node = "") const;
  Json report(const std::string& integration, int sequence, bool final, const std::vector<Json>& devices) const;
  static Json count(const std::string& urn, std::int64_t bytes, std::int64_t active_ms, std::int64_t readings = 1);

  std::string available(const Person& person, const std::string& currency = "EUR") const;
  std::string escrow(const Person& person, const std::string& currency = "EUR") const;
  std::shared_ptr<const ledger::LedgerSnapshot> snapshot() const { return ledger->snapshot(); }
  Hash state_digest() const { return ledger->snapshot()->header().state_digest; }
  std::string last_event() const;   // "kind:state" of the last event of the last block
  bool has_triple(const std::string& subject, const std::string& predicate_end, const std::string& object_part = "") const;

  Person provider{10}, application{11}, other{12}, issuer{13}, poor{14};
  std::vector<Person> members;
  TimeMs now = kStart;
  std::unique_ptr<ledger::MemoryStore> store;
  std::unique_ptr<ledger::Ledger> ledger;
  std::unique_ptr<Executor> executor;
  std::vector<BlockEvent> events;        // of the last block
  std::vector<ledger::BlockToApply> chain;

 private:
  std::string balance(const Person& person, const std::string& currency, const char* name) const;
  int documents_ = 0;
};

}  // namespace agiddi::subservices::test
