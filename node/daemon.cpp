#include "node/daemon.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <thread>

#include "ledger/check_store.h"
#include "node/chain_driver.h"
#include "node/delivery/delivery_service.h"
#include "node/file_limit.h"
#include "node/http/api.h"
#include "node/http/server.h"
#include "node/log.h"
#include "node/node_store.h"
#include "node/rewrap.h"
#include "node/snapshots.h"
#include "node/store_scrub.h"
#include "subservices/derived_triples.h"

namespace agiddi::node {
namespace {

constexpr std::size_t kClientThreads = 2;
constexpr std::size_t kWorkerThreads = 2;
constexpr std::size_t kWorkerQueue = 256;
constexpr auto kStopGrace = std::chrono::milliseconds(500);

std::int64_t folder_bytes(const std::string& folder) {
  std::uint64_t sum = 0;
  std::error_code failure;
  for (auto entry = std::filesystem::recursive_directory_iterator(folder, failure); entry != std::filesystem::recursive_directory_iterator();
       entry.increment(failure)) {
    if (failure) break;
    std::error_code gone;
    const auto size = entry->is_regular_file(gone) ? entry->file_size(gone) : 0;
    if (!gone) sum += size;
  }
  return static_cast<std::int64_t>(sum);
}

int complain(const std::string& problem) {
  std::fprintf(stderr, "agiddi-node: %s\n", problem.c_str());
  return 1;
}

std::string own_url(const NodeConfig& config, std::uint16_t port) {
  if (!config.http.public_url.empty()) return config.http.public_url;
  return (config.http.certificate_file.empty() ? "http://" : "https://") + Endpoint{config.http.listen.host, port}.text();
}

}  // namespace

struct Daemon::Parts {
  using Guard = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;

  Metrics metrics;
  // Apart: what thousands of clients are sent at once delays no word of the consensus.
  boost::asio::io_context chain_io{1}, io;
  Guard chain_guard{chain_io.get_executor()}, guard{io.get_executor()};
  NodeStore open;
  std::unique_ptr<ChainDriver> chain;
  std::unique_ptr<DeliveryLedger> delivery_ledger;
  std::unique_ptr<DeliveryService> delivery;
  std::unique_ptr<Rewrap> rewrap;
  std::unique_ptr<Lane> workers;
  std::unique_ptr<HttpServer> http;
  std::unique_ptr<StoreScrub> scrub;
  std::vector<std::thread> threads;
  bool stopped = false;
  std::mutex restart_mutex;
  bool restart = false;
  std::function<void()> on_restart;

  explicit Parts(NodeStore opened) : open(std::move(opened)) {}

  Result<void> start(const NodeConfig& config) {
    const std::string network = open.keys->genesis().network;
    chain = std::make_unique<ChainDriver>(std::move(open.keys), *open.ledger, config, chain_io, metrics, [this] { restart_wanted(); });
    if (config.unverified_clients) log_warn("THIS NETWORK IS A BENCHMARK: anyone may sign as anyone, clients' documents are taken without verifying their signatures", {{"network", network}});
    delivery_ledger = make_delivery_ledger(*chain, *open.ledger);
    const std::size_t files = raise_file_limit();
    const FilePlan plan = plan_files(files, config.http.connections_max, config.http.watchers_max);
    if (!plan.enough) {
      log_warn(
          "too few files may be open: fewer clients than configured are served; raise the hard limit (LimitNOFILE of the service, ulimit -Hn), or lower "
          "http.watchers_max",
          {{"allowed", files}, {"wanted", plan.wanted}, {"connections", plan.connections}, {"watchers", plan.watchers}, {"webhooks", plan.webhooks}});
    }
    DeliveryOptions options;
    options.webhooks_max = plan.webhooks;
    options.broker_url = config.broker.url;
    options.broker_public_url = config.broker.public_url;
    options.broker_username = config.broker.username;
    options.broker_password = config.broker.password;
    options.broker_flows = config.broker.flows;
    options.public_url = own_url(config, config.http.listen.port);
    options.allow_private_endpoints = config.allow_private_endpoints;
    delivery = std::make_unique<DeliveryService>(*chain, *delivery_ledger, options);
    workers = std::make_unique<Lane>("workers", kWorkerQueue, kWorkerThreads);
    HttpConfig http_config = config.http;
    http_config.connections_max = plan.connections;
    ApiContext context{*chain, *delivery, *workers, metrics, options.public_url};
    context.watchers_max = plan.watchers;
    context.notes = delivery_ledger.get();
    auto server = HttpServer::create(io, http_config, make_api_router(context, io), metrics);
    if (!server) return tl::unexpected(server.error());
    http = std::move(*server);
    register_gauges(config);
    Counter& store_checks = metrics.counter("agiddi_store_checks_total", "Passes over all of the store's files that found no damage.");
    run("chain-io", chain_io);
    for (std::size_t i = 0; i < kClientThreads; ++i) run("client-io", io);
    if (auto listening = chain->start(config); !listening) return listening;
    delivery->start();
    rewrap = std::make_unique<Rewrap>(*chain, io);
    rewrap->start();
    http->start();
    scrub = std::make_unique<StoreScrub>(*open.store, store_checks);
    log_info("node started", {{"node", chain->self().id}, {"network", network}, {"height", chain->snapshot()->height()}, {"http", options.public_url}, {"peer", config.peer_listen.text()}});
    return {};
  }

