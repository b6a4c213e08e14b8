#include "tools/benchmark/smoke/hot_paths.h"

#include <unistd.h>

#include <filesystem>

#include "ledger/ledger.h"
#include "ontology/units.h"
#include "protocol/check.h"
#include "protocol/encoding.h"
#include "protocol/transaction.h"
#include "subservices/executor.h"
#include "subservices/genesis_state.h"
#include "tools/benchmark/devices/own_form.h"
#include "tools/benchmark/devices/peer_form.h"
#include "tools/benchmark/discovery/engine.h"
#include "tools/benchmark/discovery/store.h"

namespace agiddi::tools {
namespace {

constexpr std::size_t kPayments = 100;
constexpr std::uint64_t kQueriedDevices = 1'000;
constexpr TimeMs kGenesisTime = 1'700'000'000'000;
constexpr MicroUnits kPayerBalance = 1'000'000'000'000;
constexpr std::uint64_t kPayerRank = 1, kMemberRank = 2;   // of the generator's providers: where keys come from

class PreparedPaths final : public HotPaths {
 public:
  ~PreparedPaths() override {
    triples_.reset();
    queried_.reset();
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }

  Outcome<void> prepare_all() {
    if (auto done = prepare_payments(); !done) return done;
    return prepare_queries();
  }

 private:
  // A genesis of one member and a payer with money in the device's currency; the device stands in block 1.
  Outcome<void> prepare_ledger() {
    const GeneratedDevice device = generator_.device(0);
    Genesis genesis;
    genesis.name = "smoke";
    genesis.created = kGenesisTime;
    genesis.rules_version = kRulesVersionMax;
    genesis.units_digest = ontology::units_digest();
    genesis.members.push_back({"node-1", provider_key(generator_, kMemberRank).public_key(), SealingKey::generate().public_key, "127.0.0.1:1"});
    genesis.accounts.push_back({did_from_key(payer_.public_key()), std::string(device.currency), kPayerBalance});
    auto parsed = parse_genesis(write_genesis(genesis));
    if (!parsed) return passed_on(parsed.error());
    genesis_ = std::move(*parsed);
    auto initial = subservices::genesis_state(genesis_);
    if (!initial) return passed_on(initial.error());
    auto ledger = ledger::Ledger::open(*store_, genesis_, *initial);
    if (!ledger) return passed_on(ledger.error());
    ledger_ = std::move(*ledger);
    executor_ = std::make_unique<subservices::Executor>(genesis_);
    const Json document = Json::object({{"devices", Json::array({own_description(generator_, device, {"node-1"})})}});
    auto registration = document_of(provider_key(generator_, device.provider), "device.register", "smoke-device", document.dump());
    if (!registration) return tl::unexpected(registration.error());
    const Batch batch{1, 0, kGenesisTime + 1, {registration->id}};
    const auto executed = executor_->execute(batch, {*registration}, *ledger_->snapshot());
    const Receipt& receipt = executed.apply.block.receipts.at(0);
    if (receipt.status != Status::created) return failed("the device of the hot paths was refused: " + receipt.result);
    ledger_->apply(executed.apply);
    urn_ = device_urn(device_id(registration->id, 0));
    return {};
  }

  Outcome<Transaction> document_of(const KeyPair& key, const char* action, const std::string& jti, const std::string& body) {
    const ProtectedHeader header{did_from_key(key.public_key()), genesis_.network, action, kGenesisTime / 1000, jti};
    auto transaction = parse_transaction(sign_document(key, header, body), body);
    if (!transaction) return passed_on(transaction.error());
    return std::move(*transaction);
  }

