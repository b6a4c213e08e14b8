// How long a call takes, over many. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace agiddi::tools {

using BenchClock = std::chrono::steady_clock;
inline double seconds_since(BenchClock::time_point start) { return std::chrono::duration<double>(BenchClock::now() - start).count(); }

// Milliseconds of each call, after a warm-up of five: as many as wanted, fewer (but three) when they take longer than the budget.
template <class Call>
std::vector<double> measure_ms(std::int64_t repetitions, std::int64_t budget_ms, const Call& call) {
  const double budget_s = static_cast<double>(budget_ms) / 1000;
  auto begin = BenchClock::now();
  for (int i = 0; i < 5 && (i == 0 || seconds_since(begin) < budget_s); ++i) call();
  std::vector<double> times;
  begin = BenchClock::now();
  for (std::int64_t i = 0; i < repetitions && (i < 3 || seconds_since(begin) < budget_s); ++i) {
    const auto start = BenchClock::now();
    call();
    times.push_back(1000 * seconds_since(start));
  }
  return times;
}

}  // namespace agiddi::tools
