// RecentReadings: which of a device's messages came before. A device that lost the broker's acknowledgement sends its message again (MQTT QoS 1), as a new one:
// the broker tells the two apart no more. A message whose readings all carry their time is recognised by its bytes; one without may be a reading of the same
// value, and counts.
//
// Pure; one thread. Bounded: the last kKept messages of a device; memory is taken with the first of them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/bytes.h"
#include "subservices/forwarding/reading.h"

namespace agiddi::subservices {

class RecentReadings {
 public:
  static constexpr std::size_t kKept = 1'024;

  // What a message is known by; nothing when it cannot be recognised. Two messages of one mark would cost the device's own provider a reading, nobody else.
  static std::optional<std::uint64_t> mark(BytesView payload, const std::vector<Reading>& readings);

  bool contains(std::uint64_t mark) const { return !slots_.empty() && slots_[find(mark)] == mark; }
  void add(std::uint64_t mark);

 private:
  static constexpr std::size_t kSlots = 2 * kKept;   // a power of two; 24 KiB a device with the ring
  static std::size_t home(std::uint64_t mark) { return mark % kSlots; }
  std::size_t find(std::uint64_t mark) const;        // where it is, or where it would be
  void erase(std::uint64_t mark);

  std::vector<std::uint64_t> slots_;                 // open addressing; 0: empty
  std::vector<std::uint64_t> order_;                 // a ring
  std::size_t next_ = 0;
};

}  // namespace agiddi::subservices
