// Figures as people and scripts read them.
#pragma once

#include <string>
#include <vector>

#include "protocol/json.h"

namespace agiddi::tools {

double percentile(std::vector<double> values, double fraction);   // 0 for none
Json rounded(double value, int decimals);
// Columns padded to their widest cell; the first row is the head.
std::string table(const std::vector<std::vector<std::string>>& rows);
std::string fixed(double value, int decimals);

}  // namespace agiddi::tools
