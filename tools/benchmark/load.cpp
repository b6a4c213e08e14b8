// Signed payments on a cluster that somebody else runs: the load beside which other measurements are made.
#include <atomic>
#include <csignal>

#include "tools/benchmark/bench_cluster.h"
#include "tools/benchmark/benchmarks.h"
#include "tools/benchmark/figures.h"
#include "tools/cli/node_client.h"

namespace agiddi::tools {
namespace {

std::atomic<bool> asked_to_stop{false};
static_assert(std::atomic<bool>::is_always_lock_free);

Outcome<double> height_of(const BenchCluster& cluster) {
  NodeClient node(cluster.urls()[0]);
  auto status = node.get_json("/v1/status");
  if (!status) return tl::unexpected(status.error());
  return std::stod(status->find("height")->number_text());
}

}  // namespace

Outcome<Answer> bench_load(const LoadOptions& options) {
  auto cluster = BenchCluster::attach(options.folder, options.without);
  if (!cluster) return tl::unexpected(cluster.error());
  auto payments = Payments::open(**cluster);
  if (!payments) return tl::unexpected(payments.error());
  const auto before = height_of(**cluster);
  if (!before) return tl::unexpected(before.error());

  std::signal(SIGTERM, [](int) { asked_to_stop = true; });
  const LoadResult result = run_load({(*cluster)->targets(), static_cast<std::size_t>(options.clients), static_cast<double>(options.rate),
                                      std::chrono::milliseconds(1000 * options.seconds), [&payments] { return (*payments)->next(); },
                                      [] { return asked_to_stop.load(); }});
  std::signal(SIGTERM, SIG_DFL);
  const auto after = height_of(**cluster);
  if (!after) return tl::unexpected(after.error());

  const double rate = result.seconds > 0 ? static_cast<double>(result.done()) / result.seconds : 0;
  const double blocks = result.seconds > 0 ? (*after - *before) / result.seconds : 0;
  const double p50 = percentile(result.latencies_ms, 0.5), p99 = percentile(result.latencies_ms, 0.99), most = percentile(result.latencies_ms, 1);
  Json statuses = Json::object(), by_second = Json::array();
  for (const auto& [status, count] : result.statuses) statuses.set(std::to_string(status), count);
  for (const std::uint64_t count : result.done_by_second) by_second.push(Json(count));
  Json document = Json::object({{"benchmark", "load"}, {"clients", options.clients}, {"rate", options.rate}, {"seconds", rounded(result.seconds, 1)},
                                {"committedPerSecond", rounded(rate, 1)}, {"blocksPerSecond", rounded(blocks, 1)}, {"p50_ms", rounded(p50, 2)},
                                {"p99_ms", rounded(p99, 2)}, {"max_ms", rounded(most, 2)}, {"statuses", std::move(statuses)},
                                {"doneBySecond", std::move(by_second)}});
  return Answer{std::move(document), table({{"clients", "committed/s", "blocks/s", "p50 ms", "p99 ms", "max ms"},
                                            {std::to_string(options.clients), fixed(rate, 0), fixed(blocks, 1), fixed(p50, 2), fixed(p99, 2), fixed(most, 1)}})};
}

}  // namespace agiddi::tools
