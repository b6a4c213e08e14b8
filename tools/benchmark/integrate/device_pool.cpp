#include "tools/benchmark/integrate/device_pool.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "protocol/identity.h"
#include "tools/cli/node_client.h"
#include "tools/cli/sealing.h"

namespace agiddi::tools {
namespace {

constexpr std::size_t kPoolDocumentDevices = 50;
constexpr int kTableRows = 1'000;
constexpr auto kListenWithin = std::chrono::seconds(30);
constexpr auto kListenPoll = std::chrono::milliseconds(20);

std::string command_topic(std::size_t index) { return "devices/pool-" + std::to_string(index); }

Json pool_device(const std::string& broker, std::size_t index) {
  Json device = *parse_json(R"({"type":"WeatherStation","location":{"latitude":47.6,"longitude":-122.3},
"sensors":[{"name":"t","observedProperty":"Temperature","unit":"Cel","range":{"min":-40,"max":120},"accuracy":0.1}],
"cost":{"currency":"EUR","perMegabyte":"0.0001"},"payment":{"methods":["credit"]}})");
  device.set("name", "Bench pool " + std::to_string(index));
  return device.set("access", Json::object({{"protocol", "mqtt"}, {"endpoint", broker}, {"topic", command_topic(index)}}));
}

}  // namespace

Outcome<std::unique_ptr<DevicePool>> DevicePool::start(const BenchCluster& cluster, std::size_t count, std::int64_t interval_ms) {
  auto pool = std::unique_ptr<DevicePool>(new DevicePool);
  std::string folder = (std::filesystem::temp_directory_path() / "agiddi-bench-devices-XXXXXX").string();
  if (!::mkdtemp(folder.data())) return failed("cannot make a folder below " + std::filesystem::temp_directory_path().string());
  pool->folder_ = folder;
  if (auto done = pool->register_devices(cluster, count); !done) return tl::unexpected(done.error());
  if (auto done = pool->start_processes(cluster.broker(), count, interval_ms); !done) return tl::unexpected(done.error());
  return pool;
}

Outcome<void> DevicePool::register_devices(const BenchCluster& cluster, std::size_t count) {
  NodeClient node(cluster.urls()[0]);
  const KeyPair provider = cluster.account("provider");
  auto validators = node.validators();
  if (!validators) return tl::unexpected(validators.error());
  auto recipients = recipients_of(*validators);
  if (!recipients) return tl::unexpected(recipients.error());
  for (std::size_t from = 0; from < count; from += kPoolDocumentDevices) {
    Json devices = Json::array();
    for (std::size_t i = from; i < std::min(count, from + kPoolDocumentDevices); ++i) {
      auto device = seal_device(pool_device(cluster.broker(), i), "", did_from_key(provider.public_key()), cluster.network(), *recipients);
      if (!device) return tl::unexpected(device.error());
      devices.push(std::move(*device));
    }
    auto registered = node.write("POST", "/v1/devices", "device.register", provider, Json::object({{"devices", std::move(devices)}}));
    if (!registered) return tl::unexpected(registered.error());
    for (const Json& device : registered->find("devices")->items()) urns_.push_back(device.find("id")->as_string());
  }
  return {};
}

Outcome<void> DevicePool::start_processes(const std::string& broker, std::size_t count, std::int64_t interval_ms) {
  const std::string program = own_folder() + "/agiddi-device", values = folder_ + "/readings.csv";
  if (::access(program.c_str(), X_OK) != 0) return failed("the device is not built: " + program + " is missing (tools/build release agiddi-device)");
  std::ofstream file(values);
  file << "temperature\n";
  for (int i = 0; i < kTableRows; ++i) file << 10 + i % 20 << "." << i % 10 << "\n";
  file.close();
  for (std::size_t i = 0; i < count; ++i) {
    auto process = launch({{program, "--broker", broker, "--command-topic", command_topic(i), "--table", values, "--column", "temperature", "--sensor", "t", "--interval-ms",
                            std::to_string(interval_ms)},
                           folder_, folder_ + "/" + std::to_string(i) + ".log", {}});
    if (!process) return tl::unexpected(process.error());
    processes_.push_back(*process);
  }
  const auto deadline = std::chrono::steady_clock::now() + kListenWithin;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string log = folder_ + "/" + std::to_string(i) + ".log";
    while (last_lines(log, 1).find("listening") == std::string::npos) {
      if (!is_running(processes_[i]) || std::chrono::steady_clock::now() > deadline) return failed("a device does not listen: " + last_lines(log, 5));
      std::this_thread::sleep_for(kListenPoll);
    }
  }
  return {};
}

DevicePool::~DevicePool() {
  (void)stop_processes(processes_, true);
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

}  // namespace agiddi::tools
