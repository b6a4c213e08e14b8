// HTTP clients by the hundred in one thread: each keeps one connection, sends one request at a time and waits for its answer.
//
// Closed loop: a client sends its next request when it has its answer. Open loop (rate > 0): request i is due at i / rate, whoever is free sends it, and its
// latency counts from when it was due, so that a stall of the server is not hidden (coordinated omission).
// One thread; run() returns when the time is over and every request under way has been answered or has failed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace agiddi::tools {

struct LoadTarget { std::string host; std::uint16_t port = 0; };

struct LoadPlan {
  std::vector<LoadTarget> targets;        // clients are spread over them in turn
  std::size_t clients = 1;
  double rate = 0;                        // requests a second; 0 = closed loop
  std::chrono::milliseconds duration{1000};
  std::function<std::string()> request;   // the bytes of the next one, head and body
  std::function<bool()> stop{};           // if given: ends the run early when true
  std::function<void(std::string_view)> answered{};   // if given: the body of each answer below 300, when it arrived
};

struct LoadResult {
  std::map<int, std::uint64_t> statuses;  // 0: connection refused, broken or cut
  std::uint64_t without_retry_after = 0;  // 429 and 503 answers that do not say when to come again
  std::vector<double> latencies_ms;       // of answers below 300, in order of arrival
  std::vector<std::uint64_t> done_by_second;   // answers below 300, by the second of the run
  double seconds = 0;                     // from the first request to the last answer
  std::uint64_t done() const;             // answers below 300
};

LoadResult run_load(const LoadPlan& plan);

}  // namespace agiddi::tools
