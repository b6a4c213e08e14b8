#include "subservices/forwarding/meter.h"

#include <algorithm>

#include "protocol/check.h"

namespace agiddi::subservices {
namespace {

constexpr char kRecordVersion = 2, kWithoutMeasurements = 1;
constexpr std::size_t kRecord_bytes = 2 + 6 * 8, kFormerRecord_bytes = 2 + 5 * 8;
constexpr std::uint64_t kNoTime = ~std::uint64_t{0};

}  // namespace

const char* meter_end_text(MeterEnd end) {
  switch (end) {
    case MeterEnd::none: return "";
    case MeterEnd::time: return "time used up";
    case MeterEnd::data: return "data used up";
    case MeterEnd::stopped: return "stopped";
    case MeterEnd::disputed: return "disputed";
  }
  return "";
}

bool Meter::admit(std::uint64_t payload_bytes, std::uint32_t measurements, TimeMs now) {
  AGIDDI_CHECK(measurements > 0, "a message that is counted has a measurement");
  if (expire(now)) return false;
  if (limits_.bytes && (bytes_ > *limits_.bytes || payload_bytes > *limits_.bytes - bytes_)) {
    end_ = MeterEnd::data;
    return false;
  }
  bytes_ += payload_bytes;
  ++readings_;
  measurements_ += measurements;
  sequence_ += measurements;
  if (!first_) first_ = now;
  last_ = now;
  return true;
}

bool Meter::expire(TimeMs now) {
  if (end_ == MeterEnd::none && limits_.expires && now > *limits_.expires) end_ = MeterEnd::time;
  return end_ != MeterEnd::none;
}

void Meter::stop(MeterEnd reason) {
  if (end_ == MeterEnd::none) end_ = reason;
}

void Meter::catch_up(std::uint64_t bytes_used, std::uint64_t readings, std::uint64_t sequence, std::optional<TimeMs> last) {
  bytes_ = std::max(bytes_, bytes_used);
  measurements_ += readings - std::min(readings, readings_);
  readings_ = std::max(readings_, readings);
  sequence_ = std::max(sequence_, sequence);
  if (!last) return;
  if (!first_) first_ = last;
  last_ = std::max(last_.value_or(*last), *last);
}

void Meter::lose(std::uint64_t bytes, std::uint64_t next_after) {
  if (limits_.bytes) *limits_.bytes -= std::min(*limits_.bytes, bytes);
  sequence_ = std::max(sequence_, next_after);
}

std::optional<std::uint64_t> Meter::bytes_remaining() const {
  if (!limits_.bytes) return std::nullopt;
  return bytes_ >= *limits_.bytes ? 0 : *limits_.bytes - bytes_;
}

Bytes Meter::record() const {
  Bytes out;
  out.reserve(kRecord_bytes);
  out += kRecordVersion;
  out += static_cast<char>(end_);
  append_u64_be(out, bytes_);
  append_u64_be(out, readings_);
  append_u64_be(out, sequence_);
  append_u64_be(out, first_ ? static_cast<std::uint64_t>(*first_) : kNoTime);
  append_u64_be(out, last_ ? static_cast<std::uint64_t>(*last_) : kNoTime);
  append_u64_be(out, measurements_);
  return out;
}

Result<Meter> Meter::restore(MeterLimits limits, BytesView record) {
  const bool former = record.size() == kFormerRecord_bytes && record[0] == kWithoutMeasurements;
  if ((!former && (record.size() != kRecord_bytes || record[0] != kRecordVersion)) || static_cast<std::uint8_t>(record[1]) > 4) {
    return fail(Status::internal, "a meter's record is damaged or of another version");
  }
  Meter meter(limits);
  meter.end_ = static_cast<MeterEnd>(record[1]);
  meter.bytes_ = read_u64_be(record.substr(2));
  meter.readings_ = read_u64_be(record.substr(10));
  meter.sequence_ = read_u64_be(record.substr(18));
  const std::uint64_t first = read_u64_be(record.substr(26)), last = read_u64_be(record.substr(34));
  if (first != kNoTime) meter.first_ = static_cast<TimeMs>(first);
  if (last != kNoTime) meter.last_ = static_cast<TimeMs>(last);
  meter.measurements_ = former ? std::max(meter.readings_, meter.sequence_) : read_u64_be(record.substr(42));
  return meter;
}

}  // namespace agiddi::subservices
