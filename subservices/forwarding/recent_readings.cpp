#include "subservices/forwarding/recent_readings.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace agiddi::subservices {

std::optional<std::uint64_t> RecentReadings::mark(BytesView payload, const std::vector<Reading>& readings) {
  if (!std::all_of(readings.begin(), readings.end(), [](const Reading& reading) { return reading.time.has_value(); })) return std::nullopt;
  return std::max<std::uint64_t>(std::hash<std::string_view>{}(payload), 1);
}

std::size_t RecentReadings::find(std::uint64_t mark) const {
  std::size_t at = home(mark);
  while (slots_[at] != 0 && slots_[at] != mark) at = (at + 1) % kSlots;
  return at;
}

// Those behind it that were pushed on by it move up.
void RecentReadings::erase(std::uint64_t mark) {
  std::size_t hole = find(mark);
  for (std::size_t at = (hole + 1) % kSlots; slots_[at] != 0; at = (at + 1) % kSlots) {
    const std::size_t from_home = (at - home(slots_[at])) % kSlots, from_hole = (at - hole) % kSlots;
    if (from_home < from_hole) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = 0;
}

void RecentReadings::add(std::uint64_t mark) {
  if (slots_.empty()) slots_.resize(kSlots);
  const std::size_t at = find(mark);
  if (slots_[at] == mark) return;
  slots_[at] = mark;
  if (order_.size() < kKept) {
    order_.push_back(mark);
    return;
  }
  erase(std::exchange(order_[next_], mark));
  next_ = (next_ + 1) % kKept;
}

}  // namespace agiddi::subservices
