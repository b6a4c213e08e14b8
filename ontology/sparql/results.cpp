#include "ontology/sparql/results.h"

#include "ontology/sparql/xml.h"
#include "protocol/check.h"
#include "protocol/json.h"

namespace agiddi::ontology::sparql {

using ledger::Term;
using ledger::TermKind;

namespace {

std::string json(const QueryResult& result) {
  if (result.form == QueryForm::ask) return std::string(R"({"head":{},"boolean":)") + (result.boolean ? "true" : "false") + "}\n";
  std::string out = R"({"head":{"vars":[)";
  for (std::size_t i = 0; i < result.variables.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, result.variables[i]);
  }
  out += "]},\"results\":{\"bindings\":[";
  bool first_row = true;
  for (const auto& row : result.rows) {
    out += first_row ? "\n{" : ",\n{";
    first_row = false;
    bool first = true;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (!row[i]) continue;
      const Term& term = *row[i];
      if (!first) out += ',';
      first = false;
      append_json_string(out, result.variables[i]);
      out += term.kind == TermKind::iri ? R"(:{"type":"uri","value":)" : term.kind == TermKind::blank ? R"(:{"type":"bnode","value":)" : R"(:{"type":"literal","value":)";
      append_json_string(out, term.value);
      if (!term.language.empty()) {
        out += ",\"xml:lang\":";
        append_json_string(out, term.language);
      } else if (!term.datatype.empty()) {
        out += ",\"datatype\":";
        append_json_string(out, term.datatype);
      }
      out += '}';
    }
    out += '}';
  }
  out += "\n]}}\n";
  return out;
}

std::string xml(const QueryResult& result) {
  std::string out = "<?xml version=\"1.0\"?>\n<sparql xmlns=\"http://www.w3.org/2005/sparql-results#\">\n";
  if (result.form == QueryForm::ask) return out + "<head/>\n<boolean>" + (result.boolean ? "true" : "false") + "</boolean>\n</sparql>\n";
  out += "<head>";
  for (const auto& name : result.variables) out += "<variable name=\"" + name + "\"/>";
  out += "</head>\n<results>\n";
  for (const auto& row : result.rows) {
    out += "<result>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (!row[i]) continue;
      const Term& term = *row[i];
      out += "<binding name=\"" + result.variables[i] + "\">";
      if (term.kind == TermKind::literal) {
        out += "<literal";
        if (!term.language.empty()) {
          out += " xml:lang=\"";
          append_xml(out, term.language);
          out += '"';
        } else if (!term.datatype.empty()) {
          out += " datatype=\"";
          append_xml(out, term.datatype);
          out += '"';
        }
        out += '>';
        append_xml(out, term.value);
        out += "</literal>";
      } else {
        out += term.kind == TermKind::iri ? "<uri>" : "<bnode>";
        append_xml(out, term.value);
        out += term.kind == TermKind::iri ? "</uri>" : "</bnode>";
      }
      out += "</binding>";
    }
    out += "</result>\n";
  }
  return out + "</results>\n</sparql>\n";
}

void csv_field(std::string& out, std::string_view text) {
  if (text.find_first_of("\",\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

std::string csv(const QueryResult& result) {
  if (result.form == QueryForm::ask) return std::string("boolean\r\n") + (result.boolean ? "true" : "false") + "\r\n";
  std::string out;
  for (std::size_t i = 0; i < result.variables.size(); ++i) {
    if (i > 0) out += ',';
    csv_field(out, result.variables[i]);
  }
  out += "\r\n";
  for (const auto& row : result.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) out += ',';
      if (!row[i]) continue;
      csv_field(out, row[i]->kind == TermKind::blank ? "_:" + row[i]->value : row[i]->value);
    }
    out += "\r\n";
  }
  return out;
}

// The short form of a number that reads back as the same term, as Turtle has it.
bool bare_number(const Term& term) {
  const std::string& text = term.value;
  std::size_t i = !text.empty() && (text[0] == '+' || text[0] == '-') ? 1 : 0;
  std::size_t digits = 0, after_point = 0, exponent = 0;
  bool point = false, e = false;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c >= '0' && c <= '9') {
      ++(e ? exponent : point ? after_point : digits);
    } else if (c == '.' && !point && !e) {
      point = true;
    } else if ((c == 'e' || c == 'E') && !e) {
      e = true;
      if (i + 1 < text.size() && (text[i + 1] == '+' || text[i + 1] == '-')) ++i;
    } else {
      return false;
    }
  }
  if (term.datatype == ledger::xsd::integer) return digits > 0 && !point && !e;
  if (term.datatype == ledger::xsd::decimal) return after_point > 0 && !e;
  return term.datatype == ledger::xsd::double_ && e && exponent > 0 && (after_point > 0 || digits > 0);
}

void tsv_term(std::string& out, const Term& term) {
  if (term.kind == TermKind::literal && term.language.empty() && bare_number(term)) {
    out += term.value;
    return;
  }
  if (term.kind != TermKind::literal) {
    out += ledger::ntriples(term);
    return;
  }
  // As N-Triples, and the tab escaped as well: it ends a column.
  out += '"';
  for (char c : term.value) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\t': out += "\\t"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      default: out += c;
    }
  }
  out += '"';
  if (!term.language.empty()) {
    out += "@" + term.language;
  } else if (!term.datatype.empty()) {
    out += "^^<" + term.datatype + ">";
  }
}

std::string tsv(const QueryResult& result) {
  if (result.form == QueryForm::ask) return std::string("?boolean\n") + (result.boolean ? "true" : "false") + "\n";
  std::string out;
  for (std::size_t i = 0; i < result.variables.size(); ++i) out += (i > 0 ? "\t?" : "?") + result.variables[i];
  out += '\n';
  for (const auto& row : result.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) out += '\t';
      if (row[i]) tsv_term(out, *row[i]);
    }
    out += '\n';
  }
  return out;
}

}  // namespace

std::string_view media_type(Format format) {
  switch (format) {
    case Format::json: return "application/sparql-results+json";
    case Format::xml: return "application/sparql-results+xml";
    case Format::csv: return "text/csv; charset=utf-8; header=present";
    case Format::tsv: return "text/tab-separated-values; charset=utf-8";
  }
  return {};
}

std::string write_results(const QueryResult& result, Format format) {
  AGIDDI_CHECK(result.form == QueryForm::select || result.form == QueryForm::ask, "rows or a boolean, not a graph");
  switch (format) {
    case Format::json: return json(result);
    case Format::xml: return xml(result);
    case Format::csv: return csv(result);
    case Format::tsv: return tsv(result);
  }
  return {};
}

}  // namespace agiddi::ontology::sparql
