#include "tests/w3c/result_files.h"

#include <algorithm>
#include <sstream>

#include "ontology/rdf_io.h"
#include "protocol/json.h"

namespace agiddi::tests {

using ledger::Term;
using ontology::sparql::QueryForm;

namespace {

const std::string kRs = "http://www.w3.org/2001/sw/DataAccess/tests/result-set#";

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

Term literal(std::string text, const std::string& datatype, const std::string& language) {
  Term out = Term::literal(std::move(text));
  out.language = lower(language);
  if (datatype != ledger::xsd::string) out.datatype = datatype;
  return out;
}

std::size_t column_of(ontology::sparql::QueryResult& result, const std::string& name) {
  const auto found = std::find(result.variables.begin(), result.variables.end(), name);
  if (found != result.variables.end()) return static_cast<std::size_t>(found - result.variables.begin());
  result.variables.push_back(name);
  for (auto& row : result.rows) row.resize(result.variables.size());
  return result.variables.size() - 1;
}

// Enough XML for these files: elements, attributes, text, comments, entities.
struct XmlItem {
  enum class Kind { open, close, text, end } kind = Kind::end;
  std::string name;  // local
  std::map<std::string, std::string> attributes;
  bool empty = false;
  std::string text;
};

class XmlReader {
 public:
  explicit XmlReader(const std::string& text) : text_(text) {}

  XmlItem next() {
    XmlItem item;
    if (at_ >= text_.size()) return item;
    if (text_[at_] != '<') {
      const std::size_t end = std::min(text_.find('<', at_), text_.size());
      item.kind = XmlItem::Kind::text;
      item.text = unescaped(text_.substr(at_, end - at_));
      at_ = end;
      return item;
    }
    if (text_.compare(at_, 4, "<!--") == 0) {
      at_ = text_.find("-->", at_) + 3;
      return next();
    }
    const std::size_t end = text_.find('>', at_);
    if (end == std::string::npos) return item;
    std::string tag = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    if (tag[0] == '?' || tag[0] == '!') return next();
    item.kind = XmlItem::Kind::open;
    if (tag[0] == '/') {
      item.kind = XmlItem::Kind::close;
      tag.erase(0, 1);
    }
    if (tag.back() == '/') {
      item.empty = true;
      tag.pop_back();
    }
    std::size_t i = tag.find_first_of(" \t\r\n");
    item.name = tag.substr(0, i);
    if (const auto colon = item.name.find(':'); colon != std::string::npos) item.name.erase(0, colon + 1);
    while (i != std::string::npos && (i = tag.find_first_not_of(" \t\r\n", i)) != std::string::npos) {
      const std::size_t equals = tag.find('=', i);
      if (equals == std::string::npos) break;
      const std::size_t open = tag.find_first_of("\"'", equals);
      const std::size_t close = tag.find(tag[open], open + 1);
      std::string name = tag.substr(i, equals - i);
      name.erase(name.find_last_not_of(" \t\r\n") + 1);
      item.attributes[name] = unescaped(tag.substr(open + 1, close - open - 1));
      i = close + 1;
    }
    return item;
  }

