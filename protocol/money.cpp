#include "protocol/money.h"

#include <algorithm>

namespace agiddi {

Result<MicroUnits> money_from_text(std::string_view text) {
  constexpr MicroUnits kWholeMax = 9'000'000'000'000;
  const auto refuse = [] {
    return fail(Status::invalid, "an amount is a decimal string with at most 6 decimals, such as \"0.10\", and at most 9000000000000");
  };
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = point == text.npos ? std::string_view() : text.substr(point + 1);
  const auto digits = [](std::string_view t) { return std::all_of(t.begin(), t.end(), [](char c) { return c >= '0' && c <= '9'; }); };
  if (whole.empty() || whole.size() > 13 || !digits(whole) || (whole.size() > 1 && whole[0] == '0')) return refuse();
  if (point != text.npos && (fraction.empty() || fraction.size() > 6 || !digits(fraction))) return refuse();
  MicroUnits amount = 0;
  for (const char c : whole) amount = amount * 10 + (c - '0');
  MicroUnits micro = 0;
  for (std::size_t i = 0; i < 6; ++i) micro = micro * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
  if (amount > kWholeMax || (amount == kWholeMax && micro > 0)) return refuse();
  return amount * kMicro + micro;
}

std::string money_text(MicroUnits amount) { return Decimal(amount, 6).text(); }

bool is_currency(std::string_view code) {
  return code.size() >= 3 && code.size() <= 12 && std::all_of(code.begin(), code.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

}  // namespace agiddi
