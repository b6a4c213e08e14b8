// Figures of repetitions: the median, and how far they lie apart. And lists of numbers, as options give them.
#pragma once

#include <string>
#include <vector>

#include "protocol/json.h"
#include "tools/cli/outcome.h"

namespace agiddi::tools {

struct Spread {
  double median = 0, least = 0, most = 0;
};
Spread spread_of(const std::vector<double>& values);   // the lower one of two in the middle; zeros for none
// Sets name, name_min and name_max.
void set_spread(Json& row, const std::string& name, const Spread& spread, int decimals);

// "1,16,64": at most 16 whole numbers from min to max; an error names the option and the text.
Outcome<std::vector<std::int64_t>> parse_numbers(const std::string& option, const std::string& text, std::int64_t min, std::int64_t max);

}  // namespace agiddi::tools
