// Text to Query: our own recursive-descent parser of the SPARQL 1.1 Query grammar (W3C Recommendation of 21 March 2013, section 19).
//
// Pure and thread-safe. The text is foreign: its size, nesting and number of patterns are bounded, bad UTF-8 and NUL are refused,
// and every error is Status::bad_request with the line and column. An UPDATE, SERVICE and LOAD are recognised and refused as such.
#pragma once

#include <cstddef>
#include <string_view>

#include "ontology/sparql/query.h"
#include "protocol/result.h"

namespace agiddi::ontology::sparql {

struct ParseLimits {
  std::size_t text_bytes = 64 * 1024;
  std::size_t depth = 64;       // nested groups, expressions, paths, lists
  std::size_t patterns = 512;   // triple patterns, groups and filters together: each may hold an open index cursor while a query runs
};

Result<Query> parse_query(std::string_view text, std::string_view base_iri = {}, const ParseLimits& limits = {});

}  // namespace agiddi::ontology::sparql
