// Money: int64 micro-units of a currency. Text is a decimal string with at most 6 decimals ("0.10").
#pragma once

#include "protocol/decimal.h"

namespace agiddi {

using MicroUnits = std::int64_t;
inline constexpr MicroUnits kMicro = 1'000'000;

Result<MicroUnits> money_from_text(std::string_view text);  // at least 0, at most 6 decimals, at most 9e12 whole units, no sign, no exponent
std::string money_text(MicroUnits amount);                  // "0.1", "12", "1000000.5": canonical, no trailing zeros
bool is_currency(std::string_view code);                    // 3 to 12 capital letters

}  // namespace agiddi
