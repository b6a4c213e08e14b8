#include "node/metrics.h"

#include <cstdio>
#include <map>
#include <mutex>
#include <variant>

namespace agiddi::node {
namespace {

std::string escape(std::string_view text, bool quote) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') out += "\\\\";
    else if (c == '\n') out += "\\n";
    else if (quote && c == '"') out += "\\\"";
    else out.push_back(c);
  }
  return out;
}

std::string label_text(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    if (!out.empty()) out += ',';
    out += name + "=\"" + escape(value, true) + '"';
  }
  return out;
}

// Microseconds as seconds, exactly: no locale, no rounding.
std::string seconds_text(std::uint64_t us) {
  char text[40];
  std::snprintf(text, sizeof text, "%llu.%06llu", static_cast<unsigned long long>(us / 1'000'000),
                static_cast<unsigned long long>(us % 1'000'000));
  return text;
}

std::string line(const std::string& name, const std::string& labels, const std::string& value) {
  return name + (labels.empty() ? "" : "{" + labels + "}") + " " + value + "\n";
}

}  // namespace

const std::int64_t Histogram::kBounds_us[Histogram::kBuckets] = {500,     1'000,   2'500,   5'000,     10'000,    25'000,    50'000,     100'000,
                                                                 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000, 30'000'000, 60'000'000};

void Histogram::observe_us(std::int64_t duration_us) {
  if (duration_us < 0) duration_us = 0;
  std::size_t bucket = 0;
  while (bucket < kBuckets && duration_us > kBounds_us[bucket]) ++bucket;
  buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_us_.fetch_add(static_cast<std::uint64_t>(duration_us), std::memory_order_relaxed);
}

struct Metrics::Impl {
  using Series = std::variant<std::unique_ptr<Counter>, std::unique_ptr<Gauge>, std::unique_ptr<Histogram>, std::function<std::int64_t()>>;
  struct Family {
    std::string help;
    std::map<std::string, Series> series;  // by label text
  };
  mutable std::mutex mutex;
  std::map<std::string, Family, std::less<>> families;

  template <class T>
  T& get(std::string_view name, std::string_view help, const Labels& labels) {
    const std::lock_guard lock(mutex);
    auto family = families.find(name);
    if (family == families.end()) family = families.emplace(std::string(name), Family{std::string(help), {}}).first;
    auto [series, fresh] = family->second.series.try_emplace(label_text(labels));
    if (fresh) series->second = std::make_unique<T>();
    return *std::get<std::unique_ptr<T>>(series->second);
  }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(std::string_view name, std::string_view help, const Labels& labels) {
  return impl_->get<Counter>(name, help, labels);
}
Gauge& Metrics::gauge(std::string_view name, std::string_view help, const Labels& labels) { return impl_->get<Gauge>(name, help, labels); }
Histogram& Metrics::histogram(std::string_view name, std::string_view help, const Labels& labels) {
  return impl_->get<Histogram>(name, help, labels);
}

void Metrics::read_value(std::string_view name, std::string_view help, std::function<std::int64_t()> read, const Labels& labels) {
  const std::lock_guard lock(impl_->mutex);
  auto& family = impl_->families[std::string(name)];
  if (family.help.empty()) family.help = help;
  family.series[label_text(labels)] = std::move(read);
}

std::string Metrics::text() const {
  struct Writer {
    std::string& out;
    const std::string& name;
    const std::string& labels;
    void operator()(const std::unique_ptr<Counter>& c) const { out += line(name, labels, std::to_string(c->value())); }
    void operator()(const std::unique_ptr<Gauge>& g) const { out += line(name, labels, std::to_string(g->value())); }
    void operator()(const std::function<std::int64_t()>& read) const { out += line(name, labels, std::to_string(read())); }
    void operator()(const std::unique_ptr<Histogram>& h) const {
      const std::string comma = labels.empty() ? "" : labels + ",";
      std::uint64_t count = 0;
      for (std::size_t i = 0; i <= Histogram::kBuckets; ++i) {
        count += h->buckets_[i].load(std::memory_order_relaxed);
        const std::string bound = i == Histogram::kBuckets ? "+Inf" : seconds_text(static_cast<std::uint64_t>(Histogram::kBounds_us[i]));
        out += line(name + "_bucket", comma + "le=\"" + bound + '"', std::to_string(count));
      }
      out += line(name + "_sum", labels, seconds_text(h->sum_us_.load(std::memory_order_relaxed)));
      out += line(name + "_count", labels, std::to_string(count));
    }
  };
  static constexpr const char* kTypes[] = {"counter", "gauge", "histogram", "gauge"};
  std::string out;
  const std::lock_guard lock(impl_->mutex);
  for (const auto& [name, family] : impl_->families) {
    if (family.series.empty()) continue;
    out += "# HELP " + name + " " + escape(family.help, false) + "\n";
    const std::size_t type = family.series.begin()->second.index();
    const bool total = name.size() > 6 && name.compare(name.size() - 6, 6, "_total") == 0;
    out += "# TYPE " + name + " " + (type == 3 && total ? "counter" : kTypes[type]) + "\n";
    for (const auto& [labels, series] : family.series) std::visit(Writer{out, name, labels}, series);
  }
  return out;
}

}  // namespace agiddi::node
