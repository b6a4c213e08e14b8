#include "subservices/access/counted.h"

#include <algorithm>

#include "protocol/check.h"
#include "protocol/limits.h"

namespace agiddi::subservices {
namespace {

__extension__ typedef __int128 Wide;

constexpr std::int64_t kWindowPart = 16;                 // of what was bought
constexpr std::int64_t kWindowMin_bytes = 64;
constexpr std::int64_t kAgainMax = 999'999'999'999'999;  // 15 digits, as JSON numbers go
constexpr std::int64_t kWindowMin_ms = 10'000;           // an application's own clock, and some seconds from one count to the next

// Whether one more measurement, or the smallest window, is but a part of what was bought.
bool bytes_are_many(const Delivered& node, const ApplicationCount& application) {
  if (application.limit_bytes == 0) return true;
  const Wide measurements = std::max(node.measurements, application.measurements);
  return application.limit_bytes >= kWindowPart * kWindowMin_bytes && Wide{application.limit_bytes} * measurements >= Wide{kWindowPart} * node.bytes;
}
bool time_is_long(const ApplicationCount& application) { return application.limit_ms == 0 || application.limit_ms >= kWindowPart * kWindowMin_ms; }

// Of the bytes that came after the concession, as many as of the measurements.
std::int64_t in_proportion(const Delivered& node, const Delivered& conceded, std::int64_t counted) {
  if (counted >= node.measurements) return node.bytes;
  if (counted <= conceded.measurements) return conceded.bytes;
  const Wide all = node.measurements - conceded.measurements, got = counted - conceded.measurements;
  return conceded.bytes + static_cast<std::int64_t>((Wide{node.bytes - conceded.bytes} * got + all - 1) / all);
}

}  // namespace

Delivered settled_by(const Delivered& node, const ApplicationCount& application) {
  const Delivered& conceded = application.conceded;
  AGIDDI_CHECK(conceded.bytes <= node.bytes && conceded.measurements <= node.measurements && conceded.active_ms <= node.active_ms, "what a node reported never falls");
  Delivered out = node;
  if (bytes_are_many(node, application)) {
    const std::int64_t at_least = std::min(node.bytes, std::max(conceded.bytes, application.conceded_bytes));
    out.measurements = std::min(node.measurements, std::max(application.measurements, conceded.measurements));
    out.bytes = std::max(in_proportion(node, conceded, application.measurements), at_least);
    if (application.bytes) out.bytes = std::min(out.bytes, std::max(*application.bytes, at_least));
  }
  if (application.active_ms && time_is_long(application)) out.active_ms = std::min(node.active_ms, std::max(*application.active_ms, conceded.active_ms));
  return out;
}

std::int64_t count_window_bytes(std::int64_t limit_bytes) { return std::clamp(limit_bytes / kWindowPart, kWindowMin_bytes, limits::kReservedAheadMax_bytes); }

std::int64_t count_window_ms(std::int64_t limit_ms) { return std::max(limit_ms / kWindowPart, kWindowMin_ms); }

std::int64_t count_again_within(const Delivered& node, std::int64_t limit_bytes) {
  if (node.bytes <= 0 || node.measurements <= 0) return 1;
  return static_cast<std::int64_t>(std::clamp<Wide>(Wide{count_window_bytes(limit_bytes) / 2} * node.measurements / node.bytes, 1, kAgainMax));
}

}  // namespace agiddi::subservices
