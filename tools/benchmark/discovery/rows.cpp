#include "tools/benchmark/discovery/rows.h"

#include <algorithm>
#include <fstream>

#include "protocol/crypto/crypto.h"
#include "protocol/decimal.h"
#include "protocol/time.h"

namespace agiddi::tools {
namespace {

using ledger::Term;

bool is_number(const std::string& datatype) {
  static constexpr std::string_view kTypes[] = {"integer", "decimal", "int", "long", "double", "float", "nonNegativeInteger"};
  if (!datatype.starts_with(ledger::xsd::kNamespace)) return false;
  return std::find(std::begin(kTypes), std::end(kTypes), std::string_view(datatype).substr(ledger::xsd::kNamespace.size())) != std::end(kTypes);
}

RowDigest digest_of_lines(std::vector<std::string> lines) {
  std::sort(lines.begin(), lines.end());
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  return {lines.size(), blake2b(all).hex().substr(0, 16)};
}

Term cell_term(std::string_view cell) {
  if (cell.front() == 'I') return Term::iri(std::string(cell.substr(1)));
  const std::size_t bar = cell.find('|');
  if (bar == std::string_view::npos) return Term::literal(std::string(cell));
  const std::string datatype(cell.substr(1, bar - 1));
  return datatype.empty() ? Term::literal(std::string(cell.substr(bar + 1))) : Term::typed(std::string(cell.substr(bar + 1)), datatype);
}

}  // namespace

std::string canonical(const std::optional<Term>& term) {
  if (!term) return "";
  if (is_number(term->datatype)) {
    if (const auto number = Decimal::parse(term->value)) return "N" + number->text();
  }
  if (term->datatype == ledger::xsd::date_time) {
    if (const auto time = time_from_text(term->value)) return "T" + time_text(*time);
  }
  return ledger::ntriples(*term);
}

RowDigest digest_of(const ontology::sparql::QueryResult& result) {
  std::vector<std::string> lines;
  for (const auto& row : result.rows) {
    std::string line;
    for (const auto& cell : row) line += canonical(cell) + "\t";
    lines.push_back(std::move(line));
  }
  return digest_of_lines(std::move(lines));
}

RowDigest digest_of_rows_file(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string raw; std::getline(file, raw);) {
    std::string line;
    for (std::size_t at = 0; at <= raw.size();) {
      const std::size_t end = std::min(raw.find('\t', at), raw.size());
      const std::string_view cell(raw.data() + at, end - at);
      line += (cell.empty() ? "" : canonical(cell_term(cell))) + "\t";
      at = end + 1;
    }
    lines.push_back(std::move(line));
  }
  return digest_of_lines(std::move(lines));
}

}  // namespace agiddi::tools