  void run(const char* name, boost::asio::io_context& context) {
    threads.emplace_back([name, &context] {
      pthread_setname_np(pthread_self(), name);
      context.run();
    });
  }

  void restart_wanted() {
    const std::lock_guard lock(restart_mutex);
    restart = true;
    if (on_restart) on_restart();
  }

  void on_restart_wanted(std::function<void()> wanted) {
    const std::lock_guard lock(restart_mutex);
    on_restart = std::move(wanted);
    if (restart) on_restart();
  }

  void register_gauges(const NodeConfig& config) {
    metrics.read_value("agiddi_block_height", "Height of the last applied block.", [this] { return static_cast<std::int64_t>(chain->snapshot()->height()); });
    metrics.read_value("agiddi_certified_height", "Height of the last certified block.", [this] { return static_cast<std::int64_t>(chain->snapshot()->certified_height()); });
    metrics.read_value("agiddi_columns_bytes", "Memory of the triples and terms that queries read; 0 where they read the disk.",
                       [this] { return static_cast<std::int64_t>(open.ledger->columns_bytes()); });
    metrics.read_value("agiddi_view", "PBFT view.", [this] { return static_cast<std::int64_t>(chain->status().view); });
    metrics.read_value("agiddi_epoch", "Epoch of the member set in force.", [this] { return static_cast<std::int64_t>(chain->status().epoch); });
    metrics.read_value("agiddi_mempool_transactions", "Transactions held for a coming block.", [this] { return static_cast<std::int64_t>(chain->status().mempool); });
    metrics.read_value("agiddi_syncing", "1 while blocks that others certified are missing here.", [this] { return chain->status().syncing ? 1 : 0; });
    metrics.read_value("agiddi_snapshot_members_lying", "Members that sent parts of a snapshot that do not hold.", [this] { return static_cast<std::int64_t>(chain->engine_status().snapshot_liars); });
    metrics.read_value("agiddi_epoch_proofs_refused_total", "Member sets that a peer sent and did not prove.", [this] { return static_cast<std::int64_t>(chain->engine_status().epoch_proofs_refused); });
    metrics.read_value("agiddi_snapshot_chunks_missing", "Chunks that a download of a snapshot still lacks.", [this] {
      const auto download = chain->engine_status().snapshot;
      return download ? static_cast<std::int64_t>(download->chunks - download->chunks_here) : 0;
    });
    metrics.read_value("agiddi_data_bytes", "Size of the data folder, snapshots included.", [folder = config.data_folder] { return folder_bytes(folder); });
    const Installed join = open.installed.value_or(Installed{});
    metrics.gauge("agiddi_join_height", "Height of the snapshot that this start installed; 0 when it installed none.").set(static_cast<std::int64_t>(join.height));
    metrics.gauge("agiddi_join_fetched_bytes", "What was fetched for it.").set(static_cast<std::int64_t>(join.fetched_bytes));
    metrics.gauge("agiddi_join_milliseconds", "How long fetching and installing it took.").set(join.fetch_ms + join.install_ms);
    metrics.read_value("agiddi_peers_connected", "Other members that this node is connected to.", [this] {
      std::int64_t connected = 0;
      for (const PeerStatus& peer : chain->status().peers) connected += peer.connected ? 1 : 0;
      return connected;
    });
    const auto link = [this](const char* name, const char* help, const std::atomic<std::uint64_t> PeerCounters::*value) {
      metrics.read_value(name, help, [this, value] { return static_cast<std::int64_t>((chain->peer_counters().*value).load()); });
    };
    const auto delivered = [this](const char* name, const char* help, auto value, const Labels& labels = {}) {
      metrics.read_value(name, help, [this, value] { return static_cast<std::int64_t>(delivery ? delivery->counters().*value : 0); }, labels);
    };
    delivered("agiddi_delivery_messages_total", "Messages that came from commanded devices.", &DeliveryCounters::received);
    delivered("agiddi_delivery_measurements_total", "Measurements that were forwarded.", &DeliveryCounters::forwarded);
    delivered("agiddi_delivery_paid_bytes_total", "Bytes of payload that were counted.", &DeliveryCounters::bytes);
    delivered("agiddi_delivery_integrations", "Integrations that this node serves.", &DeliveryCounters::integrations);
    delivered("agiddi_delivery_streams", "Clients of event streams.", &DeliveryCounters::streams);
    delivered("agiddi_delivery_webhooks", "Integrations whose readings are posted to a webhook.", &DeliveryCounters::webhooks);
    delivered("agiddi_delivery_flows", "Devices whose readings go through the broker's plugin alone.", &DeliveryCounters::flows);
    delivered("agiddi_delivery_broker_connected", "1 while every grant is in force at the broker.", &DeliveryCounters::broker_connected);
    using Dropped = std::pair<const char*, std::uint64_t DeliveryCounters::*>;
    for (const auto& [why, value] : {Dropped("unreadable", &DeliveryCounters::unreadable), Dropped("unknown_sensor", &DeliveryCounters::unknown_sensor), Dropped("duplicate", &DeliveryCounters::duplicates),
                                     Dropped("no_receiver", &DeliveryCounters::no_receiver), Dropped("overflow", &DeliveryCounters::overflow), Dropped("beyond_limit", &DeliveryCounters::beyond_limit)}) {
      delivered("agiddi_delivery_dropped_total", "Messages of devices that were neither forwarded nor counted, by the reason.", value, {{"why", why}});
    }
    link("agiddi_peer_links_refused_total", "Links and frames that ended a link: no member's key, another member's, an oversized frame.", &PeerCounters::refused);
    link("agiddi_peer_frames_dropped_total", "Frames that were not sent: the peer was away, or its queue was full.", &PeerCounters::dropped);
    link("agiddi_peer_frames_in_total", "Frames that came from peers.", &PeerCounters::frames_in);
    link("agiddi_peer_frames_out_total", "Frames that went to peers.", &PeerCounters::frames_out);
    link("agiddi_peer_bytes_in_total", "Bytes of the frames that came.", &PeerCounters::bytes_in);
    link("agiddi_peer_bytes_out_total", "Bytes of the frames that went.", &PeerCounters::bytes_out);
  }

