// What standing queries cost registrations: the same load without and with thousands of real watchers, in pairs on one cluster, first one and then the other
// way round.
#include <algorithm>
#include <array>
#include <set>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "protocol/identity.h"
#include "protocol/transaction.h"
#include "tools/benchmark/bench_cluster.h"
#include "tools/benchmark/benchmarks.h"
#include "tools/benchmark/devices/own_form.h"
#include "tools/benchmark/figures.h"
#include "tools/benchmark/footprint.h"
#include "tools/benchmark/registrations.h"
#include "tools/benchmark/watch/standing_mix.h"
#include "tools/benchmark/watch/watch_clients.h"
#include "tools/cli/node_client.h"

namespace agiddi::tools {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kWorld = 1'000'000;        // generated devices: those of the first half are registered, queries are made from the others
constexpr std::int64_t kWarmUp_ms = 2'000;
constexpr std::size_t kPreparedPerSecond = 1'000;  // more are signed as they are needed
constexpr std::size_t kSampleMax = 100;            // watchers whose events are compared with what their query gives
constexpr auto kToldMax = std::chrono::seconds(120);

using Devices = std::unordered_set<std::uint64_t>;   // by device_hash

struct Phase {
  bool watched = false;
  LoadResult load;
  double cpu_s = 0, own_cpu_s = 0;                    // of all daemons; of this process: who registers, and the watchers
  double rate() const { return load.seconds > 0 ? static_cast<double>(load.done()) / load.seconds : 0; }
};

struct Told {
  std::array<std::uint64_t, kMixForms> by_form{};
  std::uint64_t events = 0, wrong = 0, repeated = 0, lost_clients = 0, sampled = 0, sampled_events = 0;
  std::vector<double> latencies_ms;
};

class Bench {
 public:
  explicit Bench(const WatchOptions& options) : options_(options), generator_(1, kWorld) {}

  Outcome<Answer> run() {
    auto started = BenchCluster::start(static_cast<std::size_t>(options_.nodes));
    if (!started) return tl::unexpected(started.error());
    cluster_ = std::move(*started);
    auto validators = NodeClient(cluster_->urls()[0]).validators();
    if (!validators) return tl::unexpected(validators.error());
    std::vector<std::string> members;
    for (const Json& member : validators->find("validators")->items()) members.push_back(member.find("id")->as_string());
    registrations_.emplace(generator_, kWorld / 2, std::move(members), cluster_->network());
    watched_ = options_.spread ? cluster_->targets().size() : 1;
    mix_ = standing_mix(generator_, kWorld / 2, static_cast<std::size_t>(options_.queries));

    run_load(plan(kWarmUp_ms));
    for (std::int64_t pair = 0; pair < options_.pairs; ++pair) {
      for (const bool with : {pair % 2 != 0, pair % 2 == 0}) {
        if (const auto problem = settle()) return tl::unexpected(*problem);
        if (const auto problem = with ? measure_watched() : measure_alone()) return tl::unexpected(*problem);
      }
    }
    return answer();
  }

 private:
  LoadPlan plan(std::int64_t duration_ms) {
    LoadPlan load{cluster_->targets(), static_cast<std::size_t>(options_.clients), static_cast<double>(options_.rate), std::chrono::milliseconds(duration_ms),
                  [this] { return registrations_->next(); }};
    load.answered = [this](std::string_view text) {
      constexpr std::string_view kUrn = "\"id\":\"urn:agiddi:device:";
      const std::size_t at = text.find(kUrn);
      if (at == std::string_view::npos) return;
      const std::size_t begin = at + 6;
      answered_[device_hash(text.substr(begin, text.find('"', begin) - begin))] = Clock::now();
    };
    return load;
  }

