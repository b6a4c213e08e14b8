// The tests that a manifest of the W3C suites lists, its includes followed.
#pragma once

#include <string>
#include <vector>

#include "tests/w3c/rdf_files.h"

namespace agiddi::tests {

struct W3cTest {
  enum class Kind { positive_syntax, negative_syntax, evaluation, csv };
  std::string id;                 // "sparql11/aggregates#agg01"
  std::string category;           // "sparql11/aggregates"
  Kind kind = Kind::evaluation;
  std::string query;              // IRIs below kSuiteBase
  std::vector<std::string> data;
  std::vector<std::pair<std::string, std::string>> named;  // graph name, file
  std::string result;
  bool lax = false;               // duplicates may be left out (REDUCED)
};

Result<std::vector<W3cTest>> read_manifest(const Suite& suite, const std::string& iri);

}  // namespace agiddi::tests
