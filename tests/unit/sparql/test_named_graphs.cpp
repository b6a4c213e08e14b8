#include "ontology/sparql/named_graphs.h"

#include <catch2/catch.hpp>
#include <chrono>

#include "ontology/rdf_io.h"
#include "ontology/sparql/graph_use.h"
#include "tests/unit/sparql/world.h"

using agiddi::Status;
namespace sparql = agiddi::ontology::sparql;
using Triples = std::vector<agiddi::ledger::Triple>;

namespace {

sparql::Query parsed(const std::string& text) {
  const auto query = sparql::parse_query(std::string(agiddi::tests::kPrefixes) + text);
  REQUIRE(query);
  return *query;
}

Triples turtle(const std::string& text) {
  const auto triples = agiddi::ontology::parse_turtle("@prefix : <http://x/> . " + text);
  REQUIRE(triples);
  return *triples;
}

// Graphs :g0 … whose triples are told by a function of the number; the default graph knows none of their terms but :a and :p.
struct World {
  std::shared_ptr<const agiddi::ledger::TripleSource> store = agiddi::tests::ledger_graph_of(":a :p 1 . :a :p :b .");
  std::size_t loads = 0;
  sparql::NamedGraphs graphs;

  explicit World(std::size_t count, std::function<std::string(int)> text, const sparql::NamedGraphLimits& limits = {})
      : graphs(*store, [this, text = std::move(text)](const std::string& iri) {
          ++loads;
          return turtle(text(std::stoi(iri.substr(std::string("http://x/g").size()))));
        }, limits) {
    for (std::size_t i = 0; i < count; ++i) graphs.add("http://x/g" + std::to_string(i));
  }
  std::string ask(const std::string& text) {
    const auto result = sparql::evaluate(parsed(text), graphs.dataset());
    if (graphs.failure()) return "failed: " + graphs.failure()->detail;
    REQUIRE(result);
    std::string out;
    for (const auto& row : result->rows) {
      out += out.empty() ? "" : " | ";
      for (std::size_t i = 0; i < row.size(); ++i) out += (i ? " " : "") + (row[i] ? row[i]->value.substr(row[i]->value.starts_with("http://x/") ? 9 : 0) : std::string("-"));
    }
    return result->form == sparql::QueryForm::ask ? (result->boolean ? "true" : "false") : out;
  }
};

std::string one_each(int i) { return ":a :p :o" + std::to_string(i) + " , " + std::to_string(i) + " . :new :p \"text of a graph only " + std::to_string(i) + "\" ."; }

}  // namespace

TEST_CASE("what a query says of graphs is found wherever it stands") {
  CHECK_FALSE(sparql::graph_use(parsed("SELECT * { ?s ?p ?o OPTIONAL { ?s :q ?r } }")).any());
  for (const char* text : {"SELECT * { GRAPH ?g { ?s ?p ?o } }", "SELECT * { ?s ?p ?o FILTER EXISTS { GRAPH ?g { ?s ?p ?o } } }",
                           "SELECT (EXISTS { GRAPH ?g {} } AS ?e) {}", "SELECT * { ?s ?p ?o { SELECT ?s { ?s ?q ?r MINUS { GRAPH ?g { ?s ?p 1 } } } } }",
                           "SELECT ?s { ?s ?p ?o } GROUP BY ?s HAVING (NOT EXISTS { GRAPH ?g { ?s ?p ?o } })", "SELECT * { ?s ?p ?o } ORDER BY EXISTS { GRAPH ?g { ?s ?p ?o } }",
                           "SELECT (SUM(IF(EXISTS { GRAPH ?g { ?s ?p ?o } }, 1, 0)) AS ?n) { ?s ?p ?o }"}) {
    INFO(text);
    CHECK(sparql::graph_use(parsed(text)).variable);
  }
  const auto use = sparql::graph_use(parsed("SELECT * FROM :f FROM NAMED :n { GRAPH :c { ?s ?p ?o } }"));
  CHECK(use.constants == std::set<std::string>{"http://x/c"});
  CHECK(use.from == std::vector<std::string>{"http://x/f"});
  CHECK(use.from_named == std::vector<std::string>{"http://x/n"});
  const auto other = sparql::graph_use(sparql::with_dataset(parsed("SELECT * FROM :f FROM NAMED :n { GRAPH :c { ?s ?p ?o } }"), {}, {"http://x/m"}));
  CHECK(other.from.empty());
  CHECK(other.from_named == std::vector<std::string>{"http://x/m"});
}

