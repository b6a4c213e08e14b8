// Times: milliseconds since the Unix epoch, UTC, as RFC 3339 text with milliseconds ("2026-01-31T08:00:00.000Z").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/result.h"

namespace agiddi {

using TimeMs = std::int64_t;

std::string time_text(TimeMs time);
Result<TimeMs> time_from_text(std::string_view text);  // RFC 3339 with any offset and 0 to 9 fraction digits; years 1970 to 9999

}  // namespace agiddi
