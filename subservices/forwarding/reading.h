// Readings: what a device publishes, read strictly and bounded. Three forms: {"sensor","value","time"?}, a bare number, or a SenML pack in JSON
// (RFC 8428, base fields resolved exactly). Pure: no clock, no I/O; thread-safe.
//
// Numbers keep the decimal text that the device sent. They may be longer than what the ledger takes (devices print binary doubles with 17
// digits): at most kReadingDigitsMax digits and an exponent within ±30.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/rational.h"
#include "protocol/time.h"

namespace agiddi::subservices {

inline constexpr std::size_t kReadingMax_bytes = 64 * 1024;
inline constexpr std::size_t kReadingRecordsMax = 1'000;
inline constexpr std::size_t kReadingDigitsMax = 34;

struct Reading {
  std::string base_name, name;         // SenML: name is bn + n; base_name what bn was. Plain form: "sensor". Bare number: both empty
  std::string value;                   // valid JSON number text
  std::optional<TimeMs> time;          // nothing: the time of arrival
  std::string unit;                    // SenML's u or bu, "" = as declared
};

// All readings of one payload, at least one; or why it is none (Status::invalid; the payload was garbage). now resolves SenML's relative times.
// SenML records without a numeric value (string, boolean, data, sum only) are skipped.
Result<std::vector<Reading>> parse_readings(BytesView payload, TimeMs now);

// The exact value of a reading's number text (which parse_readings accepted).
Rational reading_rational(std::string_view number_text);

}  // namespace agiddi::subservices
