// The exact arithmetic of prices and limits (paper section 5.3 and 5.4). Everything is integer or BigInt; nothing overflows.
//
//   amount = declared price x quantity / declared unit, rounded up to a micro-unit, for time and for data apart
//   T = amount / price per millisecond, S = amount / price per byte, both rounded down
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/rational.h"
#include "protocol/money.h"

namespace agiddi::subservices {

// Bounds of one purchase: a hundred years, and 100 TB, so that a count of bytes keeps within the 15 digits of a JSON number.
inline constexpr std::int64_t kMinutesMax = 52'560'000;
inline constexpr std::int64_t kKilobytesMax = 100'000'000'000;

// A declared price: micro-units for `unit` milliseconds or bytes.
struct UnitPrice {
  MicroUnits micro = 0;
  std::int64_t unit = 1;
};

// The price of `quantity` (milliseconds or bytes), rounded up. Nothing when it exceeds what money can express.
std::optional<MicroUnits> part_amount(const UnitPrice& price, std::int64_t quantity);
// What `amount` buys, in milliseconds or bytes, rounded down; for a price of zero the quantity asked for.
std::int64_t limit_for(const UnitPrice& price, MicroUnits amount, std::int64_t quantity_bought);
// What of `amount` was earned when `used` of `limit` was delivered: all of it at the limit, else used x price rounded down.
MicroUnits earned_of(const UnitPrice& price, MicroUnits amount, std::int64_t used, std::int64_t limit);

// A quantity with at most 3 decimals, above 0 and at most max, in thousandths.
std::optional<std::int64_t> thousandths(const Decimal& value, std::int64_t max);
std::string thousandths_text(std::int64_t value);   // "1.5"

}  // namespace agiddi::subservices
