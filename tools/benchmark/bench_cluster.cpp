#include "tools/benchmark/bench_cluster.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "protocol/check.h"
#include "protocol/identity.h"
#include "protocol/transaction.h"
#include "tools/benchmark/footprint.h"
#include "tools/cli/cluster/cluster.h"
#include "tools/cli/cluster/process.h"
#include "tools/cli/files.h"
#include "tools/cli/node_client.h"
#include "tools/cli/purchase.h"
#include "tools/cli/sealing.h"
#include "tools/cli/url.h"

namespace agiddi::tools {
namespace {

constexpr std::string_view kDevice = R"({"name":"Bench station","type":"WeatherStation","location":{"latitude":47.6,"longitude":-122.3},
"sensors":[{"name":"air","observedProperty":"Temperature","unit":"Cel","range":{"min":-40,"max":120},"accuracy":0.1}],
"cost":{"currency":"EUR","perMinute":"0.001"},"payment":{"methods":["credit"]},
"access":{"protocol":"mqtt","endpoint":"mqtt://127.0.0.1:1883","topic":"devices/bench"}})";

std::int64_t now_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

Outcome<std::unique_ptr<BenchCluster>> BenchCluster::start(std::size_t nodes, bool unverified) {
  auto cluster = std::unique_ptr<BenchCluster>(new BenchCluster);
  std::string folder = (std::filesystem::temp_directory_path() / "agiddi-bench-XXXXXX").string();
  if (!::mkdtemp(folder.data())) return failed("cannot make a folder below " + std::filesystem::temp_directory_path().string());
  cluster->own_folder_ = folder;
  cluster->folder_ = folder + "/cluster";
  ClusterUp up{cluster->folder_, static_cast<std::int64_t>(nodes), 0};
  up.unverified_clients = unverified;
  auto made = cluster_up(up);
  if (!made) return tl::unexpected(made.error());
  cluster->network_ = made->find("network")->as_string();
  cluster->broker_ = made->find("broker")->as_string();
  for (const Json& node : made->find("nodes")->items()) {
    cluster->urls_.push_back(node.find("url")->as_string());
    cluster->pids_.push_back(std::stoll(node.find("pid")->number_text()));
  }
  return cluster;
}

Outcome<std::unique_ptr<BenchCluster>> BenchCluster::attach(const std::string& folder, const std::string& without) {
  auto status = cluster_status(folder);
  if (!status) return tl::unexpected(status.error());
  auto cluster = std::unique_ptr<BenchCluster>(new BenchCluster);
  cluster->folder_ = folder;
  cluster->network_ = status->find("network")->as_string();
  cluster->broker_ = status->find("broker")->as_string();
  for (const Json& node : status->find("nodes")->items()) {
    if (node.find("id")->as_string() == without) continue;
    cluster->urls_.push_back(node.find("url")->as_string());
    if (node.find("state")->as_string() == "stopped") return failed(node.find("id")->as_string() + " does not run");
    cluster->pids_.push_back(std::stoll(node.find("pid")->number_text()));
  }
  if (cluster->urls_.empty()) return failed("no node is left to load");
  return cluster;
}

BenchCluster::~BenchCluster() {
  if (own_folder_.empty()) return;
  (void)cluster_down(folder_);
  std::error_code ignored;
  std::filesystem::remove_all(own_folder_, ignored);
}

std::vector<LoadTarget> BenchCluster::targets() const {
  std::vector<LoadTarget> targets;
  for (const std::string& text : urls_) {
    const auto url = parse_url(text);
    AGIDDI_CHECK(url.has_value(), "the cluster prints its addresses");
    targets.push_back({url->host, url->port});
  }
  return targets;
}

double BenchCluster::memory_mib() const {
  double sum = 0;
  for (const std::int64_t pid : pids_) sum += resident_mib(std::to_string(pid));
  return sum;
}

double BenchCluster::memory_mib(std::size_t node) const { return resident_mib(std::to_string(pids_.at(node))); }

double BenchCluster::cpu_s() const {
  double sum = 0;
  for (const std::int64_t pid : pids_) sum += process_cpu_s(pid);
  return sum;
}

std::int64_t BenchCluster::broker_pid() const { return read_pid_file(folder_ + "/broker/pid").pid; }

KeyPair BenchCluster::account(const std::string& name) const {
  auto key = load_key_file(folder_ + "/accounts/" + name + ".jwk");
  AGIDDI_CHECK(key.has_value(), "the cluster made its account keys");
  return std::move(*key);
}

Outcome<std::unique_ptr<Payments>> Payments::open(const BenchCluster& cluster, bool unverified) {
  NodeClient node(cluster.urls()[0]);
  const KeyPair provider = cluster.account("provider");
  KeyPair payer = cluster.account("application-1");
  auto validators = node.validators();
  if (!validators) return tl::unexpected(validators.error());
  auto recipients = recipients_of(*validators);
  if (!recipients) return tl::unexpected(recipients.error());
  auto device = seal_device(*parse_json(kDevice), "", did_from_key(provider.public_key()), cluster.network(), *recipients);
  if (!device) return tl::unexpected(device.error());
  auto registered = node.write("POST", "/v1/devices", "device.register", provider, Json::object({{"devices", Json::array({*device})}}));
  if (!registered) return tl::unexpected(registered.error());
  const std::string urn = registered->find("devices")->items()[0].find("id")->as_string();

  const Json wanted = Json::object({{"items", Json::array({Json::object({{"device", urn}, {"minutes", 1}})})}});
  auto quote = node.post_json("/v1/quotes", wanted);
  if (!quote) return tl::unexpected(quote.error());
  auto body = payment_body(wanted, *quote, did_from_key(payer.public_key()), "credit", "");
  if (!body) return tl::unexpected(body.error());
  return std::unique_ptr<Payments>(new Payments(std::move(payer), cluster.network(), body->dump(), "bench-" + urn.substr(urn.size() - 12) + "-", unverified));
}

std::string Payments::make() {
  const ProtectedHeader header{did_from_key(key_.public_key()), network_, "payment.create", now_s(), run_ + std::to_string(++made_)};
  return "POST /v1/payments HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nAgiddi-Signature: " + (unverified_ ? unsigned_document(header) : sign_document(key_, header, body_)) +
         "\r\nContent-Length: " + std::to_string(body_.size()) + "\r\n\r\n" + body_;
}

void Payments::prepare(std::size_t count) {
  ready_.clear();   // what is left over may be too old when its time comes
  while (ready_.size() < count) ready_.push_back(make());
}

std::string Payments::next() {
  if (ready_.empty()) return make();
  std::string request = std::move(ready_.front());
  ready_.pop_front();
  return request;
}

}  // namespace agiddi::tools