  // Against the direction of the data: requests first, the store last.
  void stop() {
    if (stopped) return;
    stopped = true;
    scrub.reset();
    if (http) http->stop();
    if (delivery) delivery->stop();
    if (rewrap) rewrap->stop();
    if (workers) workers->stop();
    if (chain) chain->stop();
    const auto deadline = std::chrono::steady_clock::now() + kStopGrace;
    while (http && !http->stopped() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    guard.reset();
    chain_guard.reset();
    io.stop();
    chain_io.stop();
    for (std::thread& thread : threads) thread.join();
    http.reset();
    delivery.reset();
    rewrap.reset();
    chain.reset();
    log_info("stopped", {{"height", open.ledger->height()}});
  }

  ~Parts() { stop(); }
};

Daemon::Daemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Daemon::~Daemon() = default;

Result<std::unique_ptr<Daemon>> Daemon::start(const NodeConfig& config) {
  auto opened = open_node_store(config);
  if (!opened) return tl::unexpected(opened.error());
  auto parts = std::make_unique<Parts>(std::move(*opened));
  if (auto started = parts->start(config); !started) return tl::unexpected(started.error());
  return std::unique_ptr<Daemon>(new Daemon(std::move(parts)));
}

void Daemon::stop() { parts_->stop(); }
void Daemon::on_restart_wanted(std::function<void()> wanted) { parts_->on_restart_wanted(std::move(wanted)); }

int check_node_store(const NodeConfig& config) {
  const auto opened = open_node_store(config);
  if (!opened) return complain(opened.error().detail);
  // Before anything is compared: a comparison that meets a damaged file can only abort.
  if (const auto damage = opened->store->find_damage(std::atomic<bool>{false})) return complain(*damage);
  const std::vector<std::string> findings = ledger::check_store(*opened->store, subservices::triple_rules());
  for (const std::string& finding : findings) std::fprintf(stderr, "agiddi-node: %s\n", finding.c_str());
  const auto snapshot = opened->ledger->snapshot();
  std::printf("height %llu, blocks from %llu, state digest %s, %zu findings\n", static_cast<unsigned long long>(snapshot->height()),
              static_cast<unsigned long long>(snapshot->first_block()), snapshot->header().state_digest.hex().c_str(), findings.size());
  return findings.empty() ? 0 : 1;
}

int export_node_snapshot(const NodeConfig& config, const std::string& folder) {
  const auto opened = open_node_store(config);
  if (!opened) return complain(opened.error().detail);
  const auto snapshot = opened->ledger->snapshot();
  const auto certificate = snapshot->certificate(snapshot->height());
  if (!certificate) {
    return complain("the latest block has no certificate here yet: start the node until it is connected to a quorum, stop it, and try again");
  }
  const std::atomic<bool> go_on{false};
  const auto made = ledger::SnapshotFolder(folder).make(*snapshot, *certificate, snapshot->member_changes(), go_on);
  if (!made) return complain(made.error().detail);
  std::printf("height %llu, %llu bytes in %zu chunks: %s\n", static_cast<unsigned long long>(made->manifest.height()),
              static_cast<unsigned long long>(made->manifest.total_bytes), made->manifest.chunks.size(), made->path.c_str());
  return 0;
}

int restore_node_snapshot(const NodeConfig& config, const std::string& folder) {
  // The backup first: one that is damaged leaves the data folder as it is.
  const auto keys = load_node_keys(config);
  if (!keys) return complain(keys.error().detail);
  const auto snapshot = ledger::read_stored_snapshot(folder);
  if (!snapshot) return complain(snapshot.error().detail);
  const auto changes = ledger::read_stored_member_changes(*snapshot);
  if (!changes) return complain(changes.error().detail);
  const auto epochs = check_member_changes((*keys)->genesis(), *changes, folder);
  if (!epochs) return complain(epochs.error().detail);
  const auto verified = check_stored((*keys)->genesis(), *snapshot, *epochs);
  if (!verified) return complain(verified.error().detail);
  auto opened = open_node_store(config);
  if (!opened) return complain(opened.error().detail);
  if (opened->ledger->height() > 0) {
    return complain(config.data_folder + ": holds a ledger of height " + std::to_string(opened->ledger->height()) + ": a backup is restored into an empty data folder");
  }
  // With them this node proves old blocks to others, and itself knows who certified them. Synced with the state.
  for (std::size_t i = 0; i < changes->size(); ++i) opened->ledger->store_member_change(i + 1, (*changes)[i]);
  opened->ledger.reset();
  const auto done = install_checked(*opened->store, *verified, *snapshot);
  if (!done) return complain(done.error().detail);
  std::printf("height %llu, state digest %s, %llu bytes, %lld ms\n", static_cast<unsigned long long>(done->height),
              snapshot->manifest.header.state_digest.hex().c_str(), static_cast<unsigned long long>(done->bytes), static_cast<long long>(done->install_ms));
  return 0;
}

}  // namespace agiddi::node
