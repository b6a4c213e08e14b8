// Runs seeds, each in a process of its own: a broken invariant that aborts is a failure with a story like every other, and seeds use all cores.
#pragma once

#include <functional>

#include "tools/sim/cluster.h"

namespace agiddi::tools {

struct SeedResult {
  SimOptions options;
  SimReport report;
};

// Runs what `next` gives until it gives nothing or `done` says false, at most `jobs` at a time. Results come as they are ready.
void run_seeds(unsigned jobs, const std::function<std::optional<SimOptions>()>& next, const std::function<bool(const SeedResult&)>& done);

}  // namespace agiddi::tools
