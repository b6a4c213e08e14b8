// One HTML page that holds everything: conditions, plots as inline SVG and tables. Nothing is fetched and no script runs. Pure, any thread.
#pragma once

#include <string>
#include <vector>

#include "protocol/json.h"

namespace agiddi::tools {

std::string report_page(const std::vector<Json>& documents);

}  // namespace agiddi::tools
