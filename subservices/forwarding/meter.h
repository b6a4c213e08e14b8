// Meter: the limits T and S of one device of an integration, exactly (paper, section 5.4). Pure: time is a parameter.
//
// A message is admitted while now <= expires and used + size <= limit. The first message that would pass either is not admitted and ends the
// meter; after that nothing is admitted, however small. Bytes are those of the device's own payload.
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/bytes.h"
#include "protocol/time.h"

namespace agiddi::subservices {

enum class MeterEnd : std::uint8_t { none = 0, time = 1, data = 2, stopped = 3, disputed = 4 };
const char* meter_end_text(MeterEnd end);    // "time used up", …

struct MeterLimits {
  std::optional<std::uint64_t> bytes;        // S
  std::optional<TimeMs> expires;             // start + T
};

class Meter {
 public:
  Meter() = default;
  // What was counted before, in former epochs; the sequence begins anew.
  explicit Meter(MeterLimits limits, std::uint64_t bytes_used = 0, std::uint64_t readings = 0, std::uint64_t measurements = 0)
      : limits_(limits), bytes_(bytes_used), readings_(readings), measurements_(measurements) {}

  // Counts a message that is about to be forwarded as `measurements` measurements (at least 1), or refuses it and ends.
  bool admit(std::uint64_t payload_bytes, std::uint32_t measurements, TimeMs now);
  // Time alone: ends the meter when now is past expires. True when it has ended, for whatever reason.
  bool expire(TimeMs now);
  void stop(MeterEnd reason = MeterEnd::stopped);
  // Totals that were counted elsewhere under these limits; what is less than here is not taken back; each reading more is one measurement. Also after the end: it was forwarded before.
  void catch_up(std::uint64_t bytes_used, std::uint64_t readings, std::uint64_t sequence, std::optional<TimeMs> last);
  // What may have been forwarded beyond what is counted, nobody knows: so much less is left, and its numbers are not given again.
  void lose(std::uint64_t bytes, std::uint64_t next_after);

  MeterEnd ended() const { return end_; }
  std::uint64_t bytes_used() const { return bytes_; }
  std::uint64_t readings() const { return readings_; }
  std::uint64_t measurements() const { return measurements_; }   // of all epochs; sequence() has gaps where some were lost
  std::uint64_t sequence() const { return sequence_; }         // of the last measurement; the first is 1
  std::optional<TimeMs> first_reading() const { return first_; }
  std::optional<TimeMs> last_reading() const { return last_; }
  const MeterLimits& limits() const { return limits_; }
  std::optional<std::uint64_t> bytes_remaining() const;

  // The durable form: fixed size, big-endian, with a version byte. restore() takes limits from the ledger and figures from the record.
  Bytes record() const;
  static Result<Meter> restore(MeterLimits limits, BytesView record);

 private:
  MeterLimits limits_;
  std::uint64_t bytes_ = 0, readings_ = 0, measurements_ = 0, sequence_ = 0;
  std::optional<TimeMs> first_, last_;
  MeterEnd end_ = MeterEnd::none;
};

}  // namespace agiddi::subservices
