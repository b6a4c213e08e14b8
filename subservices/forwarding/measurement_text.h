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
};

// value: JSON number text. Replaces what is in out.
inline void write_measurement(std::string& out, const MeasurementText& text, std::string_view value, TimeMs time, std::uint64_t sequence) {
  char digits[20];
  const char* end = std::to_chars(digits, digits + sizeof digits, sequence).ptr;
  out.clear();
  out += text.head;
  out += value;
  out += text.middle;
  out += time_text(time);
  out += text.tail;
  out.append(digits, static_cast<std::size_t>(end - digits));
  out += '}';
}

}  // namespace agiddi::subservices
