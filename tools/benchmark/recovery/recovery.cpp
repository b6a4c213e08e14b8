// How long it takes until a node serves again: started on a ledger of so many devices; and a cluster whose primary was killed.
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "tools/benchmark/bench_cluster.h"
#include "tools/benchmark/benchmarks.h"
#include "tools/benchmark/consensus/peer_traffic.h"
#include "tools/benchmark/discovery/timing.h"
#include "tools/benchmark/figures.h"
#include "tools/benchmark/footprint.h"
#include "tools/benchmark/recovery/bulk_chain.h"
#include "tools/benchmark/report/tables.h"
#include "tools/benchmark/spread.h"
#include "tools/cli/cluster/cluster.h"
#include "tools/cli/cluster/process.h"
#include "tools/cli/node_client.h"

namespace agiddi::tools {
namespace {

constexpr double kStartWithin_s = 120, kCommitWithin_s = 60;
constexpr double kAgreedWithin_s = 30, kPortsWithin_s = 10;
constexpr auto kAgreedPoll = std::chrono::milliseconds(50);
constexpr auto kStartPoll = std::chrono::milliseconds(2);
constexpr int kProbe_ms = 5'000;

class ScratchFolder {
 public:
  static Outcome<std::unique_ptr<ScratchFolder>> make() {
    std::string path = (std::filesystem::temp_directory_path() / "agiddi-bench-XXXXXX").string();
    if (!::mkdtemp(path.data())) return failed("cannot make a folder below " + std::filesystem::temp_directory_path().string());
    return std::unique_ptr<ScratchFolder>(new ScratchFolder(path));
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

// A daemon that is stopped with the object.
class RunningNode {
 public:
  explicit RunningNode(ProcessId process) : process_(std::move(process)) {}
  ~RunningNode() { (void)stop_processes({process_}, false); }
  RunningNode(const RunningNode&) = delete;
  RunningNode& operator=(const RunningNode&) = delete;
  const ProcessId& process() const { return process_; }

 private:
  const ProcessId process_;
};

struct NodeStart {
  double status_s = 0, ready_s = 0, memory_mib = 0;
};

Outcome<NodeStart> start_once(const ClusterPlan& plan, std::uint64_t height) {
  const PlannedNode& node = plan.nodes[0];
  const std::string folder = plan.node_folder(node);
  const auto begin = BenchClock::now();
  auto process = launch({{own_folder() + "/agiddi-node", "--config", folder + "/node.toml"}, folder, plan.node_log(node), {}});
  if (!process) return tl::unexpected(process.error());
  const RunningNode running(*process);
  NodeStart start;
  for (const char* path : {"/v1/status", "/readyz"}) {
    while (!NodeClient(node.url(), kProbe_ms).get(path, "application/json")) {
      if (!is_running(running.process()) || seconds_since(begin) > kStartWithin_s) return failed("the node does not answer " + std::string(path) + ": " + last_lines(plan.node_log(node), 5));
      std::this_thread::sleep_for(kStartPoll);
    }
    (start.status_s > 0 ? start.ready_s : start.status_s) = seconds_since(begin);
  }
  start.memory_mib = resident_mib(std::to_string(running.process().pid));
  auto status = NodeClient(node.url()).get_json("/v1/status");
  if (!status) return tl::unexpected(status.error());
  const Json* own = status->find("height");
  if (!own || !own->is_number() || std::stoull(own->number_text()) < height) return failed("the node came up without all of its blocks");
  return start;
}

// kept: where it is kept, and taken from when it is there; empty: nowhere.
Outcome<Json> measure_starts(std::int64_t devices, std::int64_t repetitions, const std::string& kept) {
  std::unique_ptr<ScratchFolder> scratch;
  Outcome<BulkChain> chain = failed("");
  if (kept.empty()) {
    auto folder = ScratchFolder::make();
    if (!folder) return tl::unexpected(folder.error());
    scratch = std::move(*folder);
    chain = make_bulk_chain(scratch->path() + "/cluster", static_cast<std::uint64_t>(devices));
  } else {
    chain = kept_bulk_chain(std::filesystem::absolute(kept).string() + "/devices-" + std::to_string(devices), static_cast<std::uint64_t>(devices));
  }
  if (!chain) return tl::unexpected(chain.error());
  std::vector<double> status_s, ready_s, memory;
  for (std::int64_t i = 0; i < repetitions; ++i) {
    auto start = start_once(chain->plan, chain->blocks);
    if (!start) return tl::unexpected(start.error());
    status_s.push_back(start->status_s);
    ready_s.push_back(start->ready_s);
    memory.push_back(start->memory_mib);
  }
  Json row = Json::object({{"devices", devices}, {"blocks", chain->blocks}});
  set_spread(row, "status_s", spread_of(status_s), 3);
  set_spread(row, "ready_s", spread_of(ready_s), 3);
  set_spread(row, "memory_mib", spread_of(memory), 0);
  return row.set("disk_mib", rounded(chain->disk_mib, 1)).set("made_s", rounded(chain->seconds, 1));
}

// A node that was started again may tell of an old view for a while: what all tell is right.
Outcome<std::string> agreed_primary(const BenchCluster& cluster) {
  const auto begin = BenchClock::now();
  for (;; std::this_thread::sleep_for(kAgreedPoll)) {
    std::string primary;
    bool agreed = true;
    for (const std::string& url : cluster.urls()) {
      auto status = NodeClient(url).get_json("/v1/status");
      if (!status) return tl::unexpected(status.error());
      auto told = text_member(*status, "primary");
      if (!told) return told;
      agreed = agreed && (primary.empty() || primary == *told);
      primary = *told;
    }
    if (agreed) return primary;
    if (seconds_since(begin) > kAgreedWithin_s) return failed("the nodes do not agree on their primary");
  }
}

// A killed process may keep its ports for a moment after its end is seen.
Outcome<void> start_again(const BenchCluster& cluster, const std::string& node) {
  const auto begin = BenchClock::now();
  for (;; std::this_thread::sleep_for(kAgreedPoll)) {
    auto started = start_node(cluster.folder(), node);
    if (started) return {};
    if (seconds_since(begin) > kPortsWithin_s) return tl::unexpected(started.error());
  }
}

// The primary dies; a payment is given to another node at once, and again when it is refused, until it is on the ledger.
Outcome<double> commit_after_kill(const BenchCluster& cluster, Payments& payments) {
  auto primary = agreed_primary(cluster);
  if (!primary) return tl::unexpected(primary.error());
  auto plan = read_plan(cluster.folder());
  if (!plan) return tl::unexpected(plan.error());
  const PlannedNode* node = plan->find(*primary);
  if (!node) return failed("the primary " + *primary + " is none of the cluster's nodes");
  const auto index = static_cast<std::size_t>(node - plan->nodes.data());
  const LoadTarget survivor = cluster.targets()[(index + 2) % plan->nodes.size()];   // the next one becomes primary

  const auto begin = BenchClock::now();
  if (auto killed = stop_processes({read_pid_file(plan->node_pid_file(*node))}, true); !killed) return tl::unexpected(killed.error());
  bool committed = false;
  while (!committed) {
    if (seconds_since(begin) > kCommitWithin_s) return failed("nothing was committed after the primary was killed");
    std::size_t sent = 0;
    const LoadResult result = run_load({{survivor}, 1, 0, std::chrono::milliseconds(1'000), [&] { ++sent; return payments.next(); }, [&sent] { return sent > 0; }});
    committed = result.statuses.contains(201);
  }
  const double seconds = seconds_since(begin);
  if (auto again = start_again(cluster, *primary); !again) return tl::unexpected(again.error());
  if (auto level = settled_traffic(cluster); !level) return tl::unexpected(level.error());
  return seconds;
}

}  // namespace

Outcome<Answer> bench_recovery(const RecoveryOptions& options) {
  auto devices = parse_numbers("--devices", options.devices, 0, 10'000'000);
  if (!devices) return tl::unexpected(devices.error());
  const Interruption interruption;
  Json starts = Json::array();
  for (const std::int64_t count : *devices) {
    auto row = measure_starts(count, options.repetitions, options.folder);
    if (!row) return tl::unexpected(row.error());
    starts.push(std::move(*row));
  }
  Json document = Json::object({{"benchmark", "recovery"}, {"nodes", options.nodes}, {"repetitions", options.repetitions}, {"kills", options.kills}, {"starts", std::move(starts)}});
  if (options.kills > 0) {
    auto cluster = BenchCluster::start(static_cast<std::size_t>(options.nodes));
    if (!cluster) return tl::unexpected(cluster.error());
    auto payments = Payments::open(**cluster);
    if (!payments) return tl::unexpected(payments.error());
    std::vector<double> seconds;
    for (std::int64_t i = 0; i < options.kills; ++i) {
      auto one = commit_after_kill(**cluster, **payments);
      if (!one) return tl::unexpected(one.error());
      seconds.push_back(*one);
    }
    Json row = Json::object({{"event", "kill -9 of the primary, until the next commit"}});
    set_spread(row, "seconds", spread_of(seconds), 3);
    document.set("failover", Json::array({std::move(row)}));
  }
  document.set("plots", Json::array({Json::object({{"title", "Start of a node"}, {"table", "starts"}, {"x", "devices"}, {"y", "status_s"}}),
                                     Json::object({{"title", "Memory after the start, MiB"}, {"table", "starts"}, {"x", "devices"}, {"y", "memory_mib"}})}));
  std::string text = tables_text(document);
  return Answer{std::move(document), std::move(text)};
}

}  // namespace agiddi::tools
