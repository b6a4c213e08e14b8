// A plot as SVG, drawn here so that a report needs nothing from outside. Pure, any thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace agiddi::tools {

struct PlotSeries {
  std::string name;
  std::vector<std::pair<double, double>> points;   // in the order in which they are joined
};

struct Plot {
  std::string title, x, y;
  std::vector<PlotSeries> series;
};

// Axes begin at 0; "" when there is no point.
std::string plot_svg(const Plot& plot);
std::string escaped(const std::string& text);      // for HTML and SVG

}  // namespace agiddi::tools