  Outcome<void> prepare_payments() {
    if (auto done = prepare_ledger(); !done) return done;
    const GeneratedDevice device = generator_.device(0);
    const std::string cost = device.cost_per_minute;
    const Json item = Json::object({{"device", urn_}, {"version", 1}, {"minutes", 1}, {"amount", cost}});
    const Json body = Json::object({{"payer", did_from_key(payer_.public_key())}, {"items", Json::array({item})}, {"currency", std::string(device.currency)}, {"total", cost}, {"method", "credit"}});
    batch_ = {2, 0, kGenesisTime + 2, {}};
    for (std::size_t i = 0; i < kPayments; ++i) {
      auto payment = document_of(payer_, "payment.create", "smoke-" + std::to_string(i), body.dump());
      if (!payment) return tl::unexpected(payment.error());
      signatures_.push_back(payment->protected_text + ".." + to_base64url(view(payment->signature)));
      records_.push_back(encode_transaction(*payment));
      batch_.transactions.push_back(payment->id);
      payments_.push_back(std::move(*payment));
    }
    snapshot_ = ledger_->snapshot();
    const auto tried = executor_->execute(batch_, payments_, *snapshot_);
    for (const Receipt& receipt : tried.apply.block.receipts) {
      if (receipt.status != Status::created) return failed("a payment of the hot paths was refused: " + receipt.result);
    }
    paths_.push_back({"execute a block of payments", kPayments, [this] { execute(); }});
    paths_.push_back({"read documents as HTTP brings them", kPayments, [this] {
      for (std::size_t i = 0; i < kPayments; ++i) AGIDDI_CHECK(parse_transaction(signatures_[i], payments_[i].body).has_value(), "it was made so");
    }});
    paths_.push_back({"verify their signatures", kPayments, [this] {
      for (const Transaction& payment : payments_) AGIDDI_CHECK(verify_signature(payment), "it was signed so");
    }});
    paths_.push_back({"decode records as peers send them", kPayments, [this] {
      for (const Bytes& record : records_) AGIDDI_CHECK(decode_transaction(record).has_value(), "it was encoded so");
    }});
    paths_.push_back({"encode records and their batch", kPayments, [this] {
      std::size_t size = encode_batch(batch_).size();
      for (const Transaction& payment : payments_) size += encode_transaction(payment).size();
      AGIDDI_CHECK(size > 0, "records are not empty");
    }});
    return {};
  }

  void execute() {
    const auto executed = executor_->execute(batch_, payments_, *snapshot_);
    AGIDDI_CHECK(executed.apply.block.receipts.size() == kPayments, "each payment has its receipt");
  }

  Outcome<void> prepare_queries() {
    std::string folder = (std::filesystem::temp_directory_path() / "agiddi-smoke-XXXXXX").string();
    if (!::mkdtemp(folder.data())) return failed("cannot make a folder below " + std::filesystem::temp_directory_path().string());
    folder_ = folder;
    auto store = open_bench_store(folder_ + "/store", StoreKind::columns);
    if (!store) return tl::unexpected(store.error());
    queried_ = std::move(*store);
    ledger::TripleChanges block;
    for (std::uint64_t i = 0; i < kQueriedDevices; ++i) {
      for (ledger::Triple& triple : peer_triples(generator_.device(i))) block.push_back({std::move(triple), true});
    }
    queried_->apply(block);
    triples_ = queried_->view();
    for (const PeerQuery& query : peer_queries()) {
      if (auto answer = run_query(query.text, *triples_); !answer) return passed_on(answer.error());
      paths_.push_back({"query " + query.name, 1, [this, &query] { AGIDDI_CHECK(run_query(query.text, *triples_).has_value(), "it was answered before"); }});
    }
    return {};
  }

  const DeviceGenerator generator_{1, kQueriedDevices};
  const KeyPair payer_ = provider_key(generator_, kPayerRank);
  Genesis genesis_;
  std::unique_ptr<ledger::MemoryStore> store_ = ledger::make_memory_store();
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<subservices::Executor> executor_;
  std::shared_ptr<const ledger::LedgerSnapshot> snapshot_;
  std::string urn_, folder_;
  std::vector<Transaction> payments_;
  std::vector<std::string> signatures_;
  std::vector<Bytes> records_;
  Batch batch_;
  std::unique_ptr<BenchStore> queried_;
  std::shared_ptr<const ledger::TripleSource> triples_;
};

}  // namespace

Outcome<std::unique_ptr<HotPaths>> HotPaths::prepare() {
  auto paths = std::make_unique<PreparedPaths>();
  if (auto done = paths->prepare_all(); !done) return tl::unexpected(done.error());
  return paths;
}

}  // namespace agiddi::tools
