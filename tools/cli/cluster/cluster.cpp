#include "tools/cli/cluster/cluster.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <thread>

#include "tools/cli/cluster/broker_config.h"
#include "tools/cli/cluster/ports.h"
#include "tools/cli/cluster/process.h"
#include "tools/cli/command.h"
#include "tools/cli/files.h"
#include "tools/cli/http_client.h"

namespace agiddi::tools {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr auto kReadyMax = std::chrono::seconds(30);
constexpr auto kBrokerMax = std::chrono::seconds(10);
constexpr auto kLockMax = std::chrono::seconds(60);
constexpr auto kPoll = std::chrono::milliseconds(30);
constexpr int kProbe_ms = 1'000;
constexpr std::size_t kLogLines = 15;
constexpr std::size_t kNodesDefault = 4;

std::atomic<bool> interrupted = false;

// Ctrl-C while processes are being started: they are stopped again before the program ends.
class InterruptGuard {
 public:
  InterruptGuard() {
    interrupted = false;
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = true; };
    for (std::size_t i = 0; i < 3; ++i) ::sigaction(kSignals[i], &action, &former_[i]);
  }
  ~InterruptGuard() {
    for (std::size_t i = 0; i < 3; ++i) ::sigaction(kSignals[i], &former_[i], nullptr);
  }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  static constexpr int kSignals[3] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction former_[3] {};
};

