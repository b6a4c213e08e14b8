#include "tools/authority/coin.h"

#include <algorithm>
#include <optional>

#include "protocol/check.h"

namespace agiddi::tools {
namespace {

constexpr int kMoneyDecimals = 6;

CoinUnits power_of_ten(int exponent) {
  CoinUnits power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

// Of digits in a base; what is too much is kCoinMax.
std::optional<CoinUnits> read_digits(std::string_view digits, int base) {
  if (digits.empty()) return std::nullopt;
  CoinUnits value = 0;
  for (const char c : digits) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : base;
    if (digit >= base) return std::nullopt;
    value = std::min(value * base + digit, kCoinMax);
  }
  return value;
}

}  // namespace

CoinUnits coin_units(MicroUnits amount, int decimals) {
  AGIDDI_CHECK(amount >= 0 && decimals >= kMoneyDecimals && decimals <= 18, "money is converted to a coin that cannot express it");
  return CoinUnits(amount) * power_of_ten(decimals - kMoneyDecimals);
}

Result<CoinUnits> coin_units(const Decimal& amount, int decimals) {
  if (amount.is_negative()) return fail(Status::invalid, "an amount is negative");
  if (amount.scale() > decimals) return fail(Status::invalid, "an amount has more decimals than its coin");
  const CoinUnits factor = power_of_ten(decimals - amount.scale());
  return amount.mantissa() > kCoinMax / factor ? kCoinMax : amount.mantissa() * factor;
}

Result<CoinUnits> coin_units_from_hex(std::string_view quantity) {
  const auto value = quantity.starts_with("0x") ? read_digits(quantity.substr(2), 16) : std::nullopt;
  if (!value) return fail(Status::invalid, "a number is not 0x and hexadecimal digits");
  return *value;
}

Result<CoinUnits> coin_units_from_digits(std::string_view digits) {
  const auto value = read_digits(digits, 10);
  if (!value) return fail(Status::invalid, "a number is not decimal digits");
  return *value;
}

CoinUnits coin_sum(CoinUnits a, CoinUnits b) { return std::min(a + b, kCoinMax); }

std::string coin_digits(CoinUnits amount) {
  std::string digits;
  do {
    digits.push_back(static_cast<char>('0' + static_cast<int>(amount % 10)));
    amount /= 10;
  } while (amount > 0);
  std::reverse(digits.begin(), digits.end());
  return digits;
}

std::string coin_text(CoinUnits amount, int decimals) {
  const CoinUnits one = power_of_ten(decimals);
  std::string text = coin_digits(amount / one), part = coin_digits(amount % one);
  part.insert(0, static_cast<std::size_t>(decimals) - part.size(), '0');
  part.erase(part.find_last_not_of('0') + 1);
  return part.empty() ? text : text + "." + part;
}

}  // namespace agiddi::tools
