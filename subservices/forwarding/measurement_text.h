// MeasurementText: what stands between the parts of a sensor's measurement that change, made once, so that a measurement is a few copies. The node and the
// broker's plugin make their measurements from the same texts, which is why they are the same to the byte. Pure.
#pragma once

#include <charconv>
#include <string>
#include <string_view>

#include "protocol/time.h"

namespace agiddi::subservices {

struct MeasurementText {
  std::string head;     // up to the value
  std::string middle;   // the unit, up to the time
  std::string tail;     // behind the time, up to the sequence number
  bool senml = false;   // a pack of one record: its time is in seconds
};

inline constexpr TimeMs kSenmlTimeMin_ms = (TimeMs{1} << 28) * 1000;   // RFC 8428 section 4.5.3: what is smaller is read as relative to now

// Seconds since 1970, as many decimal places as there are milliseconds. Before July 1978, as devices say whose clocks were never set: 0, which is SenML's word for a time that
// is not known.
inline void append_seconds(std::string& out, TimeMs time) {
  if (time < kSenmlTimeMin_ms) {
    out += '0';
    return;
  }
  char digits[20];
  const auto append_number = [&](TimeMs number) { out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr); };
  append_number(time / 1000);
  if (time % 1000 == 0) return;
  const std::size_t point = out.size();
  append_number(1000 + time % 1000);
  out[point] = '.';
}

// value: JSON number text. Replaces what is in out.
inline void write_measurement(std::string& out, const MeasurementText& text, std::string_view value, TimeMs time, std::uint64_t sequence) {
  char digits[20];
  const char* end = std::to_chars(digits, digits + sizeof digits, sequence).ptr;
  out.clear();
  out += text.head;
  out += value;
  out += text.middle;
  if (text.senml) append_seconds(out, time);
  else out += time_text(time);
  out += text.tail;
  out.append(digits, static_cast<std::size_t>(end - digits));
  out += text.senml ? std::string_view("}]") : std::string_view("}");
}

}  // namespace agiddi::subservices
