// Single signed payments: throughput and latency, closed loop or at a rate.
#include "tools/benchmark/bench_cluster.h"
#include "tools/benchmark/benchmarks.h"
#include "tools/benchmark/figures.h"
#include "tools/benchmark/footprint.h"
#include "tools/cli/node_client.h"

namespace agiddi::tools {
namespace {

Outcome<std::int64_t> chain_height(const BenchCluster& cluster) {
  auto status = NodeClient(cluster.urls()[0]).get_json("/v1/status");
  if (!status) return tl::unexpected(status.error());
  const Json* height = status->find("height");
  return height && height->is_number() ? std::stoll(height->number_text()) : 0;
}

}  // namespace

Outcome<Answer> bench_pay(const PayOptions& options) {
  auto cluster = BenchCluster::start(static_cast<std::size_t>(options.nodes), options.unverified);
  if (!cluster) return tl::unexpected(cluster.error());
  auto payments = Payments::open(**cluster, options.unverified);
  if (!payments) return tl::unexpected(payments.error());
  const auto next = [&payments] { return (*payments)->next(); };
  const auto clients = static_cast<std::size_t>(options.clients);
  run_load({(*cluster)->targets(), clients, 0, std::chrono::milliseconds(2'000), next});   // warm up
  (*payments)->prepare(static_cast<std::size_t>((options.unverified ? 20'000 : 8'000) * options.seconds));
  const auto height_before = chain_height(**cluster);
  if (!height_before) return tl::unexpected(height_before.error());
  const double cpu_before = (*cluster)->cpu_s(), own_before = own_cpu_s(RUSAGE_SELF);
  const LoadResult result =
      run_load({(*cluster)->targets(), clients, static_cast<double>(options.rate), std::chrono::milliseconds(1000 * options.seconds), next});

  const double done = std::max<double>(1, static_cast<double>(result.done()));
  const double cpu_ms = 1000 * ((*cluster)->cpu_s() - cpu_before) / done, own_ms = 1000 * (own_cpu_s(RUSAGE_SELF) - own_before) / done;
  const auto height_after = chain_height(**cluster);
  if (!height_after) return tl::unexpected(height_after.error());
  const double a_block = done / std::max<double>(1, static_cast<double>(*height_after - *height_before));

  const double rate = result.seconds > 0 ? static_cast<double>(result.done()) / result.seconds : 0;
  const double p50 = percentile(result.latencies_ms, 0.5), p99 = percentile(result.latencies_ms, 0.99), most = percentile(result.latencies_ms, 1);
  Json statuses = Json::object();
  std::uint64_t refused = 0;
  for (const auto& [status, count] : result.statuses) {
    statuses.set(std::to_string(status), count);
    if (status < 200 || status >= 300) refused += count;
  }
  Json document = Json::object({{"benchmark", "pay"}, {"nodes", options.nodes}, {"clients", options.clients}, {"rate", options.rate}, {"seconds", options.seconds}, {"clientSignatures", options.unverified ? kNoClientSignatures : kClientSignatures},
                                {"committedPerSecond", rounded(rate, 1)}, {"p50_ms", rounded(p50, 2)}, {"p99_ms", rounded(p99, 2)}, {"max_ms", rounded(most, 2)},
                                {"perBlock", rounded(a_block, 1)}, {"nodesCpu_ms", rounded(cpu_ms, 3)}, {"clientsCpu_ms", rounded(own_ms, 3)},
                                {"statuses", std::move(statuses)}, {"memory_mib", rounded((*cluster)->memory_mib(), 1)}});
  return Answer{std::move(document),
                table({{"nodes", "clients", "committed/s", "p50 ms", "p99 ms", "max ms", "a block", "ms CPU each: nodes", "clients", "not done", "MiB, all nodes"},
                       {std::to_string(options.nodes), std::to_string(options.clients), fixed(rate, 0), fixed(p50, 2), fixed(p99, 2), fixed(most, 1),
                        fixed(a_block, 1), fixed(cpu_ms, 3), fixed(own_ms, 3), std::to_string(refused), fixed((*cluster)->memory_mib(), 0)}})};
}

}  // namespace agiddi::tools
