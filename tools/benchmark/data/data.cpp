// The data path: what reaches applications through a broker with the plugin and a network behind it, beside the same broker as it comes.
#include <algorithm>
#include <chrono>
#include <thread>

#include "tools/benchmark/benchmarks.h"
#include "tools/benchmark/data/bench_broker.h"
#include "tools/benchmark/data/grants.h"
#include "tools/benchmark/data/paid_streams.h"
#include "tools/benchmark/figures.h"
#include "tools/benchmark/footprint.h"

namespace agiddi::tools {
namespace {

constexpr std::size_t kWindow = 200;                       // readings on the way for each pair
constexpr auto kWarmUp = std::chrono::milliseconds(500);
constexpr auto kCountedWithin = std::chrono::seconds(10);  // live figures follow the readings

struct Measured {
  double rate = 0, broker_us = 0;                          // saturation; processor time of the broker a message
  double broker_share = 0, generator_share = 0;            // of one processor, at saturation: who limits
  std::vector<double> latencies_us;                        // at the fixed rate
};

Outcome<std::vector<Pair>> raw_pairs(std::uint16_t port, std::size_t count, int qos) {
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < count; ++i) {
    Pair pair;
    pair.topic = "in/bench-" + std::to_string(i);
    auto subscriber = MqttLink::open(port, "raw-app-" + std::to_string(i), {});
    if (!subscriber) return tl::unexpected(subscriber.error());
    if (auto done = subscriber->subscribe(pair.topic, qos); !done) return tl::unexpected(done.error());
    auto publisher = MqttLink::open(port, "raw-device-" + std::to_string(i), {});
    if (!publisher) return tl::unexpected(publisher.error());
    pair.subscriber = std::move(*subscriber);
    pair.publisher = std::move(*publisher);
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

class DataBench {
 public:
  explicit DataBench(const DataOptions& options) : options_(options), clients_(static_cast<std::size_t>(options.clients)) {}

  Outcome<Answer> run() {
    auto raw = BenchBroker::start(false);
    if (!raw) return tl::unexpected(raw.error());
    raw_ = std::move(*raw);
    auto streams = PaidStreams::open(static_cast<std::size_t>(options_.nodes), clients_, delivery());
    if (!streams) return tl::unexpected(streams.error());
    streams_ = std::move(*streams);
    delivered_.resize(clients_);
    for (int qos = 0; qos <= 1; ++qos) {
      if (options_.qos != "both" && options_.qos != std::to_string(qos)) continue;
      Level level;
      level.qos = qos;
      for (std::int64_t i = 0; i < options_.pairs; ++i) {
        for (const bool first : {true, false}) {
          const bool paid = first == (i % 2 == 1);
          auto measured = paid ? measure_paid(qos) : measure_raw(qos, static_cast<std::size_t>(options_.payload));
          if (!measured) return tl::unexpected(measured.error());
          (paid ? level.paid : level.raw).push_back(std::move(*measured));
        }
        if (!options_.same_size) continue;
        auto measured = measure_raw(qos, measurement_bytes_);
        if (!measured) return tl::unexpected(measured.error());
        level.same_size.push_back(std::move(*measured));
      }
      levels_.push_back(std::move(level));
    }
    streams_.reset();
    raw_.reset();
    auto grants = measure_grants(static_cast<std::size_t>(options_.grants), static_cast<std::size_t>(options_.revocations));
    if (!grants) return tl::unexpected(grants.error());
    return answer(*grants);
  }

 private:
  struct Level {
    int qos = 0;
    std::vector<Measured> raw, paid, same_size;
    // Of paid streams to the broker alone, pair by pair.
    std::vector<double> ratios(const std::vector<Measured>& alone) const {
      std::vector<double> out;
      for (std::size_t i = 0; i < alone.size(); ++i) out.push_back(alone[i].rate > 0 ? paid[i].rate / alone[i].rate : 0);
      return out;
    }
  };

  Json delivery() const {
    Json out = Json::object({{"protocol", "mqtt"}});
    if (options_.format != "unified") out.set("format", options_.format);
    if (options_.context != "inline") out.set("context", options_.context);
    return out;
  }

  Outcome<Measured> measure_raw(int qos, std::size_t payload) {
    auto pairs = raw_pairs(raw_->port(), clients_, qos);
    if (!pairs) return tl::unexpected(pairs.error());
    return measure(*pairs, qos, payload, raw_->pid());
  }

  Outcome<Measured> measure_paid(int qos) {
    auto pairs = streams_->connect(qos);
    if (!pairs) return tl::unexpected(pairs.error());
    for (std::size_t i = 0; i < clients_; ++i) (*pairs)[i].last_sequence = delivered_[i];
    auto measured = measure(*pairs, qos, static_cast<std::size_t>(options_.payload), streams_->broker_pid());
    if (!measured) return measured;
    measurement_bytes_ = pairs->front().last_size;
    if (auto right = check_counts(*pairs, qos); !right) return tl::unexpected(right.error());
    return measured;
  }

  Outcome<Measured> measure(std::vector<Pair>& pairs, int qos, std::size_t payload, std::int64_t broker) {
    const std::chrono::milliseconds duration(1000 * options_.seconds);
    PairsPlan fixed_rate{qos, payload, 0, static_cast<double>(options_.rate), kWarmUp, duration};
    PairsPlan saturated{qos, payload, kWindow, 0, kWarmUp, duration};
    auto quiet = run_pairs(pairs, fixed_rate);
    if (!quiet) return tl::unexpected(quiet.error());
    const double cpu = process_cpu_s(broker);
    const auto before = sum(pairs);
    auto full = run_pairs(pairs, saturated);
    if (!full) return tl::unexpected(full.error());
    Measured measured;
    measured.latencies_us = std::move(quiet->latencies_us);
    measured.rate = full->rate();
    measured.broker_us = 1e6 * (process_cpu_s(broker) - cpu) / static_cast<double>(std::max<std::uint64_t>(sum(pairs) - before, 1));
    measured.broker_share = measured.broker_us * measured.rate / 1e6;
    measured.generator_share = full->own_cpu_s / full->seconds;
    for (const Pair& pair : pairs) {
      if (pair.out_of_order > 0 || (qos == 1 && pair.lost > 0)) {
        return failed(std::to_string(pair.lost) + " readings were lost and " + std::to_string(pair.out_of_order) + " came out of order at QoS " + std::to_string(qos));
      }
      lost_ += pair.lost;
    }
    return measured;
  }

  static std::uint64_t sum(const std::vector<Pair>& pairs) {
    std::uint64_t out = 0;
    for (const Pair& pair : pairs) out += pair.delivered;
    return out;
  }

  // What arrived is what was counted, to the byte. At QoS 0 a broker may drop what was counted, never the other way round.
  Outcome<void> check_counts(const std::vector<Pair>& pairs, int qos) {
    for (std::size_t i = 0; i < clients_; ++i) delivered_[i] += pairs[i].delivered;
    const auto until = std::chrono::steady_clock::now() + kCountedWithin;
    const auto payload = static_cast<std::uint64_t>(options_.payload);
    for (;;) {
      auto usage = streams_->usage();
      if (!usage) return tl::unexpected(usage.error());
      std::string wrong;
      for (std::size_t i = 0; i < clients_; ++i) {
        const CountedUsage& counted = (*usage)[i];
        const bool exact = counted.readings == delivered_[i] || (qos == 0 && counted.readings > delivered_[i] && counted.readings - delivered_[i] <= pairs[i].lost);
        if (!exact || counted.bytes != counted.readings * payload) {
          wrong = "stream " + std::to_string(i) + ": " + std::to_string(delivered_[i]) + " readings of " + std::to_string(payload) + " bytes delivered, " +
                  std::to_string(counted.readings) + " readings and " + std::to_string(counted.bytes) + " bytes counted, " + std::to_string(pairs[i].lost) + " lost";
        }
        if (pairs[i].gaps > 0) wrong = "stream " + std::to_string(i) + ": " + std::to_string(pairs[i].gaps) + " gaps in the sequence";
      }
      if (wrong.empty()) {
        for (std::size_t i = 0; i < clients_; ++i) delivered_[i] = (*usage)[i].readings;
        return {};
      }
      if (std::chrono::steady_clock::now() > until) return failed(wrong);
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }

  static double median(const std::vector<Measured>& of, double Measured::* what) {
    std::vector<double> values;
    for (const Measured& one : of) values.push_back(one.*what);
    return percentile(std::move(values), 0.5);
  }
  // The median over the pairs of a percentile of each.
  static double latency(const std::vector<Measured>& of, double fraction) {
    std::vector<double> values;
    for (const Measured& one : of) values.push_back(percentile(one.latencies_us, fraction));
    return percentile(std::move(values), 0.5);
  }

  Answer answer(const GrantFigures& grants) const {
    std::vector<std::vector<std::string>> rows = {
        {"", "messages/s", "p50 us", "p99 us at " + std::to_string(options_.rate) + "/s", "broker us a message", "broker", "generator"}};
    Json levels = Json::array();
    std::string ratios_text;
    for (const Level& level : levels_) {
      const auto ratios = level.ratios(level.raw), same_ratios = level.ratios(level.same_size);
      const auto [least, most] = std::minmax_element(ratios.begin(), ratios.end());
      const double added_p50 = latency(level.paid, 0.5) - latency(level.raw, 0.5), added_p99 = latency(level.paid, 0.99) - latency(level.raw, 0.99);
      const auto side = [&](const char* name, const std::vector<Measured>& of) {
        rows.push_back({std::string(name) + ", QoS " + std::to_string(level.qos), fixed(median(of, &Measured::rate), 0), fixed(latency(of, 0.5), 0),
                        fixed(latency(of, 0.99), 0), fixed(median(of, &Measured::broker_us), 2), fixed(100 * median(of, &Measured::broker_share), 0) + " %",
                        fixed(100 * median(of, &Measured::generator_share), 0) + " %"});
        return Json::object({{"messagesPerSecond", rounded(median(of, &Measured::rate), 0)},
                             {"p50_us", rounded(latency(of, 0.5), 1)},
                             {"p99_us", rounded(latency(of, 0.99), 1)},
                             {"brokerCpu_us", rounded(median(of, &Measured::broker_us), 2)},
                             {"brokerShare", rounded(median(of, &Measured::broker_share), 3)},
                             {"generatorShare", rounded(median(of, &Measured::generator_share), 3)}});
      };
      Json raw = side("broker alone", level.raw), paid = side("paid", level.paid), by_pair = Json::array(), same_size;
      if (!level.same_size.empty()) same_size = side(("broker alone, " + std::to_string(measurement_bytes_) + " B").c_str(), level.same_size);
      std::string by_pair_text;
      for (const double ratio : ratios) {
        by_pair.push(rounded(ratio, 3));
        by_pair_text += (by_pair_text.empty() ? "" : ", ") + fixed(ratio, 3);
      }
      ratios_text += "QoS " + std::to_string(level.qos) + ": ratio " + fixed(percentile(ratios, 0.5), 3) + " (by pair " + by_pair_text + "); added p50 " + fixed(added_p50, 0) +
                     " us, p99 " + fixed(added_p99, 0) + " us" +
                     (same_ratios.empty() ? "" : "; to the broker alone with " + std::to_string(measurement_bytes_) + " B ratio " + fixed(percentile(same_ratios, 0.5), 3)) + "\n";
      levels.push(Json::object({{"qos", level.qos},
                                {"raw", std::move(raw)},
                                {"paid", std::move(paid)},
                                {"ratio", rounded(percentile(ratios, 0.5), 3)},
                                {"ratioLeast", rounded(*least, 3)},
                                {"ratioMost", rounded(*most, 3)},
                                {"ratioByPair", std::move(by_pair)},
                                {"addedP50_us", rounded(added_p50, 1)},
                                {"addedP99_us", rounded(added_p99, 1)}}));
      if (!same_ratios.empty()) {
        levels.items().back().set("sameSize", std::move(same_size));
        levels.items().back().set("ratioSameSize", rounded(percentile(same_ratios, 0.5), 3));
      }
    }
    const double revoked_p50 = percentile(grants.revoked_ms, 0.5), revoked_p99 = percentile(grants.revoked_ms, 0.99);
    Json document = Json::object({{"benchmark", "data"},
                                  {"clients", options_.clients},
                                  {"payload", options_.payload},
                                  {"format", options_.format},
                                  {"context", options_.context},
                                  {"measurementBytes", static_cast<std::uint64_t>(measurement_bytes_)},
                                  {"peer", options_.peer},
                                  {"nodes", options_.nodes},
                                  {"rate", options_.rate},
                                  {"seconds", options_.seconds},
                                  {"pairs", options_.pairs},
                                  {"window", static_cast<std::uint64_t>(kWindow)},
                                  {"levels", std::move(levels)},
                                  {"lostAtQos0", lost_},
                                  {"grants", grants.grants},
                                  {"grantsPerSecond", rounded(grants.grants_per_s, 0)},
                                  {"revokedP50_ms", rounded(revoked_p50, 3)},
                                  {"revokedP99_ms", rounded(revoked_p99, 3)}});
    std::string text = table(rows) + ratios_text;
    text += "a reading of " + std::to_string(options_.payload) + " B left as " + std::to_string(measurement_bytes_) + " B; every stream was counted to the byte; " + std::to_string(lost_) + " readings were lost at QoS 0\n";
    text += std::to_string(grants.grants) + " grants: " + fixed(grants.grants_per_s, 0) + " grants/s; from a revocation to the end of the connection p50 " + fixed(revoked_p50, 2) +
            " ms, p99 " + fixed(revoked_p99, 2) + " ms\n";
    return {std::move(document), std::move(text)};
  }

  const DataOptions options_;
  const std::size_t clients_;
  std::unique_ptr<BenchBroker> raw_;
  std::unique_ptr<PaidStreams> streams_;
  std::vector<std::uint64_t> delivered_;   // by stream, over all its connections
  std::vector<Level> levels_;
  std::uint64_t lost_ = 0;
  std::size_t measurement_bytes_ = 0;
};

}  // namespace

Outcome<Answer> bench_data(const DataOptions& options) {
  if (options.rate < 1) return wrong_usage("--rate must be at least 1");
  return DataBench(options).run();
}

}  // namespace agiddi::tools
