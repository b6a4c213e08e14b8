// Workload: what clients ask of a simulated network, as real signed transactions, and what must come of it.
//
// A client is a chain of documents: the next one is sent when the one before was answered. Traders move credit (what each must hold afterwards is
// modelled here, apart from the rules), an issuer mints and redeems, a provider registers devices, an application pays for them and opens integrations, and members
// change their set (member_changes.h).
#pragma once

#include <map>
#include <optional>

#include "ledger/ledger.h"
#include "protocol/block.h"
#include "protocol/genesis.h"
#include "tools/sim/random.h"
#include "tools/sim/seats.h"

namespace agiddi::tools {

inline constexpr TimeMs kEpoch_ms = 1'780'000'000'000;   // wall time at the beginning of every simulation

struct Person {
  explicit Person(std::uint32_t number);
  std::shared_ptr<const KeyPair> key;
  std::string did;
};

class Workload {
 public:
  // governance: members are changed too.
  Workload(std::size_t members, std::size_t transactions, bool governance, Random random);

  const Genesis& genesis() const { return genesis_; }
  const std::vector<std::vector<Transaction>>& clients() const { return clients_; }
  std::size_t transactions() const { return count_; }
  // This client's story is one of member changes.
  bool governs(std::size_t client) const { return governs_ && client + 1 == clients_.size(); }

  // What a faulty member may try: a transfer that nobody signed, and one of long ago that is signed.
  Transaction forged(std::uint64_t number) const;
  Transaction expired(std::uint64_t number) const;
  // One that is valid, and refused by the rules.
  Transaction harmless(std::uint64_t number) const;

  // The next block of the chain, in order, once. Gives what is wrong with its outcomes or with the money after it.
  std::optional<std::string> follow(const Block& block, const ledger::LedgerSnapshot& after);
  std::size_t succeeded() const { return succeeded_.size(); }
  bool seen(const Hash& transaction) const { return seen_.contains(transaction); }

 private:
  Transaction sign(const Person& signer, const std::string& action, const Json& body, std::int64_t issued_at_s, const std::string& jti) const;
  Transaction sign(const KeyPair& key, const std::string& did, const std::string& action, const Json& body, std::int64_t issued_at_s,
                   const std::string& jti) const;
  std::vector<Transaction> trades(Random& random, std::size_t length);
  std::vector<Transaction> device_story(Random& random, std::size_t length);
  std::optional<std::string> expect(const Transaction& transaction, const Receipt& receipt);
  std::optional<std::string> count_money(const ledger::LedgerSnapshot& after) const;

  std::vector<Person> traders_;
  Person issuer_, provider_, application_;
  Genesis genesis_;
  std::vector<std::vector<Transaction>> clients_;
  std::size_t count_ = 0, documents_ = 0;
  bool governs_ = false;

  std::map<std::string, std::int64_t> balance_;      // of traders and issuer, in micro-units
  std::int64_t total_ = 0;                           // of all money
  std::map<Hash, std::uint64_t> seen_, succeeded_;   // by id: the first block it stood in
};

// Ed25519, remembered by id and signature: a pure function of them, asked for by every member.
bool verify_once(const Transaction& transaction);

}  // namespace agiddi::tools
