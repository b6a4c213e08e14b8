// What the nodes of a cluster send each other, from the counters that each of them shows at /metrics.
#pragma once

#include <cstdint>

#include "tools/benchmark/bench_cluster.h"

namespace agiddi::tools {

struct PeerTraffic {
  std::uint64_t frames = 0, bytes = 0;   // that left all nodes
  double settled_ms = 0;                 // how long they took to become level
};

// Waits until every node has the same height, all of it certified (30 s), so that what belongs to a measurement is in it; then reads.
Outcome<PeerTraffic> settled_traffic(const BenchCluster& cluster);

// The value of a metric without labels in a text of /metrics; an error when it is not there.
Outcome<std::uint64_t> metric(const std::string& text, const std::string& name);

}  // namespace agiddi::tools
