// What a cluster does with ten times more than it can take: its best rate with waiting clients, then an open loop at a multiple of that rate by clients
// who never slow down, then the waiting clients again.
#include <atomic>
#include <thread>

#include "tools/benchmark/bench_cluster.h"
#include "tools/benchmark/benchmarks.h"
#include "tools/benchmark/figures.h"

namespace agiddi::tools {
namespace {

constexpr double kPreparedPerSecond = 8'000;    // closed loop; more are signed as they are needed
constexpr std::size_t kFloodClients = 2'000;
constexpr double kNormal = 0.8;                 // of the best rate

struct Phase {
  std::string name;
  LoadResult result;
  double memory_mib = 0;      // the peak
  double rate() const { return result.seconds > 0 ? static_cast<double>(result.done()) / result.seconds : 0; }
  std::uint64_t count(int status) const {
    const auto found = result.statuses.find(status);
    return found == result.statuses.end() ? 0 : found->second;
  }
};

Phase run_phase(const BenchCluster& cluster, std::string name, const LoadPlan& plan) {
  Phase phase;
  phase.name = std::move(name);
  std::atomic<bool> over{false};
  double peak = 0;
  std::thread watcher([&] {
    while (!over) {
      peak = std::max(peak, cluster.memory_mib());
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  });
  phase.result = run_load(plan);
  over = true;
  watcher.join();
  phase.memory_mib = peak;
  return phase;
}

Json to_json(const Phase& phase) {
  Json statuses = Json::object();
  for (const auto& [status, count] : phase.result.statuses) statuses.set(std::to_string(status), count);
  Json seconds = Json::array();
  for (const std::uint64_t done : phase.result.done_by_second) seconds.push(done);
  return Json::object({{"phase", phase.name}, {"committedPerSecond", rounded(phase.rate(), 1)}, {"p50_ms", rounded(percentile(phase.result.latencies_ms, 0.5), 2)},
                       {"p99_ms", rounded(percentile(phase.result.latencies_ms, 0.99), 2)}, {"statuses", std::move(statuses)},
                       {"withoutRetryAfter", phase.result.without_retry_after}, {"memory_mib", rounded(phase.memory_mib, 1)},
                       {"committedBySecond", std::move(seconds)}});
}

std::vector<std::string> to_row(const Phase& phase) {
  std::uint64_t other = 0;
  for (const auto& [status, count] : phase.result.statuses) {
    if (status >= 300 && status != 429 && status != 503) other += count;
  }
  return {phase.name, fixed(phase.rate(), 0), fixed(percentile(phase.result.latencies_ms, 0.5), 1), fixed(percentile(phase.result.latencies_ms, 0.99), 1),
          std::to_string(phase.count(429)), std::to_string(phase.count(503)), std::to_string(other), std::to_string(phase.count(0)), fixed(phase.memory_mib, 0)};
}

}  // namespace

Outcome<Answer> bench_overload(const OverloadOptions& options) {
  auto cluster = BenchCluster::start(static_cast<std::size_t>(options.nodes));
  if (!cluster) return tl::unexpected(cluster.error());
  auto payments = Payments::open(**cluster);
  if (!payments) return tl::unexpected(payments.error());
  const auto next = [&payments] { return (*payments)->next(); };
  const std::chrono::milliseconds duration(1000 * options.seconds);
  const auto ahead = static_cast<std::size_t>(kPreparedPerSecond * static_cast<double>(options.seconds));

  LoadPlan waiting{(*cluster)->targets(), static_cast<std::size_t>(options.clients), 0, duration, next};
  run_load({waiting.targets, waiting.clients, 0, std::chrono::milliseconds(2'000), next});   // warm up
  std::vector<Phase> phases;
  (*payments)->prepare(ahead);
  phases.push_back(run_phase(**cluster, "waiting clients", waiting));
  const double best = phases[0].rate();

  LoadPlan flood{(*cluster)->targets(), kFloodClients, best * static_cast<double>(options.factor), duration, next};
  (*payments)->prepare(std::min<std::size_t>(static_cast<std::size_t>(flood.rate) * static_cast<std::size_t>(options.seconds), 400'000));
  phases.push_back(run_phase(**cluster, "flood x" + std::to_string(options.factor), flood));

  (*payments)->prepare(ahead);
  phases.push_back(run_phase(**cluster, "waiting clients again", waiting));
  std::size_t seconds_to_normal = 0;
  const auto& after = phases[2].result.done_by_second;
  while (seconds_to_normal < after.size() && static_cast<double>(after[seconds_to_normal]) < kNormal * best) ++seconds_to_normal;

  std::vector<std::vector<std::string>> rows = {{"", "committed/s", "p50 ms", "p99 ms", "429", "503", "other", "broken", "MiB, all nodes"}};
  Json all = Json::array();
  for (const Phase& phase : phases) {
    rows.push_back(to_row(phase));
    all.push(to_json(phase));
  }
  const double kept = best > 0 ? phases[1].rate() / best : 0;
  Json document = Json::object({{"benchmark", "overload"}, {"nodes", options.nodes}, {"clients", options.clients}, {"factor", options.factor}, {"phases", std::move(all)},
                                {"keptUnderFlood", rounded(kept, 3)}, {"secondsToNormal", static_cast<std::uint64_t>(seconds_to_normal)}});
  return Answer{std::move(document), table(rows) + "kept under the flood: " + fixed(100 * kept, 0) + " % of the best rate; normal again after " +
                                         std::to_string(seconds_to_normal) + " s\n"};
}

}  // namespace agiddi::tools
