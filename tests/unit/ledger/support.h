// A small deterministic world for the ledger's tests: stores of both kinds, a genesis, and blocks whose effects depend on the height alone.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <random>
#include <string>

#include "ledger/ledger.h"
#include "protocol/check.h"
#include "protocol/crypto/crypto.h"

namespace agiddi::ledger::test {

inline const bool kCryptoReady = (crypto_init(), true);

inline Term decimal(std::string text) { return Term::typed(std::move(text), xsd::decimal); }

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "agiddi-ledger-XXXXXX").string();
    AGIDDI_CHECK(::mkdtemp(name.data()) != nullptr, "a temporary folder can be made");
    path_ = name;
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct TestStore {
  std::unique_ptr<TempFolder> folder;
  std::unique_ptr<KvStore> store;
};

inline TestStore make_store(const std::string& kind) {
  if (kind == "memory") return {nullptr, make_memory_store()};
  auto folder = std::make_unique<TempFolder>();
  auto store = open_rocks_store(folder->path());
  AGIDDI_CHECK(store.has_value(), "a store opens in an empty folder");
  return {std::move(folder), *std::move(store)};
}

inline KeyPair test_key(char seed) { return *KeyPair::from_seed(Bytes(32, seed)); }

inline Genesis test_genesis(const std::string& name = "test") {
  Genesis genesis;
  genesis.name = name;
  genesis.created = 1'700'000'000'000;
  Member member;
  member.id = "node-1";
  member.key = test_key(1).public_key();
  member.sealing_key.fill(7);
  member.address = "127.0.0.1:7001";
  genesis.members = {member};
  auto parsed = parse_genesis(write_genesis(genesis));
  AGIDDI_CHECK(parsed.has_value(), "the test genesis is valid");
  return *parsed;
}

inline GenesisState test_genesis_state() {
  GenesisState state;
  state.changes = {{"A", std::nullopt, "alpha"}, {"B", std::nullopt, "beta"}};
  state.triples = {{{Term::iri("urn:network"), Term::iri("urn:has"), Term::literal("a name that is longer than seven")}, true}};
  return state;
}

// The state that heights 1 to `height` write, whoever writes it.
inline void change_state(StateOverlay& state, std::uint64_t height) {
  std::mt19937_64 random(height);
  for (int i = 0; i < 20; ++i) {
    const std::string key = "K" + std::to_string(random() % 60);
    if (random() % 4 == 0) {
      state.erase(key);
    } else {
      state.put(key, std::to_string(random()));
    }
  }
  state.put("H", std::to_string(height));
}

inline TripleChanges block_triples(std::uint64_t height, std::size_t count) {
  TripleChanges changes;
  for (std::size_t i = 0; i < count; ++i) {
    const Term subject = Term::iri("urn:device:" + std::to_string(height) + ":" + std::to_string(i / 8));
    const Term predicate = Term::iri("urn:predicate:" + std::to_string(i % 8));
    const Term object = i % 2 ? Term::typed(std::to_string(i) + ".5", xsd::decimal) : Term::iri("urn:kind:" + std::to_string(i % 5));
    changes.push_back({{subject, predicate, object}, true});
  }
  if (height > 1) {  // one triple of the former block goes again
    const Term gone = Term::iri("urn:device:" + std::to_string(height - 1) + ":0");
    changes.push_back({{gone, Term::iri("urn:predicate:0"), Term::iri("urn:kind:0")}, false});
  }
  return changes;
}

// The next block on a snapshot, as an executor would make it.
inline BlockToApply next_block(const LedgerSnapshot& parent, std::vector<Transaction> transactions, std::size_t triples = 40) {
  BlockToApply apply;
  const std::uint64_t height = parent.height() + 1;
  StateOverlay state(parent.state());
  change_state(state, height);
  apply.changes = state.changes();
  apply.digest = parent.state_digest();
  apply.digest.apply(apply.changes);
  apply.triples = block_triples(height, triples);

  Block& block = apply.block;
  block.batch.height = height;
  block.batch.timestamp = parent.header().timestamp + 1000;
  std::vector<Bytes> ids, receipts;
  for (auto& transaction : transactions) {
    block.batch.transactions.push_back(transaction.id);
    block.receipts.push_back({transaction.id, Status::created, R"({"height":)" + std::to_string(height) + "}"});
    ids.emplace_back(transaction.id.view());
    receipts.push_back(encode_receipt(block.receipts.back()));
  }
  block.transactions = std::move(transactions);
  block.header.network = parent.header().network;
  block.header.height = height;
  block.header.previous_hash = parent.header_hash();
  block.header.batch_digest = block.batch.digest();
  block.header.transaction_root = merkle_root(ids);
  block.header.receipt_root = merkle_root(receipts);
  block.header.state_digest = apply.digest.digest();
  block.header.members_digest = parent.header().members_digest;
  block.header.timestamp = block.batch.timestamp;
  return apply;
}

inline Transaction test_transaction(const std::string& body) {
  static const KeyPair key = test_key(3);
  return make_transaction(key, test_genesis().network, "test.note", 1'700'000'000, body);
}

}  // namespace agiddi::ledger::test
