// A node's data folder with generated devices in it: a network of one member, whose blocks are made by the executor itself and certified with the member's own key, as
// if they had been registered and agreed one after the other. Without consensus and signature checks, and synced once at the end: this is not what is measured.
#pragma once

#include <cstdint>
#include <string>

#include "tools/cli/cluster/plan.h"

namespace agiddi::tools {

struct BulkChain {
  ClusterPlan plan;                     // of the one node; nothing of it runs
  std::uint64_t blocks = 0;
  double seconds = 0, disk_mib = 0;
};

// folder: absolute, new or empty.
Outcome<BulkChain> make_bulk_chain(const std::string& folder, std::uint64_t devices);
// The one that stands in the folder already, or one that is made there and stays. made.json comes last, so that an interrupted one is not taken for whole.
Outcome<BulkChain> kept_bulk_chain(const std::string& folder, std::uint64_t devices);

}  // namespace agiddi::tools
