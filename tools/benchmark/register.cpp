// How fast devices are registered, by how many stand in one document: the paper's registration time against batch size.
#include "tools/benchmark/bench_cluster.h"
#include "tools/benchmark/benchmarks.h"
#include "tools/benchmark/figures.h"
#include "tools/benchmark/registrations.h"
#include "tools/cli/node_client.h"

namespace agiddi::tools {
namespace {

constexpr std::uint64_t kGenerated = 200'000;
constexpr double kDevicesAhead = 3'000;        // a second; documents for more are made as they are needed, and then the clients are what is measured

struct BatchRun {
  std::int64_t batch = 0;
  LoadResult load;
  double cpu_s = 0;
  double requests() const { return load.seconds > 0 ? static_cast<double>(load.done()) / load.seconds : 0; }
  double devices() const { return requests() * static_cast<double>(batch); }
  std::uint64_t refused() const {
    std::uint64_t sum = 0;
    for (const auto& [status, count] : load.statuses) sum += status >= 200 && status < 300 ? 0 : count;
    return sum;
  }
};

Outcome<std::vector<std::string>> member_ids(const std::string& url) {
  auto validators = NodeClient(url).validators();
  if (!validators) return tl::unexpected(validators.error());
  std::vector<std::string> members;
  for (const Json& member : validators->find("validators")->items()) members.push_back(member.find("id")->as_string());
  return members;
}

Json figures_of(const BatchRun& run, double per_device_cpu_ms) {
  Json statuses = Json::object();
  for (const auto& [status, count] : run.load.statuses) statuses.set(std::to_string(status), count);
  return Json::object({{"batch", run.batch},
                       {"devicesPerSecond", rounded(run.devices(), 1)},
                       {"requestsPerSecond", rounded(run.requests(), 1)},
                       {"p50_ms", rounded(percentile(run.load.latencies_ms, 0.5), 2)},
                       {"p99_ms", rounded(percentile(run.load.latencies_ms, 0.99), 2)},
                       {"max_ms", rounded(percentile(run.load.latencies_ms, 1), 2)},
                       {"nodesCpuPerDevice_ms", rounded(per_device_cpu_ms, 3)},
                       {"statuses", std::move(statuses)}});
}

}  // namespace

Outcome<Answer> bench_register(const RegisterOptions& options) {
  const DeviceGenerator generator(1, kGenerated);
  Json runs = Json::array();
  std::vector<std::vector<std::string>> rows{{"devices a document", "clients", "devices/s", "documents/s", "p50 ms", "p99 ms", "max ms", "ms CPU a device", "not done"}};
  for (const std::int64_t batch : options.batches) {
    // A cluster of its own for each: what the one before left on disk is nobody's burden.
    auto cluster = BenchCluster::start(static_cast<std::size_t>(options.nodes));
    if (!cluster) return tl::unexpected(cluster.error());
    auto members = member_ids((*cluster)->urls()[0]);
    if (!members) return tl::unexpected(members.error());
    Registrations registrations(generator, kGenerated, *std::move(members), (*cluster)->network(), static_cast<std::size_t>(batch));
    const auto clients = static_cast<std::size_t>(std::min(options.clients, std::max<std::int64_t>(4, options.devices_under_way / batch)));
    const auto plan = [&](std::int64_t ms, double rate) { return LoadPlan{(*cluster)->targets(), clients, rate, std::chrono::milliseconds(ms), [&] { return registrations.next(); }}; };
    run_load(plan(2'000, 0));   // warm up
    registrations.prepare(static_cast<std::size_t>(kDevicesAhead / static_cast<double>(batch) * static_cast<double>(options.seconds)) + 1);
    BatchRun run;
    run.batch = batch;
    const double before = (*cluster)->cpu_s();
    run.load = run_load(plan(1'000 * options.seconds, static_cast<double>(options.rate)));
    run.cpu_s = (*cluster)->cpu_s() - before;
    const double devices = static_cast<double>(run.load.done()) * static_cast<double>(batch);
    const double cpu_ms = devices > 0 ? 1'000 * run.cpu_s / devices : 0;
    runs.push(figures_of(run, cpu_ms).set("clients", static_cast<std::uint64_t>(clients)));
    rows.push_back({std::to_string(batch), std::to_string(clients), fixed(run.devices(), 0), fixed(run.requests(), 1), fixed(percentile(run.load.latencies_ms, 0.5), 1),
                    fixed(percentile(run.load.latencies_ms, 0.99), 1), fixed(percentile(run.load.latencies_ms, 1), 1), fixed(cpu_ms, 3), std::to_string(run.refused())});
  }
  return Answer{Json::object({{"benchmark", "register"}, {"nodes", options.nodes}, {"seconds", options.seconds}, {"rate", options.rate}, {"runs", std::move(runs)}}), table(rows)};
}

}  // namespace agiddi::tools
