// Rows of results in a form that different engines agree on: a number is its value, a time its instant, whatever its lexical form.
// Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ontology/sparql/evaluator.h"

namespace agiddi::tools {

// What two engines must agree on: how many rows, and which. Order does not count, repetitions do.
struct RowDigest {
  std::size_t rows = 0;
  std::string hash;    // of the sorted rows, 16 hex digits
  friend bool operator==(const RowDigest&, const RowDigest&) = default;
};

std::string canonical(const std::optional<ledger::Term>& term);
RowDigest digest_of(const ontology::sparql::QueryResult& result);
// A file of rows that a peer's runner wrote: a line a row, a cell after each tab; "I" and an IRI, "L" with datatype, "|" and the lexical form,
// or nothing for an unbound variable.
RowDigest digest_of_rows_file(const std::string& path);

}  // namespace agiddi::tools
