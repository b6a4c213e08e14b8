// Any bytes as a SPARQL query: parsed, explained, evaluated on a tiny graph under tight limits, and written.
#include <cstdint>
#include <string_view>

#include "ontology/sparql/evaluator.h"
#include "ontology/sparql/explain.h"
#include "ontology/sparql/memory_source.h"
#include "ontology/sparql/parser.h"
#include "ontology/sparql/results.h"

namespace {

namespace sparql = agiddi::ontology::sparql;
using agiddi::ledger::Term;

const sparql::MemorySource& tiny_graph() {
  static const sparql::MemorySource kGraph = [] {
    sparql::MemorySource graph;
    const Term p = Term::iri("http://x/p"), a = Term::iri("http://x/a"), b = Term::iri("http://x/b");
    graph.add({a, p, b});
    graph.add({b, p, a});
    graph.add({a, p, Term::typed("1.5", agiddi::ledger::xsd::decimal)});
    graph.add({b, Term::iri("http://x/q"), Term::typed("2024-01-01T00:00:00Z", agiddi::ledger::xsd::date_time)});
    graph.add({Term::blank("n"), p, Term::tagged("text", "en")});
    return graph;
  }();
  return kGraph;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto query = sparql::parse_query(text, "http://x/");
  if (!query) return 0;
  sparql::Dataset dataset(tiny_graph());
  dataset.add_graph("http://x/g", tiny_graph());
  (void)sparql::explain(*query, dataset);
  const auto result = sparql::evaluate(*query, dataset, {.time_ms = 50, .memory_bytes = 4 << 20, .rows = 1000});
  if (result && (result->form == sparql::QueryForm::select || result->form == sparql::QueryForm::ask)) {
    for (const auto format : {sparql::Format::json, sparql::Format::xml, sparql::Format::csv, sparql::Format::tsv}) (void)write_results(*result, format);
  }
  return 0;
}
