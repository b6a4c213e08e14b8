// Compiled conjunctions on small graphs against the engine: the same answer on random graphs and queries, and a refusal of what they do not cover.
#include <catch2/catch.hpp>
#include <random>

#include "ontology/sparql/conjunction.h"
#include "ontology/sparql/evaluator.h"
#include "ontology/sparql/memory_source.h"
#include "ontology/sparql/parser.h"

namespace conjunction_test {

using namespace agiddi;
using namespace agiddi::ontology::sparql;
using ledger::Term;
using ledger::Triple;

namespace {

Query parsed(const std::string& text) {
  auto query = parse_query("PREFIX : <urn:x:> PREFIX agiddi: <https://w3id.org/agiddi/ontology#> PREFIX xsd: <http://www.w3.org/2001/XMLSchema#> " + text);
  INFO(text);
  REQUIRE(query);
  return *std::move(query);
}

bool compiles(const std::string& text, const std::string& wanted = "") { return Conjunction::compile(parsed(text), wanted).has_value(); }

Term node(const std::string& name) { return Term::iri("urn:x:" + name); }
Term number(const std::string& text) { return Term::typed(text, text.find('.') == std::string::npos ? ledger::xsd::integer : ledger::xsd::decimal); }

class Chooser {
 public:
  explicit Chooser(unsigned seed) : random_(seed) {}
  std::size_t below(std::size_t count) { return random_() % count; }
  template <class T>
  const T& of(const std::vector<T>& choices) { return choices[below(choices.size())]; }

