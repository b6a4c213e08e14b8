// Single signed payments: throughput and latency, closed loop or at a rate.
#include "tools/benchmark/bench_cluster.h"
#include "tools/benchmark/benchmarks.h"
#include "tools/benchmark/figures.h"

namespace agiddi::tools {

Outcome<Answer> bench_pay(const PayOptions& options) {
  auto cluster = BenchCluster::start(static_cast<std::size_t>(options.nodes));
  if (!cluster) return tl::unexpected(cluster.error());
  auto payments = Payments::open(**cluster);
  if (!payments) return tl::unexpected(payments.error());
  const auto next = [&payments] { return (*payments)->next(); };
  const auto clients = static_cast<std::size_t>(options.clients);
  run_load({(*cluster)->targets(), clients, 0, std::chrono::milliseconds(2'000), next});   // warm up
  (*payments)->prepare(static_cast<std::size_t>(8'000 * options.seconds));
  const LoadResult result =
      run_load({(*cluster)->targets(), clients, static_cast<double>(options.rate), std::chrono::milliseconds(1000 * options.seconds), next});

  const double rate = result.seconds > 0 ? static_cast<double>(result.done()) / result.seconds : 0;
  const double p50 = percentile(result.latencies_ms, 0.5), p99 = percentile(result.latencies_ms, 0.99), most = percentile(result.latencies_ms, 1);
  Json statuses = Json::object();
  std::uint64_t refused = 0;
  for (const auto& [status, count] : result.statuses) {
    statuses.set(std::to_string(status), count);
    if (status < 200 || status >= 300) refused += count;
  }
  Json document = Json::object({{"benchmark", "pay"}, {"nodes", options.nodes}, {"clients", options.clients}, {"rate", options.rate}, {"seconds", options.seconds},
                                {"committedPerSecond", rounded(rate, 1)}, {"p50_ms", rounded(p50, 2)}, {"p99_ms", rounded(p99, 2)}, {"max_ms", rounded(most, 2)},
                                {"statuses", std::move(statuses)}, {"memory_mib", rounded((*cluster)->memory_mib(), 1)}});
  return Answer{std::move(document),
                table({{"nodes", "clients", "committed/s", "p50 ms", "p99 ms", "max ms", "not done", "MiB, all nodes"},
                       {std::to_string(options.nodes), std::to_string(options.clients), fixed(rate, 0), fixed(p50, 2), fixed(p99, 2), fixed(most, 1),
                        std::to_string(refused), fixed((*cluster)->memory_mib(), 0)}})};
}

}  // namespace agiddi::tools
