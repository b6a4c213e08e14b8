// A small Turtle in, a table out.
#pragma once

#include <string>
#include <string_view>

#include "ontology/sparql/evaluator.h"
#include "ontology/sparql/memory_source.h"
#include "ontology/sparql/parser.h"
#include "ontology/sparql/results.h"

namespace agiddi::tests {

inline constexpr std::string_view kPrefixes =
    "PREFIX : <http://x/> PREFIX xsd: <http://www.w3.org/2001/XMLSchema#> PREFIX agiddi: <https://w3id.org/agiddi/ontology#> ";

ontology::sparql::MemorySource graph_of(std::string_view turtle);  // the prefixes : and xsd: are declared

std::shared_ptr<const ledger::TripleSource> ledger_graph_of(std::string_view turtle);  // the same behind the ledger's own indexes
std::shared_ptr<const ledger::TripleSource> columns_graph_of(std::string_view turtle); // the same as columns in memory, a third of it added later; :lat and :long say where

// The rows of a SELECT as "a b | c d" (terms as TSV writes them without the IRI prefix http://x/, unbound as "-"), sorted unless ordered; "true" or
// "false" of an ASK; the sorted N-Triples of a graph; "error 503: …" of a failure. The prefixes are declared.
std::string ask(std::string_view turtle, std::string_view query, bool ordered = false);
std::string ask(const ledger::TripleSource& source, std::string_view query, bool ordered = false,
                const ontology::sparql::Limits& limits = {});

// The value of one expression: "3", "\"abc\"", or "-" for an error.
std::string value_of(std::string_view expression);

}  // namespace agiddi::tests
