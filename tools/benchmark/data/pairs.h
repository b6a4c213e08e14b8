// Pairs: publishers and subscribers of the load generator, one publisher for each subscriber, driven by one thread.
//
// Each reading carries a number, so that its way through a broker is seen at the far end whether it was wrapped on the way or not: delivered once, in order,
// and when. Saturation is a closed loop (a window of readings on the way for each pair), so no queue overflows and what limits is the slowest part; the fixed
// rate is an open one. Latency is from the write to the read.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/benchmark/data/mqtt_link.h"

namespace agiddi::tools {

// A payload of exactly so many bytes, at least kPayloadMin_bytes: {"sensor":"t","value":N,"time":T} with N of seven digits.
inline constexpr std::size_t kPayloadMin_bytes = 48, kPayloadMax_bytes = 60'000;
std::string numbered_payload(std::uint64_t number, std::size_t size);

struct Pair {
  MqttLink publisher, subscriber;
  std::string topic;                  // to which it publishes
  enum class Form { as_sent, unified, senml };
  Form form = Form::as_sent;          // of what arrives: as it was sent, or a measurement, which carries a sequence number
  std::uint64_t sent = 0, delivered = 0, lost = 0, out_of_order = 0;   // since it was opened
  std::uint64_t last_number = 0, last_sequence = 0, gaps = 0;
  std::size_t last_size = 0;          // bytes of what arrived last
  std::vector<std::chrono::steady_clock::time_point> sent_at;          // by number, a ring
};

struct PairsPlan {
  int qos = 0;
  std::size_t payload_bytes = 50;
  std::size_t window = 0;             // readings on the way for each pair; 0: the rate
  double rate = 0;                    // readings a second, all pairs together
  std::chrono::milliseconds warm_up{0}, duration{1'000};
};

struct PairsResult {
  double seconds = 0;
  std::uint64_t delivered = 0;        // within the measured time
  std::vector<double> latencies_us;   // with a rate only
  double own_cpu_s = 0;               // of the generator
  double rate() const { return seconds > 0 ? static_cast<double>(delivered) / seconds : 0; }
};

// Runs, then waits until everything has arrived, or nothing more does for three seconds: what is missing then is counted as lost.
Outcome<PairsResult> run_pairs(std::vector<Pair>& pairs, const PairsPlan& plan);

}  // namespace agiddi::tools