 private:
  std::mt19937 random_;
};

const std::vector<std::string> kNodes{"a", "b", "c", "d"}, kPredicates{"p", "q", "r", "s"}, kVariables{"?x", "?y", "?z", "?v"};
const std::vector<std::string> kNumbers{"1", "2", "2.0", "2.50", "3", "-1", "100"};

std::vector<ledger::TripleView> views_of(const std::vector<Triple>& triples) {
  std::vector<ledger::TripleView> views;
  for (const Triple& triple : triples) views.push_back({&triple.subject, &triple.predicate, &triple.object});
  return views;
}

std::vector<Triple> random_graph(Chooser& choose) {
  std::vector<Triple> triples;
  for (std::size_t left = choose.below(30); left > 0; --left) {
    const Term object = choose.below(2) == 0 ? node(choose.of(kNodes)) : choose.below(6) == 0 ? Term::literal("2") : number(choose.of(kNumbers));
    triples.push_back({node(choose.of(kNodes)), node(choose.of(kPredicates)), object});
  }
  return triples;
}

std::string random_query(Chooser& choose) {
  std::string text = std::string("SELECT ") + (choose.below(2) == 0 ? "DISTINCT " : "") + "?x ?d WHERE { ";
  for (std::size_t left = 1 + choose.below(4); left > 0; --left) {
    const auto object = choose.below(3) != 0 ? choose.of(kVariables) : choose.below(2) == 0 ? ":" + choose.of(kNodes) : choose.of(kNumbers);
    text += (choose.below(5) == 0 ? ":" + choose.of(kNodes) : choose.of(kVariables)) + " :" + choose.of(kPredicates) + " " + object + " . ";
  }
  const auto comparison = [&] {
    static const std::vector<std::string> operators{" < ", " <= ", " = ", " != ", " >= ", " > "};
    const auto right = choose.below(4) == 0 ? choose.of(kVariables) : choose.below(4) == 0 ? ":" + choose.of(kNodes) : choose.of(kNumbers);
    return choose.of(kVariables) + choose.of(operators) + right;
  };
  if (choose.below(3) == 0) text += "?x :p ?y . ?x :q ?z . BIND(agiddi:distanceKm(?y, ?z, 10, 20.5) AS ?d) FILTER(?d < 10000) ";
  for (std::size_t left = choose.below(3); left > 0; --left) {
    const std::string one = comparison(), two = comparison();
    text += choose.below(3) == 0   ? "FILTER(" + one + ") "
            : choose.below(2) == 0 ? "FILTER(" + one + " || " + two + ") "
                                   : "FILTER(!(" + one + " && " + two + ")) ";
  }
  if (choose.below(4) == 0) text += "VALUES ?v { 2 :a 2.0 } ";
  if (choose.below(3) == 0) text += "OPTIONAL { ?x :q ?o . FILTER(?o != :a) } ";
  return text + "} ORDER BY ?x LIMIT 3";
}

}  // namespace

TEST_CASE("a conjunction gives what the engine gives, on random graphs") {
  std::size_t compared = 0, solved = 0, with_value = 0;
  for (unsigned seed = 1; seed <= 4000; ++seed) {
    Chooser choose(seed);
    const std::string text = random_query(choose);
    const Query query = parsed(text);
    const auto conjunction = Conjunction::compile(query, "");
    const auto wanting = Conjunction::compile(query, "d");
    for (int graphs = 0; graphs < 3; ++graphs) {
      const std::vector<Triple> triples = random_graph(choose);
      MemorySource source;
      for (const Triple& triple : triples) source.add(triple);
      const auto result = evaluate(query, Dataset(source));
      REQUIRE(result);
      const auto views = views_of(triples);
      const SmallGraph graph(views);
      INFO("seed " << seed << ": " << text);
      if (conjunction) {
        ++compared;
        solved += result->rows.empty() ? 0 : 1;
        CHECK((conjunction->ask(graph) == Conjunction::Answer::yes) == !result->rows.empty());
      }
      if (!wanting) continue;
      std::string value;
      const auto answer = wanting->ask(graph, &value);
      if (answer == Conjunction::Answer::no) CHECK(result->rows.empty());
      if (answer != Conjunction::Answer::yes) continue;
      ++with_value;
      REQUIRE_FALSE(result->rows.empty());
      REQUIRE(result->rows[0][1]);
      CHECK(result->rows[0][1]->value == value);
    }
  }
  // Enough of them are of each kind for the comparison to mean something.
  CHECK(compared > 5000);
  CHECK(solved > 500);
  CHECK(with_value > 20);
}

TEST_CASE("what is no conjunction is not compiled") {
  CHECK(compiles("SELECT ?x { ?x :p 1 }"));
  CHECK(compiles("SELECT ?x { ?x :p ?y . OPTIONAL { ?x :q ?o } } ORDER BY ?o LIMIT 5"));
  CHECK_FALSE(compiles("SELECT ?x { ?x :p ?y . OPTIONAL { ?x :q ?o } FILTER(?o > 1) }"));
  CHECK_FALSE(compiles("SELECT ?x { ?x :p ?y . OPTIONAL { ?x :q ?o } ?o :r 1 }"));
  CHECK_FALSE(compiles("SELECT ?x { ?x :p 1 } LIMIT 0"));
  CHECK_FALSE(compiles("SELECT ?x { ?x :p 1 } OFFSET 1"));
  CHECK_FALSE(compiles("SELECT ?x { ?x :p ?y FILTER EXISTS { ?x :q 1 } }"));
  CHECK_FALSE(compiles("SELECT ?x { ?x :p ?y FILTER(CONTAINS(?y, \"a\")) }"));
  CHECK_FALSE(compiles("SELECT ?x { { ?x :p 1 } UNION { ?x :q 1 } }"));
  CHECK_FALSE(compiles("SELECT ?x { ?x :p 1 MINUS { ?x :q 1 } }"));
  CHECK_FALSE(compiles("SELECT ?x { ?x :p+ :a }"));
  CHECK_FALSE(compiles("SELECT ?x { ?x ?p :a }"));
  CHECK_FALSE(compiles("SELECT ?x { ?x :p ?y { ?x :q ?z FILTER(?y > 1) } }"));   // ?y means nothing within the inner group
  CHECK_FALSE(compiles("SELECT ?x { ?x :p ?y }", "d"));
  CHECK_FALSE(compiles("ASK { ?x :p 1 }"));
}

TEST_CASE("several values of the wanted variable are left to the engine") {
  const auto conjunction = Conjunction::compile(parsed("SELECT ?x ?y { ?x :p ?y }"), "y");
  REQUIRE(conjunction);
  std::string value;
  const std::vector<Triple> one{{node("a"), node("p"), number("1")}};
  CHECK(conjunction->ask(SmallGraph(views_of(one)), &value) == Conjunction::Answer::yes);
  CHECK(value == "1");
  const std::vector<Triple> two{{node("a"), node("p"), number("1")}, {node("a"), node("p"), number("2")}};
  CHECK(conjunction->ask(SmallGraph(views_of(two)), &value) == Conjunction::Answer::unclear);
  CHECK(conjunction->ask(SmallGraph({}), &value) == Conjunction::Answer::no);
}

}  // namespace conjunction_test