class FolderLock {
 public:
  static Outcome<std::unique_ptr<FolderLock>> take(const std::string& folder) {
    const std::string path = folder + "/cluster.lock";
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return failed("cannot write in " + folder);
    auto lock = std::unique_ptr<FolderLock>(new FolderLock(file));
    for (const auto deadline = Clock::now() + kLockMax; ::flock(file, LOCK_EX | LOCK_NB) != 0; std::this_thread::sleep_for(kPoll)) {
      if (Clock::now() >= deadline) return failed("another agiddi cluster command is at work in " + folder);
    }
    return lock;
  }
  ~FolderLock() { ::close(file_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  explicit FolderLock(int file) : file_(file) {}
  int file_;
};

bool answers(const PlannedNode& node, const char* path) {
  HttpRequest request;
  request.url = node.url() + path;
  request.timeout_ms = kProbe_ms;
  const auto response = http_call(request);
  return response && response->status == 200;
}

ProcessId node_process(const ClusterPlan& plan, const PlannedNode& node) { return read_pid_file(plan.node_pid_file(node)); }
ProcessId broker_process(const ClusterPlan& plan) { return read_pid_file(plan.broker_pid_file()); }

tl::unexpected<Failure> failed_with_log(const std::string& what, const std::string& log) {
  const std::string lines = last_lines(log, kLogLines);
  return failed(what + (lines.empty() ? " (its log " + log + " is empty)" : "; the end of " + log + ":\n" + lines));
}

// Polls until done() or the process is gone or time is up.
Outcome<void> await(const std::string& what, const ProcessId& process, const std::string& log, Clock::time_point deadline, const std::function<bool()>& done) {
  while (!done()) {
    if (interrupted) return failed("interrupted");
    if (!is_running(process)) return failed_with_log(what + " ended", log);
    if (Clock::now() >= deadline) return failed_with_log(what + " is not ready in time", log);
    std::this_thread::sleep_for(kPoll);
  }
  return {};
}

Outcome<ProcessId> launch_recorded(const Launch& what, const std::string& pid_file) {
  auto process = launch(what);
  if (!process) return process;
  if (auto written = write_pid_file(pid_file, *process); !written) {
    (void)stop_processes({*process}, true);
    return tl::unexpected(written.error());
  }
  return process;
}

Outcome<ProcessId> launch_node(const ClusterPlan& plan, const PlannedNode& node) {
  const std::string program = own_folder() + "/agiddi-node";
  if (::access(program.c_str(), X_OK) != 0) return failed("the daemon is not built: " + program + " is missing");
  return launch_recorded({{program, "--config", plan.node_folder(node) + "/node.toml"}, plan.node_folder(node), plan.node_log(node), {}}, plan.node_pid_file(node));
}

// Starts what does not run; `started` gets each process as soon as it stands, so that the caller can stop it after a failure.
Outcome<void> start_all(const ClusterPlan& plan, std::vector<ProcessId>& started) {
  if (!is_running(broker_process(plan))) {
    if (!port_is_free(plan.broker_port)) return failed("port " + std::to_string(plan.broker_port) + " on 127.0.0.1 is taken by another process");
    auto what = broker_launch(plan);
    if (!what) return tl::unexpected(what.error());
    auto process = launch_recorded(*what, plan.broker_pid_file());
    if (!process) return tl::unexpected(process.error());
    started.push_back(*process);
    auto ready = await("the broker", *process, plan.broker_log(), Clock::now() + kBrokerMax, [&] { return accepts_connections(plan.broker_port); });
    if (!ready) return ready;
  }
  for (const PlannedNode& node : plan.nodes) {
    if (is_running(node_process(plan, node))) continue;
    auto process = launch_node(plan, node);
    if (!process) return tl::unexpected(process.error());
    started.push_back(*process);
  }
  const auto deadline = Clock::now() + kReadyMax;
  for (const PlannedNode& node : plan.nodes) {
    auto ready = await(node.id, node_process(plan, node), plan.node_log(node), deadline, [&] { return answers(node, "/readyz"); });
    if (!ready) return ready;
  }
  return {};
}

Json node_json(const ClusterPlan& plan, const PlannedNode& node) {
  const ProcessId process = node_process(plan, node);
  const bool running = is_running(process);
  const bool ready = running && answers(node, "/readyz");
  Json out = Json::object({{"id", node.id}, {"url", node.url()}, {"pid", running ? Json(process.pid) : Json()}, {"dir", plan.node_folder(node)},
                           {"state", ready ? "ready" : running ? "running" : "stopped"}});
  if (running) {
    HttpRequest request;
    request.url = node.url() + "/v1/status";
    request.timeout_ms = kProbe_ms;
    const auto response = http_call(request);
    const auto status = response ? parse_json(response->body) : tl::unexpected(response.error());
    if (status && status->find("height")) out.set("height", *status->find("height"));
  }
  return out;
}

Json cluster_json(const ClusterPlan& plan) {
  Json nodes = Json::array(), accounts = Json::array();
  for (const PlannedNode& node : plan.nodes) nodes.push(node_json(plan, node));
  for (const PlannedAccount& account : plan.accounts) {
    accounts.push(Json::object({{"name", account.name}, {"did", account.did}, {"key", plan.account_file(account.name)}, {"balance", account.balance}, {"currency", account.currency}}));
  }
  const ProcessId broker = broker_process(plan);
  return Json::object({{"network", plan.network},
                       {"genesis", plan.genesis_file()},
                       {"broker", plan.broker_url()},
                       {"brokerPid", is_running(broker) ? Json(broker.pid) : Json()},
                       {"nodes", std::move(nodes)},
                       {"accounts", std::move(accounts)}});
}

Outcome<ClusterPlan> plan_for(const ClusterUp& options, const std::string& folder) {
  if (has_plan(folder)) {
    auto plan = read_plan(folder);
    if (!plan) return plan;
    if (options.nodes != 0 && static_cast<std::size_t>(options.nodes) != plan->nodes.size()) {
      return failed(folder + " holds a cluster of " + std::to_string(plan->nodes.size()) + " nodes; give that number, or another folder");
    }
    if (options.base_port != 0 && options.base_port != plan->broker_port) {
      return failed(folder + " holds a cluster with base port " + std::to_string(plan->broker_port) + "; give that one, or another folder");
    }
    return plan;
  }
  const std::size_t nodes = options.nodes != 0 ? static_cast<std::size_t>(options.nodes) : kNodesDefault;
  auto plugin = find_broker_plugin();
  if (!plugin) return tl::unexpected(plugin.error());
  Outcome<std::uint16_t> base = static_cast<std::uint16_t>(options.base_port);
  if (options.base_port == 0) {
    base = free_base_port(nodes);
  } else if (auto checked = check_ports(*base, nodes); !checked) {
    return tl::unexpected(checked.error());
  }
  if (!base) return tl::unexpected(base.error());
  ClusterPlan plan = plan_cluster(folder, nodes, *base);
  if (auto made = make_files(plan, *plugin); !made) return tl::unexpected(made.error());
  return plan;
}

struct Locked {
  std::unique_ptr<FolderLock> lock;
  ClusterPlan plan;
};

Outcome<Locked> open_cluster(const std::string& given) {
  const std::string folder = absolute_path(given);
  if (!has_plan(folder)) return tl::unexpected(read_plan(folder).error());
  auto lock = FolderLock::take(folder);
  if (!lock) return tl::unexpected(lock.error());
  auto plan = read_plan(folder);
  if (!plan) return tl::unexpected(plan.error());
  return Locked{std::move(*lock), std::move(*plan)};
}

Outcome<const PlannedNode*> known_node(const ClusterPlan& plan, const std::string& name) {
  if (const PlannedNode* node = plan.find(name)) return node;
  return wrong_usage("there is no node '" + name + "': node-1 to node-" + std::to_string(plan.nodes.size()));
}

}  // namespace

Outcome<Json> cluster_up(const ClusterUp& options) {
  const std::string folder = absolute_path(options.folder);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return failed("cannot make the folder " + folder + ": " + error.message());
  auto lock = FolderLock::take(folder);
  if (!lock) return tl::unexpected(lock.error());
  const InterruptGuard guard;
  auto plan = plan_for(options, folder);
  if (!plan) return tl::unexpected(plan.error());
  std::vector<ProcessId> started;
  if (auto up = start_all(*plan, started); !up) {
    (void)stop_processes(started, false);
    return tl::unexpected(up.error());
  }
  return cluster_json(*plan);
}

Outcome<Json> cluster_down(const std::string& folder) {
  auto cluster = open_cluster(folder);
  if (!cluster) return tl::unexpected(cluster.error());
  const ClusterPlan& plan = cluster->plan;
  Json stopped = Json::array();
  std::vector<ProcessId> nodes;
  for (const PlannedNode& node : plan.nodes) {
    const ProcessId process = node_process(plan, node);
    if (!is_running(process)) continue;
    nodes.push_back(process);
    stopped.push(node.id);
  }
  const ProcessId broker = broker_process(plan);
  if (is_running(broker)) stopped.push("broker");
  // The broker last: nodes still tell their devices to stop.
  auto done = stop_processes(nodes, false);
  const auto broker_done = stop_processes({broker}, false);
  if (done) done = broker_done;
  if (!done) return tl::unexpected(done.error());
  return Json::object({{"network", plan.network}, {"stopped", std::move(stopped)}});
}

Outcome<Json> cluster_status(const std::string& folder) {
  auto plan = read_plan(absolute_path(folder));
  if (!plan) return tl::unexpected(plan.error());
  return cluster_json(*plan);
}

Outcome<Json> stop_node(const std::string& folder, const std::string& name, bool kill_at_once) {
  auto cluster = open_cluster(folder);
  if (!cluster) return tl::unexpected(cluster.error());
  auto node = known_node(cluster->plan, name);
  if (!node) return tl::unexpected(node.error());
  if (auto done = stop_processes({node_process(cluster->plan, **node)}, kill_at_once); !done) return tl::unexpected(done.error());
  return node_json(cluster->plan, **node);
}

Outcome<Json> start_node(const std::string& folder, const std::string& name) {
  auto cluster = open_cluster(folder);
  if (!cluster) return tl::unexpected(cluster.error());
  const ClusterPlan& plan = cluster->plan;
  auto node = known_node(plan, name);
  if (!node) return tl::unexpected(node.error());
  const InterruptGuard guard;
  if (!is_running(node_process(plan, **node))) {
    auto process = launch_node(plan, **node);
    if (!process) return tl::unexpected(process.error());
    auto up = await((*node)->id, *process, plan.node_log(**node), Clock::now() + kReadyMax, [&] { return answers(**node, "/healthz"); });
    if (!up) {
      (void)stop_processes({*process}, false);
      return tl::unexpected(up.error());
    }
  }
  return node_json(plan, **node);
}

}  // namespace agiddi::tools