TEST_CASE("graphs that are made when they are read join with the store, also by terms that the store lacks") {
  World world(3, one_each);
  CHECK(world.ask("SELECT ?o { ?s :p ?o } ORDER BY ?o") == "b | 1");
  CHECK(world.loads == 0);
  CHECK(world.ask("SELECT ?o { GRAPH :g1 { :a :p ?o } } ORDER BY ?o") == "o1 | 1");
  CHECK(world.loads == 1);
  CHECK(world.ask("SELECT ?g ?s { GRAPH ?g { ?s :p \"text of a graph only 2\" } }") == "g2 new");
  CHECK(world.ask("SELECT ?g ?o { :a :p ?o . GRAPH ?g { :a :p ?o } }") == "g1 1");
  CHECK(world.ask("SELECT ?g (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g ORDER BY ?g") == "g0 3 | g1 3 | g2 3");
  CHECK(world.ask("SELECT ?g { GRAPH ?g {} } ORDER BY ?g") == "g0 | g1 | g2");
  CHECK(world.ask("SELECT ?o { GRAPH ?g { ?s :p ?o FILTER(?o > 1) } }") == "2");
  CHECK(world.ask("SELECT ?p { GRAPH :g0 { ?s ?p :o0 } }") == "p");
  CHECK(world.ask("SELECT ?s { GRAPH :g0 { ?s ?p \"text of a graph only 0\" } }") == "new");
  CHECK(world.ask("ASK { GRAPH :g0 { :a :p :o1 } }") == "false");
  CHECK(world.ask("ASK { GRAPH :g0 { :new ?p ?o } FILTER NOT EXISTS { :new ?p ?o } }") == "true");
  CHECK(world.ask("SELECT ?o FROM :g0 FROM :g1 { :new :p ?o } ORDER BY ?o") == "text of a graph only 0 | text of a graph only 1");
  CHECK(world.ask("SELECT (COUNT(*) AS ?n) FROM NAMED :g2 { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } }") == "3");
  CHECK(world.ask("SELECT ?o { GRAPH :g0 { :a :p* ?o } } ORDER BY ?o") == "a | o0 | 0");
  CHECK(world.ask("ASK { GRAPH :nowhere {} }") == "false");
  // Terms that the query makes, or names, before the graph that has them is read.
  World fresh(3, one_each);
  CHECK(fresh.ask("SELECT ?g { VALUES ?t { \"text of a graph only 1\" \"no text\" } GRAPH ?g { :new :p ?t } }") == "g1");
  World other(3, one_each);
  CHECK(other.ask("SELECT ?g { BIND(CONCAT(\"text of a graph \", \"only 1\") AS ?t) GRAPH ?g { ?s :p ?t } }") == "g1");
  World third(3, one_each);
  CHECK(third.ask("SELECT ?g { GRAPH ?g { ?s :p ?t } FILTER(?t = CONCAT(\"text of a graph \", \"only 1\")) }") == "g1");
}

TEST_CASE("the store may be chosen under a name") {
  World world(1, one_each);
  world.graphs.add_store("http://x/now");
  CHECK(world.ask("SELECT ?o FROM :now FROM NAMED :g0 { :a :p ?o GRAPH ?g { :a :p :o0 } } ORDER BY DESC(isIRI(?o))") == "b | 1");
}

TEST_CASE("graphs are forgotten again, and more than the bound is refused") {
  const auto hundred = [](int i) {
    std::string out;
    for (int k = 0; k < 100; ++k) out += ":a :p" + std::to_string(i) + " " + std::to_string(k) + " . ";
    return out;
  };
  World small(20, hundred, {.triples_cached = 300, .triples_live = 450});
  CHECK(small.ask("SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } }") == "2000");
  const std::size_t once = small.loads;
  CHECK(once >= 20);
  CHECK(small.ask("SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } }") == "2000");
  CHECK(small.loads >= once + 17);
  // Five at a time are held by the scans under way.
  CHECK(small.ask("SELECT * { GRAPH :g0 { ?a :p0 1 . ?a ?p ?b } GRAPH :g1 { ?a ?q ?b } GRAPH :g2 { ?a ?r ?b } GRAPH :g3 { ?a ?s ?b } GRAPH :g4 { ?a ?t ?b } } LIMIT 1")
            .find("memory limit") != std::string::npos);

  World long_texts(50, [](int i) { return ":a :p \"" + std::string(10'000, static_cast<char>('a' + i % 26)) + std::to_string(i) + "\" ."; }, {.terms_bytes = 200'000});
  CHECK(long_texts.ask("SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } }").find("memory limit") != std::string::npos);
}

TEST_CASE("a GRAPH over very many graphs ends in time") {
  World slow(20'000, one_each, {.time_ms = 100});
  const auto begin = std::chrono::steady_clock::now();
  CHECK(slow.ask("SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } GRAPH ?h { ?s ?q ?r } }") == "failed: the query passed its time limit of 100 ms");
  // Names that match nothing cost no scan, so this is the slowest that GRAPH can be between two looks at the clock.
  std::string many;
  for (int i = 0; i < 300; ++i) many += "(:n" + std::to_string(i) + ")";
  const auto query = parsed("SELECT * { VALUES (?x) {" + many + "} GRAPH ?g { <a:none> <a:none> ?x } }");
  World idle(20'000, one_each, {.time_ms = 100});
  const auto second = std::chrono::steady_clock::now();
  const auto result = sparql::evaluate(query, idle.graphs.dataset(), {.time_ms = 100});
  CHECK((!result || idle.graphs.failure()));
  CHECK(std::chrono::steady_clock::now() - second < std::chrono::seconds(20));
  CHECK(second - begin < std::chrono::seconds(20));
}
