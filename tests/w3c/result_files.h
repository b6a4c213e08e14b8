// Expected results in the formats that the suites use: XML, JSON, CSV, TSV and RDF result sets. Each is also the reader that checks what
// write_results() wrote.
#pragma once

#include <optional>

#include "ontology/sparql/results.h"
#include "tests/w3c/rdf_files.h"

namespace agiddi::tests {

struct ExpectedResult {
  ontology::sparql::QueryResult result;
  bool ordered = false;  // the order of the rows counts
};

Result<ExpectedResult> parse_xml_results(const std::string& text);
Result<ExpectedResult> parse_json_results(const std::string& text);
Result<ExpectedResult> parse_tsv_results(const std::string& text);
std::vector<std::vector<std::string>> parse_csv(const std::string& text);
Result<ExpectedResult> read_expected(const Suite& suite, const std::string& iri, ontology::sparql::QueryForm form);

}  // namespace agiddi::tests
