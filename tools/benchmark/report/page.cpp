#include "tools/benchmark/report/page.h"

#include <algorithm>
#include <cstdlib>

#include "tools/benchmark/report/plot.h"
#include "tools/benchmark/report/tables.h"

namespace agiddi::tools {
namespace {

constexpr const char* kHead = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>aGIDDI benchmarks</title><style>
body{font:14px/1.45 sans-serif;margin:2em auto;max-width:76em;padding:0 1em;color:#1b1b1b}
h2{border-bottom:1px solid #bbb;margin-top:2em}
.scroll{overflow-x:auto}table{border-collapse:collapse;margin:.6em 0}
th,td{border:1px solid #d0d0d0;padding:.2em .6em;text-align:right;white-space:nowrap}th{background:#f1f3f6}
td:first-child,th:first-child{text-align:left}
.plots{display:flex;flex-wrap:wrap;gap:1em}.plots svg{width:35em;max-width:100%}
</style></head><body><h1>aGIDDI benchmarks</h1>
)";

std::string html_table(const ResultTable& table) {
  std::string out = "<div class=\"scroll\"><table><tr>";
  for (const std::string& column : table.columns) out += "<th>" + escaped(column) + "</th>";
  out += "</tr>\n";
  for (const auto& row : table.rows) {
    out += "<tr>";
    for (const std::string& cell : row) out += "<td>" + escaped(cell) + "</td>";
    out += "</tr>\n";
  }
  return out + "</table></div>\n";
}

std::string member_text(const Json& object, std::string_view name) {
  const Json* value = object.find(name);
  return value ? json_text(*value) : "";
}

std::size_t column_at(const ResultTable& table, const std::string& name) {
  return static_cast<std::size_t>(std::find(table.columns.begin(), table.columns.end(), name) - table.columns.begin());
}

std::string plot_of(const Json& wanted, const std::vector<ResultTable>& tables) {
  Plot plot{member_text(wanted, "title"), member_text(wanted, "x"), member_text(wanted, "y"), {}};
  const auto table = std::find_if(tables.begin(), tables.end(), [name = member_text(wanted, "table")](const ResultTable& one) { return one.name == name; });
  if (table == tables.end()) return "";
  const std::size_t x = column_at(*table, plot.x), y = column_at(*table, plot.y);
  const std::string by = member_text(wanted, "series");
  const std::size_t series = by.empty() ? table->columns.size() : column_at(*table, by);
  if (std::max(x, y) >= table->columns.size()) return "";
  // "column=value": only those rows.
  const std::string only = member_text(wanted, "only");
  const std::size_t only_at = only.empty() ? table->columns.size() : column_at(*table, only.substr(0, only.find('=')));
  for (const auto& row : table->rows) {
    if (only_at < row.size() && row[only_at] != only.substr(only.find('=') + 1)) continue;
    const std::string name = series < row.size() ? by + " " + row[series] : "";
    auto found = std::find_if(plot.series.begin(), plot.series.end(), [&name](const PlotSeries& one) { return one.name == name; });
    if (found == plot.series.end()) found = plot.series.insert(found, PlotSeries{name, {}});
    if (!row[x].empty() && !row[y].empty()) found->points.emplace_back(std::strtod(row[x].c_str(), nullptr), std::strtod(row[y].c_str(), nullptr));
  }
  return plot_svg(plot);
}

}  // namespace

std::vector<ReportPlot> report_plots(const std::vector<Json>& documents) {
  std::vector<ReportPlot> out;
  for (const Json& document : documents) {
    const std::vector<ResultTable> tables = tables_of(document);
    const Json* plots = document.find("plots");
    for (std::size_t i = 0; plots && plots->is_array() && i < plots->items().size(); ++i) {
      std::string svg = plot_of(plots->items()[i], tables);
      std::string name = member_text(document, "benchmark") + "-" + std::to_string(i + 1) + "-" + member_text(plots->items()[i], "table");
      for (char& c : name) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '-';
      // The same benchmark may stand in a report twice.
      const auto same = std::count_if(out.begin(), out.end(), [&name](const ReportPlot& one) { return one.name == name || one.name.starts_with(name + "--"); });
      if (same > 0) name += "--" + std::to_string(same + 1);
      if (!svg.empty()) out.push_back({std::move(name), std::move(svg)});
    }
  }
  return out;
}

std::string report_page(const std::vector<Json>& documents, const std::string& note) {
  std::string out = kHead;
  if (!note.empty()) out += "<p>" + escaped(note) + "</p>\n";
  for (const Json& document : documents) {
    out += "<h2>" + escaped(member_text(document, "benchmark")) + "</h2>\n";
    const std::vector<ResultTable> tables = tables_of(document);
    if (const Json* plots = document.find("plots"); plots && plots->is_array()) {
      out += "<div class=\"plots\">\n";
      for (const Json& plot : plots->items()) out += plot_of(plot, tables);
      out += "</div>\n";
    }
    for (const ResultTable& table : tables) out += "<h3>" + escaped(table.name.empty() ? "parameters and single figures" : table.name) + "</h3>\n" + html_table(table);
    if (const Json* where = document.find("conditions")) {
      out += "<h3>conditions</h3>\n";
      for (const ResultTable& table : tables_of(*where)) out += html_table(table);
    }
  }
  return out + "</body></html>\n";
}

}  // namespace agiddi::tools
