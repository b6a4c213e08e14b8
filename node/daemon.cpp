#include "node/daemon.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "node/chain_driver.h"
#include "node/delivery/delivery_service.h"
#include "node/http/api.h"
#include "node/http/server.h"
#include "node/log.h"
#include "node/store_scrub.h"
#include "ontology/units.h"
#include "subservices/genesis_state.h"

namespace agiddi::node {
namespace {

constexpr std::size_t kIoThreads = 2;
constexpr std::size_t kWorkerThreads = 2;
constexpr std::size_t kWorkerQueue = 256;
constexpr auto kStopGrace = std::chrono::milliseconds(500);

struct OpenStore {
  NodeKeys keys;
  std::unique_ptr<ledger::KvStore> store;
  std::unique_ptr<ledger::Ledger> ledger;
};

Result<OpenStore> open_store(const NodeConfig& config) {
  auto keys = load_node_keys(config);
  if (!keys) return tl::unexpected(keys.error());
  if (keys->genesis.units_digest != ontology::units_digest()) {
    return fail(Status::invalid, config.genesis_file + ": unitsDigest is not that of this program's unit table; all members must run the same table");
  }
  std::error_code failure;
  std::filesystem::create_directories(config.data_folder, failure);
  if (failure) return fail(Status::unavailable, config.data_folder + ": cannot be made: " + failure.message());
  auto store = ledger::open_rocks_store(config.data_folder);
  if (!store) return tl::unexpected(store.error());
  const auto initial = subservices::genesis_state(keys->genesis);
  if (!initial) return tl::unexpected(initial.error());
  auto opened = ledger::Ledger::open(**store, keys->genesis, *initial);
  if (!opened) return fail(opened.error().status, config.data_folder + ": " + opened.error().detail);
  return OpenStore{std::move(*keys), std::move(*store), std::move(*opened)};
}

std::string own_url(const NodeConfig& config, std::uint16_t port) {
  if (!config.http.public_url.empty()) return config.http.public_url;
  return (config.http.certificate_file.empty() ? "http://" : "https://") + Endpoint{config.http.listen.host, port}.text();
}

}  // namespace

struct Daemon::Parts {
  using Guard = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;

  Metrics metrics;
  boost::asio::io_context io;
  Guard guard{io.get_executor()};
  OpenStore open;
  std::unique_ptr<ChainDriver> chain;
  std::unique_ptr<DeliveryLedger> delivery_ledger;
  std::unique_ptr<DeliveryService> delivery;
  std::unique_ptr<Lane> workers;
  std::unique_ptr<HttpServer> http;
  std::unique_ptr<StoreScrub> scrub;
  std::vector<std::thread> threads;
  bool stopped = false;

  explicit Parts(OpenStore opened) : open(std::move(opened)) {}

  Result<void> start(const NodeConfig& config) {
    const Member self = open.keys.genesis.members[open.keys.self];
    const std::string network = open.keys.genesis.network;
    chain = std::make_unique<ChainDriver>(std::move(open.keys), *open.ledger, config.consensus, io, metrics);
    delivery_ledger = make_delivery_ledger(*chain, *open.ledger);
    DeliveryOptions options;
    options.broker_url = config.broker.url;
    options.broker_username = config.broker.username;
    options.broker_password = config.broker.password;
    options.public_url = own_url(config, config.http.listen.port);
    options.allow_private_endpoints = config.allow_private_endpoints;
    delivery = std::make_unique<DeliveryService>(*chain, *delivery_ledger, options);
    workers = std::make_unique<Lane>("workers", kWorkerQueue, kWorkerThreads);
    Router router = make_api_router(ApiContext{*chain, *delivery, *workers, metrics, options.public_url}, io);
    auto server = HttpServer::create(io, config.http, std::move(router), metrics);
    if (!server) return tl::unexpected(server.error());
    http = std::move(*server);
    register_gauges();
    for (std::size_t i = 0; i < kIoThreads; ++i) threads.emplace_back([this] { io.run(); });
    if (auto listening = chain->start(config.peer_listen, config.peer_addresses); !listening) return listening;
    delivery->start();
    http->start();
    scrub = std::make_unique<StoreScrub>(*open.store);
    log_info("node started", {{"node", self.id}, {"network", network}, {"height", chain->snapshot()->height()}, {"http", options.public_url}, {"peer", config.peer_listen.text()}});
    return {};
  }

  void register_gauges() {
    metrics.gauge_read("agiddi_block_height", "Height of the last applied block.", [this] { return static_cast<std::int64_t>(chain->snapshot()->height()); });
    metrics.gauge_read("agiddi_certified_height", "Height of the last certified block.", [this] { return static_cast<std::int64_t>(chain->snapshot()->certified_height()); });
    metrics.gauge_read("agiddi_view", "PBFT view.", [this] { return static_cast<std::int64_t>(chain->status().view); });
    metrics.gauge_read("agiddi_mempool_transactions", "Transactions held for a coming block.", [this] { return static_cast<std::int64_t>(chain->status().mempool); });
    metrics.gauge_read("agiddi_syncing", "1 while blocks that others certified are missing here.", [this] { return chain->status().syncing ? 1 : 0; });
    metrics.gauge_read("agiddi_peers_connected", "Other members that this node is connected to.", [this] {
      std::int64_t connected = 0;
      for (const PeerStatus& peer : chain->status().peers) connected += peer.connected ? 1 : 0;
      return connected;
    });
  }

  // Against the direction of the data: requests first, the store last.
  void stop() {
    if (stopped) return;
    stopped = true;
    scrub.reset();
    if (http) http->stop();
    if (delivery) delivery->stop();
    if (workers) workers->stop();
    if (chain) chain->stop();
    const auto deadline = std::chrono::steady_clock::now() + kStopGrace;
    while (http && !http->stopped() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    guard.reset();
    io.stop();
    for (std::thread& thread : threads) thread.join();
    http.reset();
    delivery.reset();
    chain.reset();
    log_info("stopped", {{"height", open.ledger->height()}});
  }

  ~Parts() { stop(); }
};

Daemon::Daemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Daemon::~Daemon() = default;

Result<std::unique_ptr<Daemon>> Daemon::start(const NodeConfig& config) {
  auto opened = open_store(config);
  if (!opened) return tl::unexpected(opened.error());
  auto parts = std::make_unique<Parts>(std::move(*opened));
  if (auto started = parts->start(config); !started) return tl::unexpected(started.error());
  return std::unique_ptr<Daemon>(new Daemon(std::move(parts)));
}

void Daemon::stop() { parts_->stop(); }

int check_node_store(const NodeConfig& config) {
  const auto opened = open_store(config);
  if (!opened) {
    std::fprintf(stderr, "agiddi-node: %s\n", opened.error().detail.c_str());
    return 1;
  }
  // Before anything is compared: a comparison that meets a damaged file can only abort.
  if (const auto damage = opened->store->find_damage(std::atomic<bool>{false})) {
    std::fprintf(stderr, "agiddi-node: %s\n", damage->c_str());
    return 1;
  }
  const std::vector<std::string> findings = ledger::check_store(*opened->store);
  for (const std::string& finding : findings) std::fprintf(stderr, "agiddi-node: %s\n", finding.c_str());
  std::printf("height %llu, state digest %s, %zu findings\n", static_cast<unsigned long long>(opened->ledger->height()),
              opened->ledger->snapshot()->header().state_digest.hex().c_str(), findings.size());
  return findings.empty() ? 0 : 1;
}

}  // namespace agiddi::node
