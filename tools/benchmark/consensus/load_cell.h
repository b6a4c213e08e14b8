// One place of the table: the same load on the same system, several times.
#pragma once

#include <vector>

#include "tools/benchmark/http_load.h"
#include "tools/benchmark/spread.h"

namespace agiddi::tools {

struct LoadRun {
  double per_second = 0, p50_ms = 0, p95_ms = 0, p99_ms = 0, max_ms = 0;
  std::uint64_t done = 0, not_done = 0;   // not_done: any answer but 200 and 201, and none
};
LoadRun run_of(const LoadResult& result);

// Sets perSecond, p50_ms, p95_ms and p99_ms with their spreads, the largest max_ms, and notDone, the sum.
void set_runs(Json& row, const std::vector<LoadRun>& runs);

}  // namespace agiddi::tools
