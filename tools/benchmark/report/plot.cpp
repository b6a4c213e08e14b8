#include "tools/benchmark/report/plot.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "tools/benchmark/figures.h"

namespace agiddi::tools {
namespace {

constexpr double kWidth = 560, kHeight = 320, kLeft = 70, kRight = 16, kTop = 34, kBottom = 50;
constexpr int kTicks = 5;
constexpr std::array kColours = {"#1f5fa8", "#c2571a", "#2c8a4b", "#8a3f9c", "#7a6a1f", "#b0284f"};

// 1, 2 or 5 times a power of ten, so that `ticks` steps reach the value.
double tick_step(double most) {
  const double rough = most / kTicks, power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough) return factor * power;
  }
  return 10 * power;
}

struct Axis {
  double step = 1, end = 1;
  explicit Axis(double most) : step(tick_step(most > 0 ? most : 1)), end(step * std::ceil((most > 0 ? most : 1) / step)) {}
  int decimals() const { return step >= 1 ? 0 : static_cast<int>(std::ceil(-std::log10(step))); }
};

std::string text_at(double x, double y, const char* anchor, const std::string& text, const char* more = "") {
  return "<text x=\"" + fixed(x, 1) + "\" y=\"" + fixed(y, 1) + "\" text-anchor=\"" + anchor + "\"" + more + ">" + escaped(text) + "</text>\n";
}

std::string line_from(double x1, double y1, double x2, double y2, const char* colour) {
  return "<line x1=\"" + fixed(x1, 1) + "\" y1=\"" + fixed(y1, 1) + "\" x2=\"" + fixed(x2, 1) + "\" y2=\"" + fixed(y2, 1) + "\" stroke=\"" + colour + "\"/>\n";
}

}  // namespace

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string plot_svg(const Plot& plot) {
  double most_x = 0, most_y = 0;
  bool any = false;
  for (const PlotSeries& series : plot.series) {
    for (const auto& [x, y] : series.points) {
      most_x = std::max(most_x, x);
      most_y = std::max(most_y, y);
      any = true;
    }
  }
  if (!any) return "";
  const Axis x_axis(most_x), y_axis(most_y);
  const auto at_x = [&](double x) { return kLeft + (kWidth - kLeft - kRight) * x / x_axis.end; };
  const auto at_y = [&](double y) { return kHeight - kBottom - (kHeight - kTop - kBottom) * y / y_axis.end; };
  std::string svg = "<svg viewBox=\"0 0 " + fixed(kWidth, 0) + " " + fixed(kHeight, 0) + "\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\" font-size=\"11\">\n";
  svg += "<title>" + escaped(plot.title) + "</title>\n" + text_at(kLeft, 18, "start", plot.title, " font-size=\"14\"");
  for (double x = 0; x <= x_axis.end * 1.0001; x += x_axis.step) {
    svg += line_from(at_x(x), at_y(0), at_x(x), at_y(y_axis.end), "#e4e4e4") + text_at(at_x(x), at_y(0) + 15, "middle", fixed(x, x_axis.decimals()));
  }
  for (double y = 0; y <= y_axis.end * 1.0001; y += y_axis.step) {
    svg += line_from(at_x(0), at_y(y), at_x(x_axis.end), at_y(y), "#e4e4e4") + text_at(kLeft - 6, at_y(y) + 4, "end", fixed(y, y_axis.decimals()));
  }
  svg += text_at((kLeft + kWidth) / 2, kHeight - 14, "middle", plot.x) + text_at(14, (kTop + kHeight - kBottom) / 2, "middle", plot.y,
                 (" transform=\"rotate(-90 14 " + fixed((kTop + kHeight - kBottom) / 2, 1) + ")\"").c_str());
  for (std::size_t i = 0; i < plot.series.size(); ++i) {
    const PlotSeries& series = plot.series[i];
    const std::string colour = kColours[i % kColours.size()];
    std::string points, marks;
    for (const auto& [x, y] : series.points) {
      points += fixed(at_x(x), 1) + "," + fixed(at_y(y), 1) + " ";
      marks += "<circle cx=\"" + fixed(at_x(x), 1) + "\" cy=\"" + fixed(at_y(y), 1) + "\" r=\"3\" fill=\"" + colour + "\"><title>" + escaped(series.name + " " + fixed(x, 3) + ", " + fixed(y, 3)) + "</title></circle>\n";
    }
    svg += "<polyline points=\"" + points + "\" fill=\"none\" stroke=\"" + colour + "\" stroke-width=\"1.5\"/>\n" + marks;
    if (!series.name.empty()) svg += text_at(kLeft + 8, kTop + 12 + 14 * static_cast<double>(i), "start", series.name, (" fill=\"" + colour + "\"").c_str());
  }
  return svg + "</svg>\n";
}

}  // namespace agiddi::tools
