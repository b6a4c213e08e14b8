// BenchBroker: a Mosquitto of the benchmark's own on a free port, gone with the object: as it comes (everybody may do everything), or with the project's plugin
// and one node account. The rest of the configuration is that of `agiddi cluster up`.
#pragma once

#include <memory>
#include <string>

#include "tools/benchmark/data/mqtt_link.h"
#include "tools/cli/cluster/process.h"

namespace agiddi::tools {

class BenchBroker {
 public:
  static Outcome<std::unique_ptr<BenchBroker>> start(bool with_plugin);
  ~BenchBroker();
  BenchBroker(const BenchBroker&) = delete;
  BenchBroker& operator=(const BenchBroker&) = delete;

  std::uint16_t port() const { return port_; }
  std::int64_t pid() const { return process_.pid; }
  const MqttAccount& node_account() const { return node_account_; }

 private:
  BenchBroker() = default;
  std::string folder_;
  std::uint16_t port_ = 0;
  MqttAccount node_account_{"node-1", "password-of-the-benchmark"};
  ProcessId process_;
};

}  // namespace agiddi::tools
