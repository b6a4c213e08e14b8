// PaidStreams: devices on a real cluster whose readings were paid for by the byte and integrated over MQTT, each with an application of its own. The load
// generator is given what the real ones are: the device's credentials in its start command, the application's in the answer to integration.create.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/benchmark/bench_cluster.h"
#include "tools/benchmark/data/pairs.h"

namespace agiddi::tools {

struct CountedUsage {
  std::uint64_t readings = 0, bytes = 0;
};

class PaidStreams {
 public:
  // delivery: of integration.create.
  static Outcome<std::unique_ptr<PaidStreams>> open(std::size_t nodes, std::size_t count, Json delivery);

  // New connections of a publisher and a subscriber for each stream.
  Outcome<std::vector<Pair>> connect(int qos) const;
  // What the serving node says was counted, by stream: its live figures.
  Outcome<std::vector<CountedUsage>> usage() const;
  const BenchCluster& cluster() const { return *cluster_; }
  std::uint16_t broker_port() const { return broker_port_; }
  std::int64_t broker_pid() const { return broker_pid_; }

 private:
  struct Stream {
    std::string integration, node;
    std::string device_topic, application_topic;
    MqttAccount device, application;
  };
  explicit PaidStreams(Json delivery) : delivery_(std::move(delivery)) {}
  const Json delivery_;
  Outcome<void> register_devices(std::size_t count);
  Outcome<void> integrate(std::size_t index);
  Outcome<void> take_commands();

  std::unique_ptr<BenchCluster> cluster_;
  std::uint16_t broker_port_ = 0;
  std::int64_t broker_pid_ = 0;
  MqttLink commands_;                  // listens on all command topics
  std::vector<std::string> devices_;   // URNs
  std::vector<Stream> streams_;
};

}  // namespace agiddi::tools
