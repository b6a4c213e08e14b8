#include "tests/unit/sparql/world.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "ledger/columns/store.h"
#include "ledger/kv.h"
#include "ledger/triple_store.h"
#include "ontology/rdf_io.h"

namespace agiddi::tests {

namespace sparql = ontology::sparql;

namespace {

std::vector<ledger::Triple> parsed(std::string_view turtle) {
  const std::string text = "@prefix : <http://x/> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> . " + std::string(turtle);
  auto triples = ontology::parse_turtle(text, "http://x/");
  if (!triples) throw std::runtime_error("the test's Turtle is wrong: " + triples.error().detail);
  return *std::move(triples);
}

}  // namespace

sparql::MemorySource graph_of(std::string_view turtle) {
  sparql::MemorySource source;
  for (const auto& triple : parsed(turtle)) source.add(triple);
  return source;
}

std::shared_ptr<const ledger::TripleSource> ledger_graph_of(std::string_view turtle) { return ledger::make_memory_triples(parsed(turtle)); }

std::shared_ptr<const ledger::TripleSource> columns_graph_of(std::string_view turtle) {
  const auto disk = ledger::make_memory_store();
  ledger::TripleWriter writer(*disk, ledger::make_term_cache(1 << 10));
  const auto triples = parsed(turtle);
  std::shared_ptr<ledger::columns::Store> store;
  for (std::uint64_t height = 1; height <= 2; ++height) {
    const std::size_t begin = height == 1 ? 0 : triples.size() * 2 / 3, end = height == 1 ? triples.size() * 2 / 3 : triples.size();
    ledger::TripleChanges changes;
    for (std::size_t i = begin; i < end; ++i) changes.push_back({triples[i], true});
    ledger::KvBatch batch;
    const auto block = writer.encode(changes, batch);
    disk->write(batch, true);
    if (height == 1) {
      store = std::make_shared<ledger::columns::Store>(*disk, height, ledger::Coordinates{ledger::Term::iri("http://x/lat"), ledger::Term::iri("http://x/long")});
    } else {
      store->apply(height, block);
    }
  }
  return ledger::columns::make_source(store, store->at(2));
}

namespace {

std::string short_form(std::string text) {
  for (std::size_t at; (at = text.find("<http://x/")) != std::string::npos;) {
    const std::size_t end = text.find('>', at);
    text = text.substr(0, at) + ":" + text.substr(at + 10, end - at - 10) + text.substr(end + 1);
  }
  for (std::size_t at; (at = text.find("<http://www.w3.org/2001/XMLSchema#")) != std::string::npos;) {
    const std::size_t end = text.find('>', at);
    text = text.substr(0, at) + "xsd:" + text.substr(at + 34, end - at - 34) + text.substr(end + 1);
  }
  return text;
}

std::string joined(std::vector<std::string> rows, bool ordered) {
  if (!ordered) std::sort(rows.begin(), rows.end());
  std::string out;
  for (const auto& row : rows) out += (out.empty() ? "" : " | ") + row;
  return out;
}

std::string shown(const ledger::Term& term) {
  sparql::QueryResult one;
  one.variables = {"v"};
  one.rows = {{term}};
  std::string text = write_results(one, sparql::Format::tsv);
  text = text.substr(text.find('\n') + 1);
  text.pop_back();
  return short_form(text);
}

}  // namespace

std::string ask(const ledger::TripleSource& source, std::string_view query, bool ordered, const sparql::Limits& limits) {
  const auto asked = sparql::parse_query(std::string(kPrefixes) + std::string(query));
  if (!asked) return "error " + std::to_string(static_cast<int>(asked.error().status)) + ": " + asked.error().detail;
  const auto result = sparql::evaluate(*asked, sparql::Dataset(source), limits, nullptr, 1'700'000'000'123);
  if (!result) return "error " + std::to_string(static_cast<int>(result.error().status)) + ": " + result.error().detail;
  std::vector<std::string> rows;
  switch (result->form) {
    case sparql::QueryForm::ask: return result->boolean ? "true" : "false";
    case sparql::QueryForm::select:
      for (const auto& row : result->rows) {
        std::string text;
        for (const auto& term : row) text += (text.empty() ? "" : " ") + (term ? shown(*term) : std::string("-"));
        rows.push_back(text);
      }
      break;
    case sparql::QueryForm::construct:
    case sparql::QueryForm::describe:
      for (const auto& triple : result->triples) rows.push_back(shown(triple.subject) + " " + shown(triple.predicate) + " " + shown(triple.object));
      break;
  }
  return joined(std::move(rows), ordered);
}

std::string ask(std::string_view turtle, std::string_view query, bool ordered) { return ask(graph_of(turtle), query, ordered); }

std::string value_of(std::string_view expression) {
  static const sparql::MemorySource kEmpty;
  return ask(kEmpty, "SELECT (" + std::string(expression) + " AS ?v) {}");
}

}  // namespace agiddi::tests
