// RDF serialisations: Turtle and N-Triples (RDF 1.1), read with bounds and written; JSON-LD 1.1 and RDF/XML written.
//
// Threads: pure functions of values. Errors: Status::bad_request with the line for text that is not Turtle / N-Triples,
// Status::too_large past a bound. Serd stays inside rdf_io's .cpp files.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/term.h"
#include "protocol/json.h"

namespace agiddi::ontology {

struct RdfLimits {
  std::size_t bytes = 4 * 1024 * 1024;
  std::size_t triples = 200'000;
  std::size_t term_bytes = 64 * 1024;
};

// Relative IRIs are resolved against base; without a base they are refused. Blank nodes get labels of the reader's own.
Result<std::vector<ledger::Triple>> parse_turtle(std::string_view text, std::string_view base = {}, const RdfLimits& limits = {});
Result<std::vector<ledger::Triple>> parse_ntriples(std::string_view text, const RdfLimits& limits = {});

// Grouped by subject and predicate, in the order of first appearance of subjects, with those of our prefixes that are used.
std::string write_turtle(const std::vector<ledger::Triple>& triples);
// One triple a line, in the given order.
std::string write_ntriples(const std::vector<ledger::Triple>& triples);

// RDF 1.1 XML, for clients that read nothing else. Status::not_acceptable when a predicate's IRI does not end in an XML name, which this syntax cannot say.
Result<std::string> write_rdfxml(const std::vector<ledger::Triple>& triples);

// One compact JSON-LD document, as text without white space, with an inline context made of our terms. With a root, nodes that are reached from it are
// nested under it (once each) and the root is the document; the rest, or without a root everything, stands in "@graph".
std::string write_jsonld(const std::vector<ledger::Triple>& triples, std::string_view root = {});
// The same of triples whose terms stand elsewhere.
using ledger::TripleView;
std::string write_jsonld(std::span<const TripleView> triples, std::string_view root = {});
// All terms that write_jsonld knows; a document's own context holds those of them that it uses.
const Json& jsonld_context();

}  // namespace agiddi::ontology
