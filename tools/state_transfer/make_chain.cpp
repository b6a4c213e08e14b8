// make_chain CLUSTER BLOCKS [TRANSACTIONS]: goes on with the chain in node 1's data folder up to height BLOCKS, with so many transactions (1) in each
// block, by the executor itself and certified with the members' own keys, as fast as the disk goes: every tenth transaction registers a device, the
// others move credit. The blocks are 1 ms apart and begin at the genesis time, so that the chain lies in the past when it is done. For
// measurements only: it has all the keys of the cluster.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "node/node_store.h"
#include "node/snapshots.h"
#include "protocol/crypto/crypto.h"
#include "protocol/encoding.h"
#include "subservices/executor.h"
#include "subservices/genesis_state.h"

namespace {

using namespace agiddi;

constexpr std::uint64_t kSnapshotEvery = 10'000;

[[noreturn]] void stop(const std::string& problem) {
  std::fprintf(stderr, "make_chain: %s\n", problem.c_str());
  std::exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) stop(result.error().detail);
  return *std::move(result);
}

// The chain is only of use when it is whole, so nothing is synced on the way.
class UnsyncedStore final : public ledger::KvStore {
 public:
  explicit UnsyncedStore(ledger::KvStore& store) : store_(store) {}
  std::optional<Bytes> get(ledger::Column column, BytesView key) const override { return store_.get(column, key); }
  void scan(ledger::Column column, BytesView from, BytesView to, const std::function<bool(BytesView, BytesView)>& visit) const override {
    store_.scan(column, from, to, visit);
  }
  void scan_reverse(ledger::Column column, BytesView from, BytesView to, const std::function<bool(BytesView, BytesView)>& visit) const override {
    store_.scan_reverse(column, from, to, visit);
  }
  void write(const ledger::KvBatch& batch, bool) override { store_.write(batch, false); }
  std::shared_ptr<const ledger::KvReader> snapshot() const override { return store_.snapshot(); }

 private:
  ledger::KvStore& store_;
};

Json device(const Genesis& genesis, std::uint64_t number) {
  Json recipients = Json::array();
  for (const Member& member : genesis.members) {
    recipients.push(Json::object({{"member", member.id}, {"key", to_base64url(Bytes(80, static_cast<char>(number)))}}));
  }
  Json json = *parse_json(R"({"type":"WeatherStation","location":{"latitude":48.2,"longitude":16.37},
    "sensors":[{"name":"air","observedProperty":"Temperature","unit":"Cel","range":{"min":-40,"max":60}}],
    "cost":{"currency":"EUR","perMinute":"0.10"},"payment":{"methods":["credit"]}})");
  json.set("name", "Station " + std::to_string(number));
  json.set("access", Json::object({{"protocol", "mqtt"},
                                   {"sealed", Json::object({{"ciphertext", to_base64url("sealed access data, number " + std::to_string(number))},
                                                            {"nonce", to_base64url(Bytes(24, 'n'))},
                                                            {"recipients", std::move(recipients)}})}}));
  return json;
}

}  // namespace

int main(int argc, char** argv) {
  crypto_init();
  if (argc != 3 && argc != 4) stop("usage: make_chain CLUSTER BLOCKS [TRANSACTIONS]");
  const std::string cluster = argv[1];
  const std::uint64_t blocks = std::strtoull(argv[2], nullptr, 10);
  const std::uint64_t transactions = argc == 4 ? std::max(1ull, std::strtoull(argv[3], nullptr, 10)) : 1;

  const auto config = must(node::load_config(cluster + "/nodes/node-1/node.toml"));
  auto opened = must(node::open_node_store(config));
  const Genesis& genesis = opened.keys->genesis();
  std::vector<KeyPair> keys;
  for (std::size_t i = 0; i < genesis.members.size(); ++i) {
    keys.push_back(must(load_key_file(cluster + "/nodes/node-" + std::to_string(i + 1) + "/node.jwk")));
  }
  const KeyPair provider = must(load_key_file(cluster + "/accounts/provider.jwk"));
  const KeyPair payer = must(load_key_file(cluster + "/accounts/application-1.jwk"));
  const std::uint64_t here = opened.ledger->height();
  std::uint64_t number = here;   // of the transaction
  const std::string receiver = did_from_key(provider.public_key());
  UnsyncedStore store(*opened.store);
  opened.ledger.reset();
  const auto ledger = must(ledger::Ledger::open(store, genesis, must(subservices::genesis_state(genesis))));

  const subservices::Executor executor(genesis);
  ledger::SnapshotFolder snapshots(node::snapshot_folder_of(config.data_folder));
  const std::atomic<bool> go_on{false};
  const auto began = std::chrono::steady_clock::now();
  for (std::uint64_t height = here + 1; height <= blocks; ++height) {
    const TimeMs time = genesis.created + static_cast<TimeMs>(height);
    Batch batch{height, 0, time, {}};
    std::vector<Transaction> bodies;
    for (std::uint64_t i = 0; i < transactions; ++i) {
      bodies.push_back(++number % 10 == 0 ? make_transaction(provider, genesis.network, "device.register", time / 1000,
                                                             Json::object({{"devices", Json::array({device(genesis, number)})}}).dump())
                                          : make_transaction(payer, genesis.network, "credit.transfer", time / 1000,
                                                             Json::object({{"to", receiver}, {"currency", "EUR"}, {"amount", "0.000001"}}).dump()));
      batch.transactions.push_back(bodies.back().id);
    }
    auto executed = executor.execute(batch, std::move(bodies), *ledger->snapshot());
    for (const Receipt& receipt : executed.apply.block.receipts) {
      if (receipt.status != Status::created) stop("block " + std::to_string(height) + ": " + receipt.result);
    }
    ledger->apply(executed.apply);
    QuorumCertificate certificate;
    for (std::size_t i = 0; i < genesis.member_set().quorum(); ++i) {
      const std::string& id = genesis.members[i].id;
      certificate.signatures.push_back({id, keys[i].sign(header_vote_bytes(executed.apply.block.header, id))});
    }
    std::sort(certificate.signatures.begin(), certificate.signatures.end(), [](const auto& a, const auto& b) { return a.validator < b.validator; });
    ledger->store_certificate(height, certificate);
    if (height % kSnapshotEvery == 0) {
      const auto before = std::chrono::steady_clock::now();
      const auto made = must(snapshots.make(*ledger->snapshot(), certificate, {}, go_on));
      snapshots.keep_latest(2);
      const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - before).count();
      std::printf("height %llu: snapshot of %llu bytes in %zu chunks, %lld ms\n", static_cast<unsigned long long>(height),
                  static_cast<unsigned long long>(made.manifest.total_bytes), made.manifest.chunks.size(), static_cast<long long>(ms));
      std::fflush(stdout);
    }
  }
  opened.store->write({}, true);
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::printf("%llu blocks, %llu transactions in %.1f s\n", static_cast<unsigned long long>(blocks - here), static_cast<unsigned long long>(number - here), seconds);
  const auto end = std::chrono::milliseconds(genesis.created + static_cast<TimeMs>(blocks));
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  if (now < end) std::this_thread::sleep_for(end - now);
  return 0;
}
