// SELECT and ASK results as text in the W3C formats: SPARQL 1.1 Query Results JSON, CSV and TSV (2013) and Query Results XML (second edition).
// Pure. Graphs (CONSTRUCT, DESCRIBE) are written by ontology/rdf_io.h.
#pragma once

#include <string>
#include <string_view>

#include "ontology/sparql/evaluator.h"

namespace agiddi::ontology::sparql {

enum class Format : std::uint8_t { json, xml, csv, tsv };

std::string_view media_type(Format format);  // "application/sparql-results+json", …, "text/csv; charset=utf-8; header=present"

// The result must be of a SELECT or an ASK (checked). CSV and TSV have no standard ASK form: a column "boolean" with one row is written.
std::string write_results(const QueryResult& result, Format format);

}  // namespace agiddi::ontology::sparql
