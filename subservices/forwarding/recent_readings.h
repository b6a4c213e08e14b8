// RecentReadings: which of a device's messages came before. A device that lost the broker's acknowledgement sends its message again (MQTT QoS 1), as a new one:
// the broker tells the two apart no more. A message whose readings all carry their time is recognised by its bytes; one without may be a reading of the same
// value, and counts.
//
// Pure; one thread. Bounded: the last kKept messages of a device.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_set>
#include <vector>

#include "protocol/bytes.h"
#include "subservices/forwarding/reading.h"

namespace agiddi::subservices {

class RecentReadings {
 public:
  static constexpr std::size_t kKept = 1'024;

  // What a message is known by; nothing when it cannot be recognised.
  static std::optional<std::uint64_t> mark(BytesView payload, const std::vector<Reading>& readings);

  bool contains(std::uint64_t mark) const { return known_.contains(mark); }
  void add(std::uint64_t mark);

 private:
  std::deque<std::uint64_t> order_;
  std::unordered_set<std::uint64_t> known_;
};

}  // namespace agiddi::subservices
