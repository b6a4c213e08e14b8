// Grants at a broker with the plugin: how fast a node pushes them, and how soon a revoked client's connection is closed while many others live.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/cli/outcome.h"

namespace agiddi::tools {

struct GrantFigures {
  std::uint64_t grants = 0;
  double grants_per_s = 0;
  std::vector<double> revoked_ms;      // from the command to the end of the client's connection
};

// In batches of 200, as a node pushes them when it comes back.
Outcome<GrantFigures> measure_grants(std::size_t grants, std::size_t revocations);

}  // namespace agiddi::tools
