// Agreement: throughput against latency by clients, open loop at given rates, what a transaction costs in messages and bytes, and what a block takes. Beside etcd, where it
// is asked for: as many members, the same load generator, the two in turn.
#include <algorithm>

#include "tools/benchmark/benchmarks.h"
#include "tools/benchmark/consensus/block_bytes.h"
#include "tools/benchmark/consensus/etcd_cluster.h"
#include "tools/benchmark/consensus/load_cell.h"
#include "tools/benchmark/consensus/peer_traffic.h"
#include "tools/benchmark/discovery/timing.h"
#include "tools/benchmark/figures.h"
#include "tools/benchmark/report/tables.h"

namespace agiddi::tools {
namespace {

constexpr std::size_t kPreparedASecond = 8'000, kPreparedAClient = 1'000;   // what is signed ahead; a client alone gets no more than a thousand answers a second
constexpr auto kBlockLoad = std::chrono::milliseconds(1'500);
constexpr std::size_t kBlocksLookedAt = 60;

// Payments on a cluster of ours, and what they cost its nodes.
class OwnSide {
 public:
  static Outcome<std::unique_ptr<OwnSide>> start(std::size_t nodes, bool unverified) {
    auto side = std::make_unique<OwnSide>();
    auto cluster = BenchCluster::start(nodes, unverified);
    if (!cluster) return tl::unexpected(cluster.error());
    side->cluster_ = std::move(*cluster);
    auto payments = Payments::open(*side->cluster_, unverified);
    if (!payments) return tl::unexpected(payments.error());
    side->payments_ = std::move(*payments);
    return side;
  }

  LoadResult load(std::size_t clients, double rate, std::chrono::milliseconds duration) {
    const auto a_second = rate > 0 ? static_cast<std::size_t>(rate) : std::min(kPreparedASecond, kPreparedAClient * clients);
    payments_->prepare(a_second * static_cast<std::size_t>(duration.count()) / 1'000 + clients);
    return run_load({cluster_->targets(), clients, rate, duration, [this] { return payments_->next(); }, interrupted});
  }
  const BenchCluster& cluster() const { return *cluster_; }

 private:
  std::unique_ptr<BenchCluster> cluster_;
  std::unique_ptr<Payments> payments_;
};

class ConsensusBench {
 public:
  ConsensusBench(const ConsensusOptions& options, std::vector<std::int64_t> nodes, std::vector<std::int64_t> clients, std::vector<std::int64_t> rates)
      : options_(options), nodes_(std::move(nodes)), clients_(std::move(clients)), rates_(std::move(rates)) {}

  Outcome<Answer> run() {
    for (const std::int64_t nodes : nodes_) {
      if (auto done = measure(nodes); !done) return tl::unexpected(done.error());
    }
    Json document = Json::object({{"benchmark", "consensus"},
                                  {"seconds", options_.seconds},
                                  {"warmup_ms", options_.warmup_ms},
                                  {"clientSignatures", options_.unverified ? kNoClientSignatures : kClientSignatures},
                                  {"repetitions", options_.repetitions}});
    if (!etcd_version_.empty()) document.set("etcd", etcd_version_ + ", all puts at the leader; each idles while the other is measured");
    const auto set = [&document](const char* name, Json& rows) {
      if (!rows.items().empty()) document.set(name, std::move(rows));
    };
    set("closedLoop", closed_);
    set("openLoop", open_);
    set("ratios", ratios_);
    set("traffic", traffic_);
    set("blocks", blocks_);
    Json plots = Json::array({Json::object({{"title", "Throughput and latency, closed loop"}, {"table", "closedLoop"}, {"x", "perSecond"}, {"y", "p50_ms"}, {"series", "system"}})});
    if (nodes_.size() > 1) {
      plots.push(Json::object({{"title", "Messages a transaction"}, {"table", "traffic"}, {"x", "nodes"}, {"y", "messages"}, {"series", "clients"}}));
      plots.push(Json::object({{"title", "Bytes a transaction"}, {"table", "traffic"}, {"x", "nodes"}, {"y", "bytes"}, {"series", "clients"}}));
    }
    document.set("plots", std::move(plots));
    std::string text = tables_text(document);
    return Answer{std::move(document), std::move(text)};
  }

 private:
  Outcome<void> measure(std::int64_t nodes) {
    auto own = OwnSide::start(static_cast<std::size_t>(nodes), options_.unverified);
    if (!own) return tl::unexpected(own.error());
    own_ = std::move(*own);
    if (options_.peer == "etcd") {
      auto etcd = EtcdCluster::start(static_cast<std::size_t>(nodes));
      if (!etcd) return tl::unexpected(etcd.error());
      etcd_ = std::move(*etcd);
      etcd_version_ = etcd_->version();
    }
    for (const std::int64_t clients : clients_) {
      if (auto done = closed_loop(nodes, static_cast<std::size_t>(clients)); !done) return done;
    }
    for (const std::int64_t rate : rates_) {
      if (auto done = open_loop(nodes, static_cast<double>(rate)); !done) return done;
    }
    // What a block takes is read from proofs, and a proof is of signed documents.
    if (auto done = options_.unverified ? Outcome<void>{} : blocks(nodes); !done) return done;
    etcd_.reset();
    own_.reset();
    return {};
  }

  LoadResult load(bool ours, std::size_t clients, double rate, std::int64_t ms) {
    const std::chrono::milliseconds duration(ms);
    return ours ? own_->load(clients, rate, duration) : run_load({{etcd_->leader()}, clients, rate, duration, [this] { return etcd_->next_put(); }, interrupted});
  }

  // The measured runs of both in turn; every other repetition begins with etcd. traffic: of ours, summed up.
  struct Both {
    std::vector<LoadRun> ours, etcd;
    PeerTraffic traffic;
    std::uint64_t done = 0;
  };
  Outcome<Both> repeat(std::size_t clients, double rate) {
    Both both;
    for (std::int64_t i = 0; i < options_.repetitions; ++i) {
      for (const bool first : {true, false}) {
        const bool ours = first == (i % 2 == 0);
        if (!ours && !etcd_) continue;
        load(ours, clients, rate, options_.warmup_ms);
        PeerTraffic before;
        if (ours) {
          auto read = settled_traffic(own_->cluster());
          if (!read) return tl::unexpected(read.error());
          before = *read;
        }
        const LoadRun run = run_of(load(ours, clients, rate, 1'000 * options_.seconds));
        if (interrupted()) return failed("interrupted");
        if (run.done == 0) return failed(std::string(ours ? "the cluster" : "etcd") + " answered none of the requests of " + std::to_string(clients) + " clients");
        (ours ? both.ours : both.etcd).push_back(run);
        if (!ours) continue;
        const auto after = settled_traffic(own_->cluster());
        if (!after) return tl::unexpected(after.error());
        both.traffic.frames += after->frames - before.frames;
        both.traffic.bytes += after->bytes - before.bytes;
        both.traffic.settled_ms = std::max(both.traffic.settled_ms, after->settled_ms);
        both.done += run.done;
      }
    }
    return both;
  }

  static Json row_of(const char* system, std::int64_t nodes, const char* what, std::int64_t value, const std::vector<LoadRun>& runs) {
    Json row = Json::object({{"system", system}, {"nodes", nodes}, {what, value}});
    set_runs(row, runs);
    return row;
  }

  Outcome<void> closed_loop(std::int64_t nodes, std::size_t clients) {
    auto both = repeat(clients, 0);
    if (!both) return tl::unexpected(both.error());
    const auto count = static_cast<std::int64_t>(clients);
    closed_.push(row_of("agiddi", nodes, "clients", count, both->ours));
    const auto done = static_cast<double>(both->done);
    traffic_.push(Json::object({{"nodes", nodes},
                                {"clients", count},
                                {"transactions", both->done},
                                {"messages", rounded(static_cast<double>(both->traffic.frames) / done, 2)},
                                {"bytes", rounded(static_cast<double>(both->traffic.bytes) / done, 0)},
                                {"levelAfter_max_ms", rounded(both->traffic.settled_ms, 0)}}));
    if (!etcd_) return {};
    closed_.push(row_of("etcd", nodes, "clients", count, both->etcd));
    std::vector<double> ratios;
    for (std::size_t i = 0; i < both->ours.size(); ++i) ratios.push_back(both->ours[i].per_second / both->etcd[i].per_second);
    Json row = Json::object({{"nodes", nodes}, {"clients", count}});
    set_spread(row, "oursOverEtcd", spread_of(ratios), 3);
    ratios_.push(std::move(row));
    return {};
  }

  Outcome<void> open_loop(std::int64_t nodes, double rate) {
    auto both = repeat(static_cast<std::size_t>(*std::max_element(clients_.begin(), clients_.end())), rate);
    if (!both) return tl::unexpected(both.error());
    open_.push(row_of("agiddi", nodes, "rate", static_cast<std::int64_t>(rate), both->ours));
    if (etcd_) open_.push(row_of("etcd", nodes, "rate", static_cast<std::int64_t>(rate), both->etcd));
    return {};
  }

  // One client alone makes blocks of one transaction; a hundred make some of about a hundred.
  Outcome<void> blocks(std::int64_t nodes) {
    for (const std::size_t wanted : {std::size_t{1}, std::size_t{100}}) {
      own_->load(wanted, 0, kBlockLoad);
      if (auto level = settled_traffic(own_->cluster()); !level) return tl::unexpected(level.error());
      const auto bytes = nearest_block(own_->cluster(), wanted, kBlocksLookedAt);
      if (!bytes) return tl::unexpected(bytes.error());
      const auto number = [](std::size_t value) { return Json(static_cast<std::uint64_t>(value)); };
      blocks_.push(Json::object({{"nodes", nodes},
                                 {"transactions", number(bytes->transactions)},
                                 {"overhead_bytes", number(bytes->overhead())},
                                 {"header_bytes", number(bytes->header)},
                                 {"certificate_bytes", number(bytes->certificate)},
                                 {"batch_bytes", number(bytes->batch)},
                                 {"transaction_bytes", number(bytes->transaction)},
                                 {"receipt_bytes", number(bytes->receipt)},
                                 {"overheadShare", rounded(bytes->share(), 4)}}));
    }
    return {};
  }

  const ConsensusOptions options_;
  const std::vector<std::int64_t> nodes_, clients_, rates_;
  std::unique_ptr<OwnSide> own_;
  std::unique_ptr<EtcdCluster> etcd_;
  std::string etcd_version_;
  Json closed_ = Json::array(), open_ = Json::array(), ratios_ = Json::array(), traffic_ = Json::array(), blocks_ = Json::array();
};

}  // namespace

Outcome<Answer> bench_consensus(const ConsensusOptions& options) {
  auto nodes = parse_numbers("--nodes", options.nodes, 1, 16);
  if (!nodes) return tl::unexpected(nodes.error());
  auto clients = parse_numbers("--clients", options.clients, 1, 10'000);
  if (!clients) return tl::unexpected(clients.error());
  Outcome<std::vector<std::int64_t>> rates{std::vector<std::int64_t>{}};
  if (!options.rates.empty()) rates = parse_numbers("--rate", options.rates, 1, 1'000'000);
  if (!rates) return tl::unexpected(rates.error());
  const Interruption interruption;   // so that clusters end with this program
  return ConsensusBench(options, *std::move(nodes), *std::move(clients), *std::move(rates)).run();
}

}  // namespace agiddi::tools
