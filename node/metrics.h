// Metrics: counters, gauges and histograms of the process, written as Prometheus text (exposition format 0.0.4).
//
// Threads: all of it is thread-safe. Counter, Gauge and Histogram are lock-free handles that live as long as the registry; look one up once
// and keep the reference where it is used often (a look-up takes a lock). Labels are our own words, never foreign bytes: that bounds them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agiddi::node {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  void add(std::uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(std::int64_t change) { value_.fetch_add(change, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// Durations; exported in seconds, in fixed buckets from 0.5 ms to 60 s.
class Histogram {
 public:
  static constexpr std::size_t kBuckets = 16;
  static const std::int64_t kBounds_us[kBuckets];
  void observe_us(std::int64_t duration_us);

 private:
  friend class Metrics;
  std::atomic<std::uint64_t> buckets_[kBuckets + 1]{};
  std::atomic<std::uint64_t> sum_us_{0};
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The same name and labels give the same object. help is taken from the first call.
  Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels = {});
  Histogram& histogram(std::string_view name, std::string_view help, const Labels& labels = {});
  // A value that is asked for when the text is written; read must be thread-safe and quick. A name that ends in _total is a counter's.
  void read_value(std::string_view name, std::string_view help, std::function<std::int64_t()> read, const Labels& labels = {});
  std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agiddi::node
