#include "subservices/forwarding/recent_readings.h"

#include <algorithm>

#include "protocol/crypto/crypto.h"

namespace agiddi::subservices {

std::optional<std::uint64_t> RecentReadings::mark(BytesView payload, const std::vector<Reading>& readings) {
  if (!std::all_of(readings.begin(), readings.end(), [](const Reading& reading) { return reading.time.has_value(); })) return std::nullopt;
  return read_u64_be(blake2b(payload).view());
}

void RecentReadings::add(std::uint64_t mark) {
  if (!known_.insert(mark).second) return;
  order_.push_back(mark);
  if (order_.size() <= kKept) return;
  known_.erase(order_.front());
  order_.pop_front();
}

}  // namespace agiddi::subservices
