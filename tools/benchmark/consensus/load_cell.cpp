#include "tools/benchmark/consensus/load_cell.h"

#include "tools/benchmark/figures.h"

namespace agiddi::tools {

LoadRun run_of(const LoadResult& result) {
  LoadRun run;
  for (const auto& [status, count] : result.statuses) (status == 200 || status == 201 ? run.done : run.not_done) += count;
  run.per_second = result.seconds > 0 ? static_cast<double>(run.done) / result.seconds : 0;
  run.p50_ms = percentile(result.latencies_ms, 0.5);
  run.p95_ms = percentile(result.latencies_ms, 0.95);
  run.p99_ms = percentile(result.latencies_ms, 0.99);
  run.max_ms = percentile(result.latencies_ms, 1);
  return run;
}

void set_runs(Json& row, const std::vector<LoadRun>& runs) {
  const auto spread = [&runs](double LoadRun::* what) {
    std::vector<double> values;
    for (const LoadRun& run : runs) values.push_back(run.*what);
    return spread_of(values);
  };
  std::uint64_t not_done = 0;
  for (const LoadRun& run : runs) not_done += run.not_done;
  set_spread(row, "perSecond", spread(&LoadRun::per_second), 0);
  set_spread(row, "p50_ms", spread(&LoadRun::p50_ms), 2);
  row.set("p95_ms", rounded(spread(&LoadRun::p95_ms).median, 2));
  set_spread(row, "p99_ms", spread(&LoadRun::p99_ms), 2);
  row.set("max_ms", rounded(spread(&LoadRun::max_ms).most, 1)).set("notDone", not_done);
}

}  // namespace agiddi::tools
