#include "tools/benchmark/consensus/etcd_cluster.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "tools/cli/cluster/ports.h"
#include "tools/cli/http_client.h"

namespace agiddi::tools {
namespace {

constexpr const char* kProgram = "/usr/bin/etcd";
constexpr auto kLeaderWithin = std::chrono::seconds(20);
constexpr auto kLeaderPoll = std::chrono::milliseconds(50);
constexpr int kProbeTimeout_ms = 1'000;
constexpr std::size_t kValue_characters = 342;       // of base64, and "==" behind them: 256 bytes
constexpr const char* kQuota_bytes = "8589934592";   // the default of 2 GiB is used up by some minutes of puts

std::string local_url(int port) { return "http://127.0.0.1:" + std::to_string(port); }

// {"header":{"member_id"},"version","leader"}, ids as texts.
Result<Json> member_status(int port) {
  HttpRequest request;
  request.method = "POST";
  request.url = local_url(port) + "/v3/maintenance/status";
  request.headers = {{"Content-Type", "application/json"}};
  request.body = "{}";
  request.timeout_ms = kProbeTimeout_ms;
  const auto response = http_call(request);
  if (!response) return tl::unexpected(response.error());
  return parse_json(response->body);
}

}  // namespace

Outcome<std::unique_ptr<EtcdCluster>> EtcdCluster::start(std::size_t members) {
  if (::access(kProgram, X_OK) != 0) return failed("etcd is not installed: tools/bootstrap --peers installs Debian's etcd-server, or leave --peer out");
  auto base = free_base_port(members);
  if (!base) return tl::unexpected(base.error());
  auto cluster = std::unique_ptr<EtcdCluster>(new EtcdCluster);
  std::string folder = (std::filesystem::temp_directory_path() / "agiddi-bench-etcd-XXXXXX").string();
  if (!::mkdtemp(folder.data())) return failed("cannot make a folder below " + std::filesystem::temp_directory_path().string());
  cluster->folder_ = folder;
  cluster->value_ = std::string(kValue_characters, 'A') + "==";
  const auto peer_url = [&base](std::size_t i) { return local_url(static_cast<int>(*base + kPeerPortOffset + i)); };
  std::string all;
  for (std::size_t i = 1; i <= members; ++i) all += (i > 1 ? ",n" : "n") + std::to_string(i) + "=" + peer_url(i);
  for (std::size_t i = 1; i <= members; ++i) {
    const std::string client = local_url(static_cast<int>(*base + i)), name = "n" + std::to_string(i);
    auto process = launch({{kProgram, "--name", name, "--data-dir", folder + "/" + name, "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls",
                            peer_url(i), "--initial-advertise-peer-urls", peer_url(i), "--initial-cluster", all, "--logger", "zap", "--log-level", "error",
                            "--quota-backend-bytes", kQuota_bytes},
                           folder, folder + "/" + name + ".log", {}});
    if (!process) return tl::unexpected(process.error());
    cluster->processes_.push_back(*process);
  }
  if (auto found = cluster->find_leader(*base, members); !found) return tl::unexpected(found.error());
  return cluster;
}

Outcome<void> EtcdCluster::find_leader(std::uint16_t base, std::size_t members) {
  const auto deadline = std::chrono::steady_clock::now() + kLeaderWithin;
  for (;; std::this_thread::sleep_for(kLeaderPoll)) {
    for (std::size_t i = 1; i <= members; ++i) {
      const auto port = static_cast<std::uint16_t>(base + i);
      const auto status = member_status(port);
      const Json* header = status ? status->find("header") : nullptr;
      const Json* own = header ? header->find("member_id") : nullptr;
      const Json* leader = header ? status->find("leader") : nullptr;
      if (!own || !leader || !own->is_string() || !leader->is_string() || own->as_string() != leader->as_string()) continue;
      leader_ = {"127.0.0.1", port};
      if (const Json* version = status->find("version"); version && version->is_string()) version_ = version->as_string();
      return {};
    }
    if (std::chrono::steady_clock::now() > deadline) return failed("etcd has no leader in time: " + last_lines(folder_ + "/n1.log", 5));
  }
}

EtcdCluster::~EtcdCluster() {
  (void)stop_processes(processes_, true);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string EtcdCluster::next_put() {
  char key[24];   // sixteen digits are base64 as they are
  std::snprintf(key, sizeof key, "%016llu", static_cast<unsigned long long>(++puts_));
  const std::string body = std::string(R"({"key":")") + key + R"(","value":")" + value_ + R"("})";
  return "POST /v3/kv/put HTTP/1.1\r\nHost: etcd\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace agiddi::tools
