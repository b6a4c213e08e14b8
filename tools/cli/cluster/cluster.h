// A local cluster: daemons and a broker on 127.0.0.1, started detached and stopped from any shell. One call at a time on a folder (a lock file).
#pragma once

#include "tools/cli/cluster/plan.h"

namespace agiddi::tools {

struct ClusterUp {
  std::string folder;
  std::int64_t nodes = 0;        // 0: 4 for a new cluster, as many as there are for an old one
  std::int64_t base_port = 0;    // 0: free ports
  std::int64_t rules = 0;        // rules version that a new cluster starts with; 0: the newest
  std::vector<std::string> authorities{}; // each ID=DID=CURRENCY[,CURRENCY…]
  std::string data_path{};          // of a new cluster's nodes, as in their configuration; empty: the default
  bool tells_tls = false;           // of a new cluster's nodes: devices and applications are told the broker's address with TLS
  std::int64_t lease_seconds = 0;   // how long a member serves without renewing its lease; 0: the default
  bool unverified_clients = false;  // of a new cluster: a throw-away network for benchmarks, which takes clients' documents without their signatures
};

// Makes the cluster, or starts again what does not run of an existing one; returns when every node is ready (30 s). On a failure everything that
// this call started is stopped, and the problem's detail ends with the log of the process that failed.
Outcome<Json> cluster_up(const ClusterUp& options);
Outcome<Json> cluster_down(const std::string& folder);
Outcome<Json> cluster_status(const std::string& folder);
Outcome<Json> stop_node(const std::string& folder, const std::string& node, bool kill_at_once);
Outcome<Json> start_node(const std::string& folder, const std::string& node);    // until it answers /healthz

}  // namespace agiddi::tools