 private:
  static std::string unescaped(const std::string& raw) {
    std::string out;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '&') {
        out += raw[i];
        continue;
      }
      const std::size_t end = raw.find(';', i);
      const std::string name = raw.substr(i + 1, end - i - 1);
      if (name == "lt") out += '<';
      else if (name == "gt") out += '>';
      else if (name == "amp") out += '&';
      else if (name == "quot") out += '"';
      else if (name == "apos") out += '\'';
      else if (name[0] == '#') out += static_cast<char>(name[1] == 'x' ? std::stoi(name.substr(2), nullptr, 16) : std::stoi(name.substr(1)));
      i = end;
    }
    return out;
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<ExpectedResult> parse_xml_results(const std::string& text) {
  ExpectedResult out;
  XmlReader reader(text);
  std::string binding, collected, datatype, language;
  for (XmlItem item = reader.next(); item.kind != XmlItem::Kind::end; item = reader.next()) {
    if (item.kind == XmlItem::Kind::text) {
      collected += item.text;
      continue;
    }
    if (item.kind == XmlItem::Kind::open) {
      collected.clear();
      if (item.name == "variable") out.result.variables.push_back(item.attributes["name"]);
      if (item.name == "result") out.result.rows.emplace_back(out.result.variables.size());
      if (item.name == "binding") binding = item.attributes["name"];
      if (item.name == "boolean") out.result.form = QueryForm::ask;
      datatype = item.attributes["datatype"];
      language = item.attributes["xml:lang"];
      if (!item.empty) continue;
    }
    const bool value = item.name == "uri" || item.name == "bnode" || item.name == "literal";
    if (value) {
      const std::size_t column = column_of(out.result, binding);
      out.result.rows.back()[column] = item.name == "uri" ? Term::iri(collected) : item.name == "bnode" ? Term::blank(collected) : literal(collected, datatype, language);
    }
    if (item.name == "boolean" && item.kind == XmlItem::Kind::close) out.result.boolean = collected.find("true") != std::string::npos;
  }
  return out;
}

Result<ExpectedResult> parse_json_results(const std::string& text) {
  const auto json = parse_json(text);
  if (!json) return tl::unexpected(json.error());
  ExpectedResult out;
  if (const Json* boolean = json->find("boolean")) {
    out.result.form = QueryForm::ask;
    out.result.boolean = boolean->as_bool();
    return out;
  }
  if (const Json* vars = json->find("head")->find("vars")) {
    for (const Json& name : vars->items()) out.result.variables.push_back(name.as_string());
  }
  for (const Json& binding : json->find("results")->find("bindings")->items()) {
    out.result.rows.emplace_back(out.result.variables.size());
    for (const auto& [name, value] : binding.members()) {
      const std::string& type = value.find("type")->as_string();
      const std::string& lexical = value.find("value")->as_string();
      const Json* datatype = value.find("datatype");
      const Json* language = value.find("xml:lang");
      const std::size_t column = column_of(out.result, name);
      out.result.rows.back()[column] = type == "uri"     ? Term::iri(lexical)
                                       : type == "bnode" ? Term::blank(lexical)
                                                         : literal(lexical, datatype ? datatype->as_string() : "", language ? language->as_string() : "");
    }
  }
  return out;
}

Result<ExpectedResult> parse_tsv_results(const std::string& text) {
  ExpectedResult out;
  std::istringstream lines(text);
  std::string line;
  bool header = true;
  while (std::getline(lines, line)) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    std::vector<std::string> cells;
    std::istringstream columns(line);
    std::string cell;
    while (std::getline(columns, cell, '\t')) cells.push_back(cell);
    if (header) {
      for (const std::string& name : cells) out.result.variables.push_back(name.substr(1));
      header = false;
      continue;
    }
    cells.resize(out.result.variables.size());
    std::vector<std::optional<Term>> row;
    for (const std::string& value : cells) {
      if (value.empty()) {
        row.emplace_back();
        continue;
      }
      const auto triples = ontology::parse_turtle("<s:s> <p:p> " + value + " .", "http://base/");
      if (!triples || triples->size() != 1) return fail(Status::invalid, "not a term in TSV: " + value);
      row.emplace_back((*triples)[0].object);
    }
    out.result.rows.push_back(std::move(row));
  }
  return out;
}

std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row;
  std::string cell;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
        cell += '"';
        ++i;
      } else if (c == '"') {
        quoted = false;
      } else {
        cell += c;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',') {
      row.push_back(std::move(cell));
      cell.clear();
    } else if (c == '\n') {
      row.push_back(std::move(cell));
      cell.clear();
      rows.push_back(std::move(row));
      row.clear();
    } else if (c != '\r') {
      cell += c;
    }
  }
  if (!cell.empty() || !row.empty()) {
    row.push_back(std::move(cell));
    rows.push_back(std::move(row));
  }
  return rows;
}

namespace {

ExpectedResult from_result_set(const Graph& graph, const Term& set) {
  ExpectedResult out;
  if (const Term* boolean = graph.object(set, kRs + "boolean")) {
    out.result.form = QueryForm::ask;
    out.result.boolean = boolean->value == "true";
    return out;
  }
  for (const Term& name : graph.objects(set, kRs + "resultVariable")) out.result.variables.push_back(name.value);
  std::vector<std::pair<long, Term>> solutions;
  for (const Term& solution : graph.objects(set, kRs + "solution")) {
    const Term* index = graph.object(solution, kRs + "index");
    out.ordered = out.ordered || index != nullptr;
    solutions.emplace_back(index == nullptr ? 0 : std::stol(index->value), solution);
  }
  std::stable_sort(solutions.begin(), solutions.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [index, solution] : solutions) {
    out.result.rows.emplace_back(out.result.variables.size());
    for (const Term& binding : graph.objects(solution, kRs + "binding")) {
      const std::size_t column = column_of(out.result, graph.object(binding, kRs + "variable")->value);
      out.result.rows.back()[column] = *graph.object(binding, kRs + "value");
    }
  }
  return out;
}

}  // namespace

Result<ExpectedResult> read_expected(const Suite& suite, const std::string& iri, QueryForm form) {
  if (iri.ends_with(".srx") || iri.ends_with(".srj") || iri.ends_with(".tsv")) {
    const auto text = read_file(suite.path_of(iri));
    if (!text) return tl::unexpected(text.error());
    return iri.ends_with(".srx") ? parse_xml_results(*text) : iri.ends_with(".srj") ? parse_json_results(*text) : parse_tsv_results(*text);
  }
  auto triples = read_rdf(suite, iri);
  if (!triples) return tl::unexpected(triples.error());
  if (form == QueryForm::construct || form == QueryForm::describe) {
    ExpectedResult out;
    out.result.form = form;
    out.result.triples = *std::move(triples);
    return out;
  }
  const Graph graph(*std::move(triples));
  const auto sets = graph.subjects("http://www.w3.org/1999/02/22-rdf-syntax-ns#type", Term::iri(kRs + "ResultSet"));
  if (sets.size() != 1) return fail(Status::invalid, iri + " holds no result set");
  return from_result_set(graph, sets[0]);
}

}  // namespace agiddi::tests
