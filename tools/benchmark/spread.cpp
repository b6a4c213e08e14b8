#include "tools/benchmark/spread.h"

#include <algorithm>
#include <charconv>

#include "tools/benchmark/figures.h"

namespace agiddi::tools {
namespace {

constexpr std::size_t kNumbersMax = 16;

}  // namespace

Spread spread_of(const std::vector<double>& values) {
  if (values.empty()) return {};
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return {percentile(values, 0.5), *least, *most};
}

void set_spread(Json& row, const std::string& name, const Spread& spread, int decimals) {
  row.set(name, rounded(spread.median, decimals)).set(name + "_min", rounded(spread.least, decimals)).set(name + "_max", rounded(spread.most, decimals));
}

Outcome<std::vector<std::int64_t>> parse_numbers(const std::string& option, const std::string& text, std::int64_t min, std::int64_t max) {
  std::vector<std::int64_t> numbers;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t comma = std::min(text.find(',', from), text.size());
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data() + from, text.data() + comma, number);
    if (error != std::errc() || end != text.data() + comma || number < min || number > max || numbers.size() == kNumbersMax) {
      return wrong_usage(option + " takes at most " + std::to_string(kNumbersMax) + " numbers from " + std::to_string(min) + " to " + std::to_string(max) +
                         " with commas between them, not '" + text + "'");
    }
    numbers.push_back(number);
    from = comma + 1;
  }
  return numbers;
}

}  // namespace agiddi::tools
