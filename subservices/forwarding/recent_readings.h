// RecentReadings: which of a device's messages came before. A device that lost the broker's acknowledgement sends its message again (MQTT QoS 1), as a new one:
// the broker tells the two apart no more. A message whose readings all carry their time is recognised by its bytes; one without may be a reading of the same
// value, and counts.
//
// Pure; one thread. Bounded: the last kKept messages of a device, or as many of the last as there is room for. Memory is taken as they come: 768 bytes for the
// first kKeptFirst, 24 KiB for all; who holds many of these decides whether one may grow.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/bytes.h"
#include "subservices/forwarding/reading.h"

namespace agiddi::subservices {

class RecentReadings {
 public:
  static constexpr std::size_t kKept = 1'024, kKeptFirst = 32;

  // What a message is known by; nothing when it cannot be recognised. The same in every process (FNV-1a, mixed), for marks are handed over. Two messages of one
  // mark would cost the device's own provider a reading, nobody else.
  static std::optional<std::uint64_t> mark(BytesView payload, const std::vector<Reading>& readings);

  bool contains(std::uint64_t mark) const { return !slots_.empty() && slots_[find(mark)] == mark; }
  // may_grow: false, and an old mark is forgotten for it once there is no room.
  void add(std::uint64_t mark, bool may_grow = true);
  // The last `max` of them, the oldest first.
  std::vector<std::uint64_t> last(std::size_t max) const;
  std::size_t memory_bytes() const { return 3 * kept_ * sizeof(std::uint64_t); }
  std::size_t next_memory_bytes() const;             // after one more that may grow

 private:
  std::size_t home(std::uint64_t mark) const { return mark & (slots_.size() - 1); }
  std::size_t find(std::uint64_t mark) const;        // where it is, or where it would be
  void place(std::uint64_t mark) { slots_[find(mark)] = mark; }
  void erase(std::uint64_t mark);
  void grow();

  std::size_t kept_ = 0;                             // a power of two
  std::vector<std::uint64_t> slots_;                 // twice as many; open addressing; 0: empty
  std::vector<std::uint64_t> order_;                 // a ring
  std::size_t next_ = 0;                             // the oldest, once the ring is full
};

}  // namespace agiddi::subservices
