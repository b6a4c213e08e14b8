// How long a call takes, over many; and whether somebody wants the benchmark to end. One thread, but interrupted() any.
#pragma once

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <vector>

namespace agiddi::tools {

using BenchClock = std::chrono::steady_clock;
inline double seconds_since(BenchClock::time_point start) { return std::chrono::duration<double>(BenchClock::now() - start).count(); }

// Processor time of this thread: on a busy machine it says what a call costs, where the clock says how long it waited too.
inline double thread_cpu_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1000 * static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e6;
}

// While one exists, SIGINT and SIGTERM ask instead of killing: what measures looks at interrupted() and returns, so that peers are stopped and
// folders removed. At most one at a time.
class Interruption {
 public:
  Interruption() : interrupt_(std::signal(SIGINT, &note)), terminate_(std::signal(SIGTERM, &note)) {}
  ~Interruption() {
    std::signal(SIGINT, interrupt_);
    std::signal(SIGTERM, terminate_);
  }
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;
  static bool wanted() { return flag_.load(); }

 private:
  static void note(int) { flag_.store(true); }
  static inline std::atomic<bool> flag_{false};
  void (*interrupt_)(int);
  void (*terminate_)(int);
};
inline bool interrupted() { return Interruption::wanted(); }

// Milliseconds of each call, after a warm-up of five: as many as wanted, fewer (but three) when they take longer than the budget.
template <class Call>
std::vector<double> measure_ms(std::int64_t repetitions, std::int64_t budget_ms, const Call& call) {
  const double budget_s = static_cast<double>(budget_ms) / 1000;
  auto begin = BenchClock::now();
  for (int i = 0; i < 5 && (i == 0 || seconds_since(begin) < budget_s) && !interrupted(); ++i) call();
  std::vector<double> times;
  begin = BenchClock::now();
  for (std::int64_t i = 0; i < repetitions && (i < 3 || seconds_since(begin) < budget_s) && !interrupted(); ++i) {
    const auto start = BenchClock::now();
    call();
    times.push_back(1000 * seconds_since(start));
  }
  return times;
}

}  // namespace agiddi::tools