  Phase measure(bool watched) {
    answered_.clear();
    registrations_->prepare(kPreparedPerSecond * static_cast<std::size_t>(options_.seconds));
    Phase phase;
    phase.watched = watched;
    const double before = cluster_->cpu_s(), own_before = own_cpu_s(RUSAGE_SELF);
    phase.load = run_load(plan(1'000 * options_.seconds));
    phase.cpu_s = cluster_->cpu_s() - before;
    phase.own_cpu_s = own_cpu_s(RUSAGE_SELF) - own_before;
    return phase;
  }

  std::optional<Failure> measure_alone() {
    phases_.push_back(measure(false));
    return std::nullopt;
  }

  std::optional<Failure> measure_watched() {
    std::vector<std::string> bodies;
    for (const std::string& conditions : mix_) bodies.push_back("{\"conditions\":" + conditions + ",\"watch\":true,\"limit\":1}");
    auto targets = cluster_->targets();
    targets.resize(watched_);
    const auto sent_before = metric("agiddi_watch_events_total");
    if (!sent_before) return sent_before.error();
    const double memory = watched_memory();
    const auto begin = Clock::now();
    WatchClients clients(targets, std::move(bodies));
    if (const auto problem = clients.open()) return failed(*problem).value();
    if (open_s_ == 0) {
      open_s_ = std::chrono::duration<double>(Clock::now() - begin).count();
      watcher_kib_ = (watched_memory() - memory) * 1024 / static_cast<double>(mix_.size());
    }
    const auto sample = sample_of();
    std::vector<Devices> before, after;
    if (auto problem = search(sample, before)) return problem;
    phases_.push_back(measure(true));
    if (auto problem = settle(true)) return problem;
    if (auto problem = wait_until_told(clients, *sent_before)) return problem;
    clients.stop();
    if (auto problem = search(sample, after)) return problem;
    check(clients, sample, before, after);
    return std::nullopt;
  }

  // Evenly over the mix, in steps that are no multiple of the number of forms: all of them come in turn.
  std::vector<std::size_t> sample_of() const {
    std::size_t step = std::max<std::size_t>(1, mix_.size() / kSampleMax);
    if (step % kMixForms == 0) ++step;
    std::vector<std::size_t> sample;
    for (std::size_t at = 0; at < mix_.size() && sample.size() < kSampleMax; at += step) sample.push_back(at);
    return sample;
  }

  // What the search gives now for each of them, at the node where it is watched.
  std::optional<Failure> search(const std::vector<std::size_t>& sample, std::vector<Devices>& out) {
    out.assign(sample.size(), {});
    for (std::size_t i = 0; i < sample.size(); ++i) {
      NodeClient node(cluster_->urls()[sample[i] % watched_]);
      Json body = Json::object({{"conditions", *parse_json(mix_[sample[i]])}, {"limit", 1000}});
      for (;;) {
        auto page = node.post_json("/v1/query", body);
        if (!page) return page.error();
        for (const Json& device : page->find("devices")->items()) out[i].insert(device_hash(device.find("id")->as_string()));
        const Json* next = page->find("next");
        if (!next) break;
        body.set("cursor", *next);
      }
    }
    return std::nullopt;
  }

  Outcome<std::uint64_t> metric_of(std::size_t node, const std::string& name) {
    auto text = NodeClient(cluster_->urls()[node]).get("/metrics", "text/plain");
    if (!text) return tl::unexpected(text.error());
    const std::size_t at = text->body.find("\n" + name + " ");
    if (at == std::string::npos) return failed("the metric " + name + " is missing");
    return std::stoull(text->body.substr(at + name.size() + 2));
  }
  // The sum over the nodes that are watched.
  Outcome<std::uint64_t> metric(const std::string& name) {
    std::uint64_t sum = 0;
    for (std::size_t node = 0; node < watched_; ++node) {
      const auto value = metric_of(node, name);
      if (!value) return value;
      sum += *value;
    }
    return sum;
  }

  // Until no node has anything left to do: one may lag behind those that answered. And, unless they stay, until nobody watches any more.
  std::optional<Failure> settle(bool watchers_stay = false) {
    const auto end = Clock::now() + kToldMax;
    while (Clock::now() < end) {
      std::set<std::uint64_t> heights;
      std::uint64_t left = 0;
      for (std::size_t node = 0; node < cluster_->urls().size(); ++node) {
        const auto height = metric_of(node, "agiddi_block_height"), waiting = metric_of(node, "agiddi_mempool_transactions"),
                   watchers = metric_of(node, "agiddi_watchers");
        for (const auto* value : {&height, &waiting, &watchers}) {
          if (!*value) return value->error();
        }
        heights.insert(*height);
        left += *waiting + (watchers_stay ? 0 : *watchers);
      }
      if (heights.size() == 1 && left == 0) return std::nullopt;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return failed("the nodes do not come to rest").value();
  }

  // Until every watched node has told all that it had to tell, and the clients have read it.
  std::optional<Failure> wait_until_told(const WatchClients& clients, std::uint64_t sent_before) {
    const auto end = Clock::now() + kToldMax;
    std::string last;
    while (Clock::now() < end) {
      std::uint64_t values[5];
      const char* names[] = {"agiddi_block_height", "agiddi_watch_height", "agiddi_watch_waiting", "agiddi_watch_unsent_bytes", "agiddi_watch_events_total"};
      for (std::size_t i = 0; i < std::size(names); ++i) {
        const auto value = metric(names[i]);
        if (!value) return value.error();
        values[i] = *value;
      }
      if (values[1] >= values[0] && values[2] == 0 && values[3] == 0 && values[4] - sent_before == clients.events()) return std::nullopt;
      last = std::to_string(values[0]) + " blocks, " + std::to_string(values[1]) + " looked at, " + std::to_string(values[2]) + " changes wait, " +
             std::to_string(values[4] - sent_before) + " events sent, " + std::to_string(clients.events()) + " read";
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return failed("the watchers were not told of everything in time: " + last).value();
  }

  void check(const WatchClients& clients, const std::vector<std::size_t>& sample, const std::vector<Devices>& before, const std::vector<Devices>& after) {
    for (std::size_t i = 0; i < clients.logs().size(); ++i) {
      const WatchLog& log = clients.logs()[i];
      told_.by_form[i % kMixForms] += log.events.size();
      told_.events += log.events.size() + log.others;
      told_.wrong += log.others;
      told_.lost_clients += log.problem.empty() ? 0 : 1;
      Devices once;
      for (const WatchEvent& event : log.events) {
        told_.repeated += once.insert(event.device).second ? 0 : 1;
        const auto answered = answered_.find(event.device);
        if (answered != answered_.end()) told_.latencies_ms.push_back(std::chrono::duration<double, std::milli>(event.at - answered->second).count());
      }
    }
    told_.sampled += sample.size();
    for (std::size_t i = 0; i < sample.size(); ++i) {
      Devices wanted = after[i];
      for (const std::uint64_t device : before[i]) wanted.erase(device);
      for (const WatchEvent& event : clients.logs()[sample[i]].events) told_.wrong += wanted.erase(event.device) == 1 ? 0 : 1;
      told_.wrong += wanted.size();
      told_.sampled_events += clients.logs()[sample[i]].events.size();
    }
  }

  double watched_memory() const {
    double sum = 0;
    for (std::size_t node = 0; node < watched_; ++node) sum += cluster_->memory_mib(node);
    return sum;
  }

  struct Sum {
    double devices = 0, seconds = 0, cpu_s = 0, own_cpu_s = 0;
    std::uint64_t refused = 0;
    std::vector<double> latencies_ms;
    double rate() const { return seconds > 0 ? devices / seconds : 0; }
    double cpu_ms() const { return devices > 0 ? 1'000 * cpu_s / devices : 0; }
    double own_cpu_ms() const { return devices > 0 ? 1'000 * own_cpu_s / devices : 0; }
  };
  Sum sum_of(bool watched) const {
    Sum sum;
    for (const Phase& phase : phases_) {
      if (phase.watched != watched) continue;
      sum.devices += static_cast<double>(phase.load.done());
      sum.seconds += phase.load.seconds;
      sum.cpu_s += phase.cpu_s;
      sum.own_cpu_s += phase.own_cpu_s;
      for (const auto& [status, count] : phase.load.statuses) sum.refused += status >= 200 && status < 300 ? 0 : count;
      sum.latencies_ms.insert(sum.latencies_ms.end(), phase.load.latencies_ms.begin(), phase.load.latencies_ms.end());
    }
    return sum;
  }

  Outcome<Answer> answer() const {
    const Sum alone = sum_of(false), watched = sum_of(true);
    const double ratio = alone.rate() > 0 ? watched.rate() / alone.rate() : 0;
    const auto figures = [](const Sum& sum) {
      return Json::object({{"devicesPerSecond", rounded(sum.rate(), 1)},
                           {"devices", static_cast<std::uint64_t>(sum.devices)},
                           {"p50_ms", rounded(percentile(sum.latencies_ms, 0.5), 1)},
                           {"p99_ms", rounded(percentile(sum.latencies_ms, 0.99), 1)},
                           {"nodesCpu_ms", rounded(sum.cpu_ms(), 3)},
                           {"clientsCpu_ms", rounded(sum.own_cpu_ms(), 3)},
                           {"refused", sum.refused}});
    };
    const auto row = [](const std::string& name, const Sum& sum) {
      return std::vector<std::string>{name,
                                      fixed(sum.rate(), 1),
                                      fixed(percentile(sum.latencies_ms, 0.5), 1),
                                      fixed(percentile(sum.latencies_ms, 0.99), 1),
                                      fixed(sum.cpu_ms(), 3),
                                      fixed(sum.own_cpu_ms(), 3),
                                      std::to_string(sum.refused)};
    };
    Json pairs = Json::array();
    std::string by_pair;
    std::vector<double> ratios;
    for (std::size_t i = 0; i + 1 < phases_.size(); i += 2) {
      const double one = phases_[i + (phases_[i].watched ? 0 : 1)].rate() / std::max(1.0, phases_[i + (phases_[i].watched ? 1 : 0)].rate());
      pairs.push(rounded(one, 3));
      ratios.push_back(one);
      by_pair += (by_pair.empty() ? "" : ", ") + fixed(one, 3);
    }
    const double median = ratios.empty() ? 0 : percentile(ratios, 0.5);
    const double per_device = watched.devices > 0 ? static_cast<double>(told_.events) / watched.devices : 0;
    const double p50 = percentile(told_.latencies_ms, 0.5), p99 = percentile(told_.latencies_ms, 0.99);
    Json by_form = Json::array();
    for (const std::uint64_t events : told_.by_form) by_form.push(Json(events));
    Json document = Json::object({{"benchmark", "watch"},
                                  {"nodes", options_.nodes},
                                  {"queries", options_.queries},
                                  {"watchedNodes", static_cast<std::uint64_t>(watched_)},
                                  {"clients", options_.clients},
                                  {"rate", options_.rate},
                                  {"seconds", options_.seconds},
                                  {"pairs", options_.pairs},
                                  {"without", figures(alone)},
                                  {"with", figures(watched)},
                                  {"ratio", rounded(ratio, 3)},
                                  {"ratioByPair", std::move(pairs)},
                                  {"ratioMedian", rounded(median, 3)},
                                  {"events", told_.events},
                                  {"eventsPerDevice", rounded(per_device, 2)},
                                  {"eventsByForm", std::move(by_form)},
                                  {"latencyP50_ms", rounded(p50, 1)},
                                  {"latencyP99_ms", rounded(p99, 1)},
                                  {"memoryPerWatcher_KiB", rounded(watcher_kib_, 1)},
                                  {"open_s", rounded(open_s_, 1)},
                                  {"sampledWatchers", told_.sampled},
                                  {"sampledEvents", told_.sampled_events},
                                  {"wrong", told_.wrong},
                                  {"repeated", told_.repeated},
                                  {"lostClients", told_.lost_clients}});
    std::string text = table({{"", "devices/s", "p50 ms", "p99 ms", "ms CPU a device: nodes", "clients", "refused"},
                              row("without", alone),
                              row(std::to_string(options_.queries) + " watchers", watched)});
    text += "ratio " + fixed(ratio, 3) + "; by pair " + by_pair + ", median " + fixed(median, 3) + "\n";
    text += std::to_string(told_.events) + " events, " + fixed(per_device, 2) + " a device; from the answer to a registration to its event: p50 " +
            fixed(p50, 1) + " ms, p99 " + fixed(p99, 1) + " ms\n";
    text += fixed(watcher_kib_, 1) + " KiB of the node's memory a watcher; opening all took " + fixed(open_s_, 1) + " s\n";
    text += std::to_string(told_.sampled_events) + " events of " + std::to_string(told_.sampled) +
            " watchers compared with what their queries give: " + std::to_string(told_.wrong) + " wrong; " + std::to_string(told_.repeated) + " told twice, " +
            std::to_string(told_.lost_clients) + " watchers lost\n";
    if (told_.wrong + told_.repeated + told_.lost_clients > 0) return failed("events are wrong:\n" + text);
    return Answer{std::move(document), std::move(text)};
  }

  const WatchOptions options_;
  const DeviceGenerator generator_;
  std::unique_ptr<BenchCluster> cluster_;
  std::optional<Registrations> registrations_;
  std::size_t watched_ = 1;                           // the first nodes
  std::vector<std::string> mix_;
  std::unordered_map<std::uint64_t, Clock::time_point> answered_;
  std::vector<Phase> phases_;
  Told told_;
  double watcher_kib_ = 0, open_s_ = 0;               // of the first time
};

}  // namespace

Outcome<Answer> bench_watch(const WatchOptions& options) {
  // A socket for each watcher here; the daemons inherit the limit and need as many.
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
  }
  return Bench(options).run();
}

}  // namespace agiddi::tools
