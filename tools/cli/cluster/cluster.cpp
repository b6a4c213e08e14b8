#include "tools/cli/cluster/cluster.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <optional>
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
constexpr auto kStartedMax = std::chrono::seconds(3);   // for a node that is started again to have read its store and be ready; without a quorum it stays "running"
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
    struct stat taken {};
    if (::fstat(file, &taken) != 0 || taken.st_nlink == 0) return failed("another agiddi cluster command has just removed " + folder + "; try again");
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

// Its first pass over its store is done.
bool store_is_checked(const PlannedNode& node) {
  HttpRequest request;
  request.url = node.url() + "/metrics";
  request.timeout_ms = kProbe_ms;
  const auto response = http_call(request);
  const std::string name = "\nagiddi_store_checks_total ";
  const std::size_t at = response ? response->body.find(name) : std::string::npos;
  return at != std::string::npos && response->body.at(at + name.size()) != '0';
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

// GET /v1/status; an empty object when it does not answer.
Json status_of(const PlannedNode& node) {
  HttpRequest request;
  request.url = node.url() + "/v1/status";
  request.timeout_ms = kProbe_ms;
  const auto response = http_call(request);
  auto status = response ? parse_json(response->body) : tl::unexpected(response.error());
  return status && status->is_object() ? *std::move(status) : Json::object({});
}

// A node that is no member (any more) only follows, and never says that it is ready.
bool follows(const PlannedNode& node) {
  const Json status = status_of(node);
  const Json* role = status.find("role");
  return role != nullptr && role->is_string() && role->as_string() == "follower";
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

Outcome<std::string> find_node_program() {
  std::string program = own_folder() + "/agiddi-node";
  if (::access(program.c_str(), X_OK) != 0) return failed("the daemon is not built: " + program + " is missing");
  return program;
}

Outcome<ProcessId> launch_node(const ClusterPlan& plan, const PlannedNode& node) {
  const auto program = find_node_program();
  if (!program) return tl::unexpected(program.error());
  for (const std::uint16_t port : {node.http_port, node.peer_port}) {
    if (!port_is_free(port)) return failed("port " + std::to_string(port) + " of " + node.id + " on 127.0.0.1 is taken by another process");
  }
  return launch_recorded({{*program, "--config", plan.node_folder(node) + "/node.toml"}, plan.node_folder(node), plan.node_log(node), {}}, plan.node_pid_file(node));
}

// Starts what does not run; `started` gets each process as soon as it stands, so that the caller can stop it after a failure.
Outcome<void> start_all(const ClusterPlan& plan, std::vector<ProcessId>& started) {
  if (!is_running(broker_process(plan))) {
    for (const std::uint16_t port : {plan.broker_port, plan.broker_tls_port}) {
      if (port != 0 && !port_is_free(port)) return failed("port " + std::to_string(port) + " on 127.0.0.1 is taken by another process");
    }
    auto what = broker_launch(plan);
    if (!what) return tl::unexpected(what.error());
    auto process = launch_recorded(*what, plan.broker_pid_file());
    if (!process) return tl::unexpected(process.error());
    started.push_back(*process);
    auto ready = await("the broker", *process, plan.broker_log(), Clock::now() + kBrokerMax, [&] {
      return accepts_connections(plan.broker_port) && (plan.broker_tls_port == 0 || accepts_connections(plan.broker_tls_port));
    });
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
    auto ready = await(node.id, node_process(plan, node), plan.node_log(node), deadline, [&] { return answers(node, "/readyz") || follows(node); });
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
    const Json status = status_of(node);
    if (const Json* height = status.find("height")) out.set("height", *height);
  }
  return out;
}

// {"available","escrow"} of the account's currency, as the first node that is asked and answers says.
std::optional<Json> current_balance(const ClusterPlan& plan, const PlannedAccount& account) {
  for (const PlannedNode& node : plan.nodes) {
    if (!is_running(node_process(plan, node))) continue;
    HttpRequest request;
    request.url = node.url() + "/v1/accounts/" + account.did;
    request.timeout_ms = kProbe_ms;
    const auto response = http_call(request);
    const auto answer = response && response->status == 200 ? parse_json(response->body) : tl::unexpected(Error{Status::unavailable, "", {}});
    const Json* balances = answer ? answer->find("balances") : nullptr;
    if (!balances || !balances->is_array()) continue;
    for (const Json& balance : balances->items()) {
      const Json* currency = balance.find("currency");
      if (currency && currency->is_string() && currency->as_string() == account.currency && balance.find("available") && balance.find("escrow")) return balance;
    }
  }
  return std::nullopt;
}

// "balance" is what is available now; null when no node answers.
Json account_json(const ClusterPlan& plan, const PlannedAccount& account) {
  const auto now = current_balance(plan, account);
  return Json::object({{"name", account.name},
                       {"did", account.did},
                       {"key", plan.account_file(account.name)},
                       {"balance", now ? *now->find("available") : Json()},
                       {"escrow", now ? *now->find("escrow") : Json()},
                       {"currency", account.currency},
                       {"initialBalance", account.balance}});
}

Json cluster_json(const ClusterPlan& plan) {
  Json nodes = Json::array(), accounts = Json::array();
  for (const PlannedNode& node : plan.nodes) nodes.push(node_json(plan, node));
  for (const PlannedAccount& account : plan.accounts) accounts.push(account_json(plan, account));
  const ProcessId broker = broker_process(plan);
  Json out = Json::object({{"network", plan.network},
                           {"genesis", plan.genesis_file()},
                           {"broker", plan.broker_url()},
                           {"brokerPid", is_running(broker) ? Json(broker.pid) : Json()},
                           {"nodes", std::move(nodes)},
                           {"accounts", std::move(accounts)},
                           {"issuer", Json::object({{"key", plan.account_file("issuer")}})}});
  if (plan.broker_tls_port != 0) out.set("brokerTls", plan.broker_tls_url()).set("brokerAuthority", plan.broker_authority_file());
  return out;
}

// The cluster that stands in the folder, if it is the one that is meant.
Outcome<ClusterPlan> existing_plan(const ClusterUp& options, const std::string& folder) {
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

// A plan for a new cluster; nothing is written. All that can be known to be missing is looked for here.
Outcome<ClusterPlan> new_plan(const ClusterUp& options, const std::string& folder) {
  const std::size_t nodes = options.nodes != 0 ? static_cast<std::size_t>(options.nodes) : kNodesDefault;
  for (const auto& found : {find_broker_plugin(), find_broker_program(), find_node_program()}) {
    if (!found) return tl::unexpected(found.error());
  }
  Outcome<std::uint16_t> base = static_cast<std::uint16_t>(options.base_port);
  if (options.base_port == 0) {
    base = free_base_port(nodes);
  } else if (auto checked = check_ports(*base, nodes); !checked) {
    return tl::unexpected(checked.error());
  }
  if (!base) return tl::unexpected(base.error());
  return plan_cluster(folder, nodes, *base);
}

// A folder for a new cluster: absent or empty. (A lock may be left by a command that was killed.)
Outcome<void> check_folder(const std::string& folder) {
  std::error_code error;
  const auto status = fs::status(folder, error);
  if (status.type() == fs::file_type::not_found) return {};
  if (!fs::is_directory(status)) return failed(folder + " is no folder; nothing was changed");
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().filename() != "cluster.lock") {
      return failed(folder + " is not empty and holds no cluster of agiddi (cluster.json is missing): give an empty or a new folder; nothing was changed");
    }
  }
  if (error) return failed("cannot read " + folder + ": " + error.message());
  return {};
}

// Takes back what a new cluster that did not come up has written, and the folders that were made for it, from `first_made` inwards.
void remove_made(const ClusterPlan& plan, const std::string& first_made) {
  std::error_code error;
  for (const std::string& path : {plan.plan_file(), plan.genesis_file(), plan.folder + "/nodes", plan.folder + "/accounts", plan.broker_folder(), plan.folder + "/cluster.lock"}) {
    fs::remove_all(path, error);
  }
  if (first_made.empty()) return;
  for (fs::path path = plan.folder; path.string().size() >= first_made.size(); path = path.parent_path()) {
    if (!fs::remove(path, error)) return;   // not empty: somebody else uses it
  }
}

// "bank=did:key:z6Mk…=EUR,USD". The genesis file checks its parts.
std::optional<GenesisAuthority> authority_from_text(const std::string& text) {
  const std::size_t first = text.find('='), last = text.rfind('=');
  if (first == text.npos || first == last) return std::nullopt;
  GenesisAuthority authority{text.substr(0, first), text.substr(first + 1, last - first - 1), {}};
  for (std::size_t from = last + 1;;) {
    const std::size_t comma = std::min(text.find(',', from), text.size());
    authority.currencies.push_back(text.substr(from, comma - from));
    if (!is_currency(authority.currencies.back())) return std::nullopt;
    if (comma == text.size()) break;
    from = comma + 1;
  }
  if (!is_authority_id(authority.id) || !key_from_did(authority.did)) return std::nullopt;
  return authority;
}

// The outermost folder of a path that does not exist yet; "" when all of it does.
std::string first_missing(const std::string& folder) {
  std::string missing;
  for (fs::path path = folder; !path.empty() && !fs::exists(path); path = path.parent_path()) missing = path.string();
  return missing;
}

Outcome<Json> start_cluster(const ClusterPlan& plan) {
  std::vector<ProcessId> started;
  if (auto up = start_all(plan, started); !up) {
    (void)stop_processes(started, false);
    return tl::unexpected(up.error());
  }
  return cluster_json(plan);
}

Outcome<Json> make_and_start(ClusterPlan& plan, const ClusterUp& options) {
  auto plugin = find_broker_plugin();
  if (!plugin) return tl::unexpected(plugin.error());
  NetworkOptions network;
  if (options.rules != 0) network.rules_version = static_cast<std::uint32_t>(options.rules);
  network.lease = options.lease_seconds * 1000;
  for (const std::string& text : options.authorities) {
    const auto authority = authority_from_text(text);
    if (!authority) return wrong_usage("--authority takes ID=DID=CURRENCY[,CURRENCY…], not '" + text + "'");
    network.authorities.push_back(*authority);
  }
  plan.data_path = options.data_path;
  plan.tells_tls = options.tells_tls;
  plan.unverified_clients = options.unverified_clients;
  if (auto made = make_files(plan, *plugin, network); !made) return tl::unexpected(made.error());
  return start_cluster(plan);
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
  const InterruptGuard guard;
  // What can be refused is refused before anything is written.
  if (!has_plan(folder)) {
    if (auto fits = check_folder(folder); !fits) return tl::unexpected(fits.error());
    if (auto plan = new_plan(options, folder); !plan) return tl::unexpected(plan.error());
  }
  const std::string missing = first_missing(folder);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return failed("cannot make the folder " + folder + ": " + error.message());
  auto lock = FolderLock::take(folder);
  if (!lock) return tl::unexpected(lock.error());
  if (has_plan(folder)) {
    auto plan = existing_plan(options, folder);
    if (!plan) return tl::unexpected(plan.error());
    return start_cluster(*plan);
  }
  if (auto fits = check_folder(folder); !fits) return tl::unexpected(fits.error());   // again, now that nobody else is at work
  auto plan = new_plan(options, folder);
  auto up = plan ? make_and_start(*plan, options) : Outcome<Json>(tl::unexpected(plan.error()));
  if (!up) remove_made(plan ? *plan : plan_cluster(folder, 0, 0), missing);
  return up;
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
  const ProcessId process = node_process(cluster->plan, **node);
  const bool was_running = is_running(process);
  if (auto done = stop_processes({process}, kill_at_once); !done) return tl::unexpected(done.error());
  return node_json(cluster->plan, **node).set("changed", was_running);
}

Outcome<Json> start_node(const std::string& folder, const std::string& name) {
  auto cluster = open_cluster(folder);
  if (!cluster) return tl::unexpected(cluster.error());
  const ClusterPlan& plan = cluster->plan;
  auto node = known_node(plan, name);
  if (!node) return tl::unexpected(node.error());
  const InterruptGuard guard;
  const bool was_running = is_running(node_process(plan, **node));
  if (!was_running) {
    auto process = launch_node(plan, **node);
    if (!process) return tl::unexpected(process.error());
    auto up = await((*node)->id, *process, plan.node_log(**node), Clock::now() + kReadyMax, [&] { return answers(**node, "/healthz"); });
    if (!up) {
      (void)stop_processes({*process}, false);
      return tl::unexpected(up.error());
    }
    // A store that is damaged ends it while its files are read for the first time.
    const auto has_started = [&] { return store_is_checked(**node) && answers(**node, "/readyz"); };
    for (const auto until = Clock::now() + kStartedMax; Clock::now() < until && !interrupted && is_running(*process) && !has_started();) std::this_thread::sleep_for(kPoll);
    if (!is_running(*process)) return failed_with_log((*node)->id + " ended", plan.node_log(**node));
  }
  return node_json(plan, **node).set("changed", !was_running);
}

}  // namespace agiddi::tools
