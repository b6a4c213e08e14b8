// One HTML page that holds everything: conditions, plots as inline SVG and tables. Nothing is fetched and no script runs. Pure, any thread.
#pragma once

#include <string>
#include <vector>

#include "protocol/json.h"

namespace agiddi::tools {

std::string report_page(const std::vector<Json>& documents, const std::string& note = "");


struct ReportPlot {
  std::string name;   // of a file, without its ending: the benchmark, the place among its plots, its table; made of a to z, 0 to 9 and -
  std::string svg;
};
// Those of all documents that have points.
std::vector<ReportPlot> report_plots(const std::vector<Json>& documents);

}  // namespace agiddi::tools
