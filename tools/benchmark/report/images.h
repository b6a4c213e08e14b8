// The plots of a report as PNG files, by rsvg-convert (Debian's librsvg2-bin). One thread.
#pragma once

#include <string>
#include <vector>

#include "tools/benchmark/report/page.h"
#include "tools/cli/outcome.h"

namespace agiddi::tools {

// Writes NAME.png for each plot into the folder and gives their paths; none when there is no rsvg-convert. A plot that it cannot convert is a failure.
Outcome<std::vector<std::string>> write_images(const std::vector<ReportPlot>& plots, const std::string& folder);
bool can_write_images();

}  // namespace agiddi::tools
