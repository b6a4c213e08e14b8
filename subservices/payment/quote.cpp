#include "subservices/payment/quote.h"

#include <limits>

#include "protocol/check.h"

namespace agiddi::subservices {
namespace {

constexpr std::int64_t kInt64Max = std::numeric_limits<std::int64_t>::max();

}  // namespace

std::optional<MicroUnits> part_amount(const UnitPrice& price, std::int64_t quantity) {
  AGIDDI_CHECK(price.micro >= 0 && price.unit > 0 && quantity >= 0, "prices and quantities are not negative");
  const BigInt product = BigInt(price.micro) * quantity;
  const BigInt amount = (product + (price.unit - 1)) / price.unit;
  if (amount > kInt64Max) return std::nullopt;
  return static_cast<MicroUnits>(amount);
}

std::int64_t limit_for(const UnitPrice& price, MicroUnits amount, std::int64_t quantity_bought) {
  AGIDDI_CHECK(price.micro >= 0 && price.unit > 0 && amount >= 0, "prices and amounts are not negative");
  if (price.micro == 0) return quantity_bought;
  const BigInt limit = BigInt(amount) * price.unit / price.micro;
  AGIDDI_CHECK(limit <= kInt64Max, "quantities are bounded when they are bought");
  return static_cast<std::int64_t>(limit);
}

MicroUnits earned_of(const UnitPrice& price, MicroUnits amount, std::int64_t used, std::int64_t limit) {
  AGIDDI_CHECK(used >= 0 && limit >= 0 && amount >= 0, "usage is not negative");
  if (used >= limit) return amount;
  const BigInt earned = BigInt(price.micro) * used / price.unit;
  return earned >= amount ? amount : static_cast<MicroUnits>(earned);
}

std::optional<std::int64_t> thousandths(const Decimal& value, std::int64_t max) {
  if (value.is_zero() || value.is_negative() || value.scale() > 3) return std::nullopt;
  const Rational scaled = Rational(value) * Rational(1000);
  if (scaled > Rational(max) * Rational(1000)) return std::nullopt;
  return static_cast<std::int64_t>(scaled.numerator());
}

std::string thousandths_text(std::int64_t value) { return Decimal(value, 3).text(); }

}  // namespace agiddi::subservices
