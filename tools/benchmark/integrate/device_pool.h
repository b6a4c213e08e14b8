// DevicePool: registered devices, each a process of agiddi-device that waits on its command topic at the cluster's broker and replays a table. Gone with the object.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/benchmark/bench_cluster.h"
#include "tools/cli/cluster/process.h"

namespace agiddi::tools {

class DevicePool {
 public:
  // interval_ms: from one reading to the next, so the first one waits half of it on average. Returns when each device listens (30 s). The cluster must outlive it.
  static Outcome<std::unique_ptr<DevicePool>> start(const BenchCluster& cluster, std::size_t count, std::int64_t interval_ms);
  ~DevicePool();
  DevicePool(const DevicePool&) = delete;
  DevicePool& operator=(const DevicePool&) = delete;

  const std::vector<std::string>& urns() const { return urns_; }

 private:
  DevicePool() = default;
  Outcome<void> register_devices(const BenchCluster& cluster, std::size_t count);
  Outcome<void> start_processes(const std::string& broker, std::size_t count, std::int64_t interval_ms);

  std::string folder_;
  std::vector<std::string> urns_;
  std::vector<ProcessId> processes_;
};

}  // namespace agiddi::tools
