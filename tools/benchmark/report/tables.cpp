#include "tools/benchmark/report/tables.h"

#include <algorithm>

#include "tools/benchmark/figures.h"

namespace agiddi::tools {
namespace {

using Cells = std::vector<std::pair<std::string, std::string>>;

bool holds_objects(const Json& value) {
  return value.is_array() && !value.items().empty() && std::all_of(value.items().begin(), value.items().end(), [](const Json& item) { return item.is_object(); });
}

class Collector {
 public:
  void document(const Json& document) {
    ResultTable own{"", {"name", "value"}, {}};
    for (auto& [name, value] : cells(document, "", "")) own.rows.push_back({name, value});
    if (!own.rows.empty()) tables_.insert(tables_.begin(), std::move(own));
  }
  std::vector<ResultTable> take() { return std::move(tables_); }

 private:
  // The members that are no tables; those that are become some. prefix: of the cells' names; path: of the tables'.
  Cells cells(const Json& object, const std::string& prefix, const std::string& path) {
    Cells out;
    for (const auto& [name, value] : object.members()) {
      if (path.empty() && prefix.empty() && (name == "plots" || name == "conditions")) continue;
      const std::string dotted = prefix.empty() ? name : prefix + "." + name;
      const std::string inner = path.empty() ? dotted : path + "." + dotted;
      if (value.is_object()) {
        for (auto& cell : cells(value, dotted, path)) out.push_back(std::move(cell));
      } else if (holds_objects(value)) {
        table(value, inner);
      } else {
        out.emplace_back(dotted, json_text(value));
      }
    }
    return out;
  }

  void table(const Json& array, const std::string& name) {
    ResultTable made{name, {}, {}};
    std::vector<Cells> rows;
    for (std::size_t i = 0; i < array.items().size(); ++i) {
      rows.push_back(cells(array.items()[i], "", name + "[" + std::to_string(i) + "]"));
      for (const auto& [column, value] : rows.back()) {
        if (std::find(made.columns.begin(), made.columns.end(), column) == made.columns.end()) made.columns.push_back(column);
      }
    }
    for (const Cells& row : rows) {
      std::vector<std::string> line(made.columns.size());
      for (const auto& [column, value] : row) line[static_cast<std::size_t>(std::find(made.columns.begin(), made.columns.end(), column) - made.columns.begin())] = value;
      made.rows.push_back(std::move(line));
    }
    if (!made.columns.empty()) tables_.push_back(std::move(made));
  }

  std::vector<ResultTable> tables_;
};

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

}  // namespace

std::string json_text(const Json& value) {
  if (value.is_string()) return value.as_string();
  if (value.is_array() && !value.items().empty()) {
    std::string out;
    for (const Json& item : value.items()) out += (out.empty() ? "" : " ") + json_text(item);
    return out;
  }
  return value.dump();
}

std::vector<ResultTable> tables_of(const Json& document) {
  Collector collector;
  collector.document(document);
  return collector.take();
}

std::string tables_text(const Json& document) {
  std::string out;
  for (const ResultTable& one : tables_of(document)) {
    if (one.name.empty()) {
      for (const auto& row : one.rows) out += row[0] + ": " + row[1] + "\n";
      continue;
    }
    std::vector<std::vector<std::string>> lines{one.columns};
    lines.insert(lines.end(), one.rows.begin(), one.rows.end());
    out += "\n" + one.name + "\n" + table(lines);
  }
  return out;
}

std::string tables_csv(const std::vector<Json>& documents) {
  std::string out = "benchmark,table,row,column,value\r\n";
  for (const Json& document : documents) {
    const Json* name = document.find("benchmark");
    const std::string benchmark = name ? json_text(*name) : "";
    for (const ResultTable& one : tables_of(document)) {
      for (std::size_t i = 0; i < one.rows.size(); ++i) {
        for (std::size_t k = 0; k < one.columns.size(); ++k) {
          if (one.rows[i][k].empty()) continue;
          out += csv_cell(benchmark) + "," + csv_cell(one.name) + "," + std::to_string(i + 1) + "," + csv_cell(one.columns[k]) + "," + csv_cell(one.rows[i][k]) + "\r\n";
        }
      }
    }
  }
  return out;
}

}  // namespace agiddi::tools
