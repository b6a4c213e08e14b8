// The daemon: makes the parts of a node in the order of their data, and stops them in the reverse order. One instance a process.
#pragma once

#include <functional>
#include <memory>

#include "node/config.h"

namespace agiddi::node {

class Daemon {
 public:
  // Opens keys, genesis and the store, and starts every part. The error is one sentence for the operator.
  static Result<std::unique_ptr<Daemon>> start(const NodeConfig& config);
  ~Daemon();
  void stop();  // graceful, within 2 s; safe to call twice
  // A snapshot was fetched: stop this daemon and start another one, which installs it. Calls the function at once, or when that comes to be.
  void on_restart_wanted(std::function<void()> wanted);

 private:
  struct Parts;
  explicit Daemon(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// `agiddi-node --check-store`: opens the store of a stopped node, compares everything that can be derived, prints one line a finding.
// Returns the exit status.
int check_node_store(const NodeConfig& config);
// `--export-snapshot DIR` and `--restore DIR`: a backup of a stopped node, and an empty data folder filled from one (docs/OPERATIONS.md). The same.
int export_node_snapshot(const NodeConfig& config, const std::string& folder);
int restore_node_snapshot(const NodeConfig& config, const std::string& folder);

}  // namespace agiddi::node
