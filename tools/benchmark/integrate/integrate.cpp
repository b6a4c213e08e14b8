// Integration time: from an application's request to the first reading of its devices, by devices an integration and by applications at once.
#include <algorithm>
#include <barrier>
#include <mutex>
#include <optional>
#include <thread>

#include "tools/benchmark/benchmarks.h"
#include "tools/benchmark/figures.h"
#include "tools/benchmark/integrate/application.h"
#include "tools/benchmark/integrate/device_pool.h"
#include "tools/benchmark/report/tables.h"
#include "tools/benchmark/spread.h"
#include "tools/cli/url.h"

namespace agiddi::tools {
namespace {

constexpr std::size_t kDeviceIntegrationsMax = 200;   // agiddi-device serves 256 at once

struct Case {
  std::size_t devices = 0, applications = 0;
};

class IntegrateBench {
 public:
  IntegrateBench(const IntegrateOptions& options, const BenchCluster& cluster, const DevicePool& pool, std::uint16_t broker_port)
      : options_(options), cluster_(cluster), pool_(pool), broker_port_(broker_port), account_(cluster.account("application-1")) {}

  Outcome<Json> row(const Case& of) const {
    std::vector<IntegrationTimes> times;
    for (std::int64_t i = 0; i < options_.repetitions; ++i) {
      if (auto done = run_once(of, times); !done) return tl::unexpected(done.error());
    }
    return figures(of, times);
  }

  static Json figures(const Case& of, const std::vector<IntegrationTimes>& times) {
    Json row = Json::object({{"devices", static_cast<std::uint64_t>(of.devices)}, {"applications", static_cast<std::uint64_t>(of.applications)},
                             {"integrations", static_cast<std::uint64_t>(times.size())}});
    const auto set = [&](const std::string& name, double IntegrationTimes::* what) {
      std::vector<double> values;
      for (const IntegrationTimes& one : times) values.push_back(one.*what);
      for (const auto& [suffix, fraction] : {std::pair{"_p50_ms", 0.5}, {"_p95_ms", 0.95}, {"_p99_ms", 0.99}}) row.set(name + suffix, rounded(percentile(values, fraction), 1));
    };
    set("answer", &IntegrationTimes::answer_ms);
    set("firstReading", &IntegrationTimes::first_ms);
    set("allDevices", &IntegrationTimes::all_ms);
    return row;
  }

  // All applications have paid before the first one asks; then all ask at once. They close when the last one has its readings.
  Outcome<void> run_once(const Case& of, std::vector<IntegrationTimes>& times) const {
    std::barrier together(static_cast<std::ptrdiff_t>(of.applications));
    std::mutex mutex;
    std::optional<Failure> problem;
    const auto note = [&](const Failure& failure) {
      const std::lock_guard lock(mutex);
      if (!problem) problem = failure;
    };
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < of.applications; ++i) {
      threads.emplace_back([&, i] {
        std::vector<std::string> devices;
        for (std::size_t k = 0; k < of.devices; ++k) devices.push_back(pool_.urns()[(i * of.devices + k) % pool_.urns().size()]);
        Application application(cluster_.urls()[i % cluster_.urls().size()], broker_port_, account_, std::move(devices));
        const auto paid = application.pay();
        if (!paid) note(paid.error());
        together.arrive_and_wait();
        Outcome<IntegrationTimes> made = paid ? application.integrate() : Outcome<IntegrationTimes>(tl::unexpected(paid.error()));
        together.arrive_and_wait();
        if (!made) return note(made.error());
        if (auto closed = application.close(); !closed) note(closed.error());
        const std::lock_guard lock(mutex);
        times.push_back(*made);
      });
    }
    for (std::thread& thread : threads) thread.join();
    if (problem) return tl::unexpected(*problem);
    return {};
  }

 private:
  const IntegrateOptions options_;
  const BenchCluster& cluster_;
  const DevicePool& pool_;
  const std::uint16_t broker_port_;
  const KeyPair account_;
};

}  // namespace

Outcome<Answer> bench_integrate(const IntegrateOptions& options) {
  auto devices = parse_numbers("--devices", options.devices, 1, 100);
  if (!devices) return tl::unexpected(devices.error());
  auto applications = parse_numbers("--applications", options.applications, 1, 500);
  if (!applications) return tl::unexpected(applications.error());
  std::vector<Case> cases;
  for (const std::int64_t count : *devices) cases.push_back({static_cast<std::size_t>(count), 1});
  for (const std::int64_t count : *applications) {
    if (count > 1 || devices->front() > 1) cases.push_back({1, static_cast<std::size_t>(count)});
  }
  const auto pool_size = static_cast<std::size_t>(std::max(*std::max_element(devices->begin(), devices->end()), options.pool));
  if (static_cast<std::size_t>(*std::max_element(applications->begin(), applications->end())) > kDeviceIntegrationsMax * pool_size) {
    return wrong_usage("so many --applications need more devices: a device serves " + std::to_string(kDeviceIntegrationsMax) + " at once; raise --pool");
  }

  auto cluster = BenchCluster::start(static_cast<std::size_t>(options.nodes));
  if (!cluster) return tl::unexpected(cluster.error());
  const auto broker = parse_url("http" + (*cluster)->broker().substr(4));
  if (!broker) return passed_on(broker.error());
  auto pool = DevicePool::start(**cluster, pool_size, options.interval_ms);
  if (!pool) return tl::unexpected(pool.error());
  const IntegrateBench bench(options, **cluster, **pool, broker->port);
  // Every node reaches every device's broker for the first time here, which takes longer: told apart.
  std::vector<IntegrationTimes> first;
  if (auto warm = bench.run_once({pool_size, (*cluster)->urls().size()}, first); !warm) return tl::unexpected(warm.error());
  Json by_devices = Json::array(), by_applications = Json::array();
  for (const Case& one : cases) {
    auto row = bench.row(one);
    if (!row) return tl::unexpected(row.error());
    (one.applications == 1 ? by_devices : by_applications).push(std::move(*row));
  }
  Json document = Json::object({{"benchmark", "integrate"},
                                {"nodes", options.nodes},
                                {"repetitions", options.repetitions},
                                {"interval_ms", options.interval_ms},
                                {"pool", static_cast<std::uint64_t>(pool_size)},
                                {"firstContact", Json::array({IntegrateBench::figures({pool_size, (*cluster)->urls().size()}, first)})},
                                {"byDevices", std::move(by_devices)}});
  if (!by_applications.items().empty()) document.set("byApplications", std::move(by_applications));
  document.set("plots", Json::array({Json::object({{"title", "Until every device has sent, p50 ms"}, {"table", "byDevices"}, {"x", "devices"}, {"y", "allDevices_p50_ms"}}),
                                     Json::object({{"title", "Until the first reading, p50 ms"}, {"table", "byApplications"}, {"x", "applications"}, {"y", "firstReading_p50_ms"}})}));
  std::string text = tables_text(document);
  return Answer{std::move(document), std::move(text)};
}

}  // namespace agiddi::tools
