// Our engine against Rasqal, on queries that Rasqal is known to answer rightly. Tests only: one world, trusted text.
#include <rasqal.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>
#include <memory>

#include <unistd.h>

#include "ontology/rdf_io.h"
#include "tests/unit/sparql/world.h"

// Rasqal 0.9.33 leaks parts of its row sources; that is not what this test is about.
extern "C" const char* __lsan_default_suppressions() { return "leak:librasqal\nleak:libraptor2\n"; }

namespace {

const std::string kTurtle = R"(@prefix : <http://x/> .
:d1 :hosts :s1, :s2 ; :cost 0.5 ; :name "one" . :s1 :observes :Temperature ; :max 150 . :s2 :observes :Humidity ; :max 100 .
:d2 :hosts :s3 ; :cost 2.0 ; :name "two"@en . :s3 :observes :Temperature ; :max 80 ; :accuracy 0.1 .
:d3 :hosts :s4 ; :cost 7.25 . :s4 :observes :Temperature ; :max 1000 .
)";

// The rows as sorted lexical forms, since Rasqal writes computed numbers its own way.
std::vector<std::string> by_rasqal(const std::string& query_text) {
  char path[] = "/tmp/agiddi-rasqal-XXXXXX";
  const int descriptor = mkstemp(path);
  REQUIRE(descriptor >= 0);
  close(descriptor);
  std::ofstream(path) << kTurtle;
  std::vector<std::string> rows;
  {
    const std::unique_ptr<rasqal_world, void (*)(rasqal_world*)> world(rasqal_new_world(), rasqal_free_world);
    rasqal_world_open(world.get());
    const std::unique_ptr<rasqal_query, void (*)(rasqal_query*)> query(rasqal_new_query(world.get(), "sparql", nullptr), rasqal_free_query);
    raptor_world* raptor = rasqal_world_get_raptor(world.get());
    raptor_uri* uri = raptor_new_uri_from_uri_or_file_string(raptor, nullptr, reinterpret_cast<const unsigned char*>(path));
    rasqal_data_graph* graph = rasqal_new_data_graph_from_uri(world.get(), uri, nullptr, RASQAL_DATA_GRAPH_BACKGROUND, nullptr, "turtle", nullptr);
    const int prepared = rasqal_query_prepare(query.get(), reinterpret_cast<const unsigned char*>(query_text.c_str()), uri);
    raptor_free_uri(uri);
    REQUIRE(prepared == 0);
    rasqal_query_add_data_graph(query.get(), graph);
    rasqal_query_results* results = rasqal_query_execute(query.get());
    REQUIRE(results != nullptr);
    while (!rasqal_query_results_finished(results)) {
      std::string row;
      for (int i = 0; i < rasqal_query_results_get_bindings_count(results); ++i) {
        rasqal_literal* value = rasqal_query_results_get_binding_value(results, i);
        row += value == nullptr ? "-" : reinterpret_cast<const char*>(rasqal_literal_as_string(value));
        row += ' ';
      }
      rows.push_back(row);
      rasqal_query_results_next(results);
    }
    rasqal_free_query_results(results);
  }
  std::remove(path);
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::vector<std::string> by_us(const std::string& query_text) {
  namespace sparql = agiddi::ontology::sparql;
  sparql::MemorySource source;
  const auto triples = agiddi::ontology::parse_turtle(kTurtle, "http://x/");
  REQUIRE(triples);
  for (const auto& triple : *triples) source.add(triple);
  const auto query = sparql::parse_query(query_text);
  REQUIRE(query);
  const auto result = sparql::evaluate(*query, sparql::Dataset(source));
  REQUIRE(result);
  std::vector<std::string> rows;
  for (const auto& row : result->rows) {
    std::string text;
    for (const auto& term : row) text += (term ? term->value : "-") + " ";
    rows.push_back(text);
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace

TEST_CASE("Rasqal and we agree on safe queries") {
  const std::string prefix = "PREFIX : <http://x/> ";
  for (const char* text : {
           "SELECT ?s ?p ?o WHERE { ?s ?p ?o }",
           "SELECT ?d ?s WHERE { ?s :observes :Temperature . ?d :hosts ?s }",
           "SELECT ?d ?c WHERE { ?s :observes :Temperature . ?s :max ?m . ?d :hosts ?s . ?d :cost ?c . FILTER(?m > 100) }",
           "SELECT ?s ?a WHERE { ?s :observes ?o OPTIONAL { ?s :accuracy ?a } }",
           "SELECT ?s WHERE { { ?s :observes :Humidity } UNION { ?s :accuracy ?a } }",
           "SELECT DISTINCT ?o WHERE { ?s :observes ?o }",
           "SELECT ?d ?x WHERE { ?d :cost ?c BIND(?c < 3 AS ?x) }",
           "SELECT ?n WHERE { ?d :name ?n FILTER(lang(?n) = \"en\") }",
           "SELECT ?n WHERE { ?d :name ?n FILTER(regex(str(?n), \"^O\", \"i\")) }",
           "SELECT ?o (COUNT(?s) AS ?n) WHERE { ?s :observes ?o } GROUP BY ?o",
           "SELECT ?d WHERE { ?d :cost ?c OPTIONAL { ?d :name ?n } FILTER(!bound(?n)) }",
       }) {
    INFO(text);
    CHECK(by_us(prefix + text) == by_rasqal(prefix + text));
  }
}
