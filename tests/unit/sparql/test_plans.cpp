#include <catch2/catch.hpp>
#include <cmath>
#include <iomanip>
#include <random>
#include <sstream>

#include "ontology/sparql/explain.h"
#include "tests/unit/sparql/world.h"

using agiddi::tests::ask;
namespace sparql = agiddi::ontology::sparql;

namespace {

sparql::MemorySource devices(int count) {
  std::string turtle;
  for (int i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    turtle += ":d" + n + " :hosts :s" + n + " ; :cost " + std::to_string(i % 97) + "." + std::to_string(i % 10) + " ; :name \"device " + n + "\" . :s" + n +
              " :observes " + (i % 10 == 0 ? ":Temperature" : ":Humidity") + " ; :max " + std::to_string(i % 200) + " . ";
  }
  return agiddi::tests::graph_of(turtle);
}

std::string plan_of(const sparql::MemorySource& source, const std::string& text) {
  const auto query = sparql::parse_query(std::string(agiddi::tests::kPrefixes) + text);
  REQUIRE(query);
  return *sparql::explain(*query, sparql::Dataset(source));
}

std::uint64_t read_by(const sparql::MemorySource& source, const std::string& text) {
  const auto query = sparql::parse_query(std::string(agiddi::tests::kPrefixes) + text);
  REQUIRE(query);
  return sparql::evaluate(*query, sparql::Dataset(source))->triples_read;
}

}  // namespace

TEST_CASE("the selective pattern comes first, wherever it is written") {
  const auto source = devices(1000);
  const std::string good = "SELECT * { ?d :name \"device 7\" . ?d :hosts ?s . ?s :observes ?p . ?d :cost ?c }";
  const std::string bad = "SELECT * { ?d :cost ?c . ?s :observes ?p . ?d :hosts ?s . ?d :name \"device 7\" }";
  CHECK(ask(source, good) == ask(source, "SELECT ?d ?s ?p ?c { ?d :cost ?c . ?s :observes ?p . ?d :hosts ?s . ?d :name \"device 7\" }"));
  CHECK(read_by(source, good) <= 8);
  CHECK(read_by(source, bad) <= 8);
}

TEST_CASE("a selective price range is read from the index, not filtered out of everything") {
  const auto source = devices(1000);
  const std::string query = "SELECT ?d ?s { ?d :hosts ?s . ?s :observes ?p . ?d :cost ?c FILTER(?c < 0.5) }";
  CHECK(plan_of(source, query).find("range scan ?d <http://x/cost> ?c in [-, 0.5]") != std::string::npos);
  CHECK(read_by(source, query) < 60);
}

TEST_CASE("of two ranges the narrower one is read, though both are beyond what is counted") {
  const auto source = devices(3000);
  const std::string query = "SELECT * { ?d :cost ?c . ?d :hosts ?s . ?s :max ?m FILTER(?m >= 10 && ?c > 80 && ?c < 95) }";
  CHECK(plan_of(source, query).find("    scan ?d <http://x/cost>") == std::string::npos);
  CHECK(read_by(source, query) < 3000);
}

TEST_CASE("the ledger's own indexes give the same answers") {
  std::string turtle;
  for (int i = 0; i < 60; ++i) {
    const std::string n = std::to_string(i);
    turtle += ":d" + n + " :hosts :s" + n + " ; :cost " + std::to_string(i % 7) + ".25 ; :name \"device " + n + "\" ; :at \"2024-0" + std::to_string(1 + i % 9) +
              "-01T00:00:00Z\"^^xsd:dateTime . :s" + n + " :observes " + (i % 3 == 0 ? ":Temperature" : ":Humidity") + " ; :max " + std::to_string(i) + " , " +
              std::to_string(i) + "e0 . ";
  }
  const auto memory = agiddi::tests::graph_of(turtle);
  const auto stored = agiddi::tests::ledger_graph_of(turtle);
  const auto columns = agiddi::tests::columns_graph_of(turtle);
  for (const char* query : {"SELECT * { ?s ?p ?o }", "SELECT ?d ?c { ?d :cost ?c FILTER(?c > 2 && ?c <= 4.25) }", "SELECT ?s { ?s :max ?m FILTER(?m > 50) }",
                            "SELECT ?d ?s { ?d :hosts ?s . ?s :observes :Temperature ; :max ?m FILTER(?m < 20) }", "SELECT ?p (COUNT(*) AS ?n) { ?s :observes ?p } GROUP BY ?p",
                            "SELECT ?d { ?d :at ?t FILTER(?t >= \"2024-08-01T00:00:00Z\"^^xsd:dateTime) }", "SELECT DISTINCT ?x { ?d :cost ?c BIND(?c * 4 AS ?x) }",
                            "SELECT ?d { ?d :name \"device 7\" }", "SELECT ?o { :d3 (:hosts/:observes)|:cost ?o }", "SELECT ?d { ?d :cost 3.25 MINUS { ?d :hosts/:max 3 } }",
                            "SELECT ?x ?d { VALUES ?x { 1.25 2.25 9 } ?d :cost ?x }"}) {
    INFO(query);
    const std::string answer = ask(memory, query);
    CHECK_FALSE(answer.empty());
    CHECK(answer == ask(*stored, query));
    CHECK(answer == ask(*columns, query));
  }
}

TEST_CASE("what lies in a rectangle is read from the index of places, and is what the conditions say") {
  std::mt19937 random(19);
  std::string turtle;
  const auto degrees = [&](int span) {
    const int thousandths = static_cast<int>(random() % static_cast<unsigned>(2000 * span + 1)) - 1000 * span;
    return std::string(thousandths < 0 ? "-" : "") + std::to_string(std::abs(thousandths) / 1000) + "." + std::to_string(1000 + std::abs(thousandths) % 1000).substr(1);
  };
  for (int i = 0; i < 600; ++i) {
    const std::string n = std::to_string(i);
    turtle += ":d" + n + " :kind :k" + std::to_string(i % 3) + " . ";
    // In a city, anywhere, at the edges and beyond, in two places, without one number, and with numbers that no index has.
    const std::string lat = random() % 2 == 0 ? "48." + std::to_string(random() % 1000) : degrees(90), lon = random() % 2 == 0 ? "2." + std::to_string(random() % 1000) : degrees(180);
    if (i % 17 != 1) turtle += ":d" + n + " :lat " + lat + " . ";
    if (i % 19 != 1) turtle += ":d" + n + " :long " + lon + " . ";
    if (i % 23 == 2) turtle += ":d" + n + " :lat " + degrees(90) + " ; :long " + degrees(180) + " . ";
    if (i % 29 == 2) turtle += ":d" + n + " :lat 4.85e1 . ";
    if (i % 31 == 2) turtle += ":d" + n + " :long 2.12345678901 . ";
    if (i % 37 == 2) turtle += ":d" + n + " :long 180.0 , -180.0 , 500 , -1000 ; :lat 90 , -90 . ";
    if (i % 41 == 2) turtle += ":d" + n + " :lat \"north\" . ";
  }
  const auto memory = agiddi::tests::graph_of(turtle);
  const auto columns = agiddi::tests::columns_graph_of(turtle);
  bool planned = false;
  for (int round = 0; round < 300; ++round) {
    const double north = round % 3 == 0 ? 48.5 : std::stod(degrees(90)), east = round % 3 == 0 ? 2.5 : std::stod(degrees(180));
    const double height = std::pow(10.0, static_cast<double>(random() % 5) - 2), width = std::pow(10.0, static_cast<double>(random() % 6) - 2);
    const auto text = [](double value) { return (std::ostringstream() << std::fixed << std::setprecision(4) << value).str(); };
    const std::string query = "SELECT ?d ?a ?b { ?d :kind :k1 ; :lat ?a ; :long ?b FILTER(?a >= " + text(north - height) + (random() % 2 == 0 ? " && ?a <= " : " && ?a < ") + text(north + height) +
                              " && ?b > " + text(east - width) + " && ?b <= " + text(east + width) + ")" + (random() % 3 == 0 ? " FILTER(?a + ?b > 40)" : "") +
                              (random() % 4 == 0 ? " OPTIONAL { ?e :lat ?a ; :long ?b FILTER(?b > 0 && ?b < 3 && ?a > 0 && ?a < 49) } }" : " }");
    INFO(query);
    CHECK(ask(memory, query) == ask(*columns, query));
    planned |= sparql::explain(*sparql::parse_query(std::string(agiddi::tests::kPrefixes) + query), sparql::Dataset(*columns))->find("box scan") != std::string::npos;
  }
  CHECK(planned);

  // The nearest first, as a sort would have it.
  int nearest_first = 0;
  for (int round = 0; round < 300; ++round) {
    const double north = round % 3 == 0 ? 48.5 : std::stod(degrees(90)), east = round % 3 == 0 ? 2.5 : std::stod(degrees(180));
    const double half = std::pow(10.0, static_cast<double>(random() % 5) - 2);
    const auto text = [](double value) { return (std::ostringstream() << std::fixed << std::setprecision(4) << value).str(); };
    const std::string box = "FILTER(?a >= " + text(north - half) + " && ?a <= " + text(north + half) + " && ?b >= " + text(east - 2 * half) + " && ?b <= " + text(east + half) + ")";
    const std::string bind = " BIND(agiddi:distanceKm(?a, ?b, " + text(north) + ", " + text(east) + ") AS ?far) ";
    const std::string groups[] = {"?d :lat ?a ; :long ?b . " + box + bind, "?d :kind :k1 ; :lat ?a ; :long ?b . " + bind + box,
                                  "?d :kind ?k ; :lat ?a ; :long ?b . " + box + bind + "FILTER(?far <= " + text(50 * half) + ") OPTIONAL { ?d :kind :k2 ; :lat ?c }",
                                  "?d :long ?b ; :lat ?a . " + box + bind + "FILTER EXISTS { ?d :kind :k0 }"};
    const std::string limits[] = {" LIMIT 1", " LIMIT 5", " LIMIT 20 OFFSET 7", " LIMIT 5000"};
    const std::string query = "SELECT " + std::string(random() % 2 == 0 ? "DISTINCT " : "") + "?d ?a ?b ?far { " + groups[random() % 4] + " } ORDER BY ?far ?d ?a ?b" + limits[random() % 4];
    INFO(query);
    CHECK(ask(memory, query, true) == ask(*columns, query, true));
    nearest_first += sparql::explain(*sparql::parse_query(std::string(agiddi::tests::kPrefixes) + query), sparql::Dataset(*columns))->find("nearest first") != std::string::npos;
  }
  CHECK(nearest_first > 100);
}

TEST_CASE("the nearest first are places of one subject, and have a distance beyond the poles too") {
  const std::string bind = " BIND(agiddi:distanceKm(?a, ?b, 10, 20) AS ?far) ";
  const std::string filter = "FILTER(?a >= 5 && ?a <= 15 && ?b >= 15 && ?b <= 25)";
  std::string many;
  for (int i = 0; i < 60; ++i) many += ":m" + std::to_string(i) + " :lat 1" + std::to_string(i % 5) + " ; :long 2" + std::to_string(i % 5) + " . ";
  const std::string crossed = ":d :lat 10 ; :long 1 . :e :lat 10 ; :long 20 . ";
  const std::pair<std::string, std::string> cases[] = {
      {crossed, "SELECT ?d ?e ?a ?b { ?d :lat ?a . ?e :long ?b . ?e :lat ?a . ?d :long ?b . " + filter + bind + "} ORDER BY ?far ?d ?e LIMIT 5"},
      {crossed + many, "SELECT ?d ?e ?a ?b { ?d :lat ?a . ?e :long ?b . ?e :lat ?a . ?d :long ?b . " + filter + bind + "} ORDER BY ?far ?d ?e LIMIT 5"},
      {many, "SELECT ?a ?b { ?a :lat ?a ; :long ?b . " + filter + bind + "} ORDER BY ?far LIMIT 5"},
      {many, "SELECT ?b { ?d :lat ?b ; :long ?b . FILTER(?b >= 5 && ?b <= 25) BIND(agiddi:distanceKm(?b, ?b, 10, 20) AS ?far) } ORDER BY ?far LIMIT 5"},
      {":n :lat 90.4 ; :long 0 . :m :lat 10 ; :long 2 . ",
       "SELECT ?d ?far { ?d :lat ?a ; :long ?b . FILTER(?a >= 0 && ?a <= 180 && ?b >= -5 && ?b <= 5) BIND(agiddi:distanceKm(?a, ?b, 89.6, 180) AS ?far) } ORDER BY ?far ?d LIMIT 2"}};
  for (const auto& [turtle, query] : cases) {
    INFO(query);
    CHECK(ask(agiddi::tests::graph_of(turtle), query, true) == ask(*agiddi::tests::columns_graph_of(turtle), query, true));
  }
}

TEST_CASE("the first few in the order of an index are read from it, and are those of a sort") {
  std::mt19937 random(7);
  std::string turtle;
  for (int i = 0; i < 400; ++i) {
    const std::string n = std::to_string(i);
    turtle += ":d" + n + " :hosts :s" + n + " , :t" + n + " ; :cost " + std::to_string(random() % 40) + (random() % 2 == 0 ? ".50" : "") +
              (i % 3 == 0 ? " ; :weight " + std::to_string(random() % 9) : "") + " ; :name \"device " + n + "\" ; :at \"2024-0" + std::to_string(1 + random() % 9) + "-01T00:00:0" + std::to_string(random() % 10) +
              "Z\"^^xsd:dateTime . :s" + n + " :observes " + (random() % 3 == 0 ? ":Temperature" : ":Humidity") + " . :t" + n + " :observes :Wind ; :rank " +
              (i % 50 == 3 ? "\"high\"" : std::to_string(random() % 30)) + " . ";
  }
  const auto sorted = agiddi::tests::graph_of(turtle);
  const std::shared_ptr<const agiddi::ledger::TripleSource> sources[] = {agiddi::tests::columns_graph_of(turtle), agiddi::tests::ledger_graph_of(turtle)};
  const auto plan_on = [&](const agiddi::ledger::TripleSource& source, const std::string& text) {
    return *sparql::explain(*sparql::parse_query(std::string(agiddi::tests::kPrefixes) + text), sparql::Dataset(source));
  };
  const std::string groups[] = {"{ ?d :cost ?k ; :hosts ?s . ?s :observes :Temperature }", "{ ?d :at ?k ; :hosts ?s . ?s :observes ?o }",
                                "{ ?d :cost ?k ; :hosts ?s FILTER(?k > 7) OPTIONAL { ?s :rank ?r } }", "{ ?d :at ?k FILTER(?k >= \"2024-03-01T00:00:00Z\"^^xsd:dateTime) ?d :hosts ?s }",
                                "{ ?d :cost ?k . { ?d :hosts ?s . ?s :observes :Wind } UNION { ?d :hosts ?s . ?s :observes :Humidity } }",
                                "{ ?d :hosts ?s . ?s :rank ?k }", "{ ?d :cost ?k ; :hosts ?s MINUS { ?s :observes :Wind } }",
                                "{ ?d :cost ?k ; :hosts ?s . FILTER EXISTS { ?s :observes :Humidity } }",
                                "{ ?d :hosts ?s OPTIONAL { ?d :cost ?k } }", "{ ?d :hosts ?s OPTIONAL { ?d :weight ?k } OPTIONAL { ?s :rank ?r } }",
                                "{ ?s :observes :Wind . ?d :hosts ?s OPTIONAL { ?d :weight ?k } FILTER(!BOUND(?k) || ?k > 3) BIND(?k + 1 AS ?next) }"};
  for (const std::string& group : groups) {
    for (const std::string order : {"?k ?s", "DESC(?k) ?s", "DESC(?k) DESC(?s)", "(!BOUND(?k)) ?k ?s", "(!BOUND(?k)) DESC(?k) ?s"}) {
      for (const std::string bound : {"LIMIT 1", "LIMIT 7", "LIMIT 30 OFFSET 11", "LIMIT 100000"}) {
        const std::string query = "SELECT ?d ?s ?k " + group + " ORDER BY " + order + " " + bound;
        INFO(query);
        const std::string expected = ask(sorted, query, true);
        CHECK_FALSE(expected.empty());
        for (const auto& source : sources) CHECK(ask(*source, query, true) == expected);
      }
    }
  }
  for (const auto& source : sources) {
    const std::string query = "SELECT ?d ?s ?k " + groups[0] + " ORDER BY DESC(?k) LIMIT 5";
    CHECK(plan_on(*source, query).find("ordered scan ?d <http://x/cost> ?k downwards") != std::string::npos);
    const auto asked = sparql::parse_query(std::string(agiddi::tests::kPrefixes) + query);
    CHECK(sparql::evaluate(*asked, sparql::Dataset(*source))->triples_read < 400);
    // Those that have a weight in its order, then the others.
    const std::string halves = plan_on(*source, "SELECT * { ?d :hosts ?s OPTIONAL { ?d :weight ?k } } ORDER BY (!BOUND(?k)) ?k LIMIT 5");
    CHECK(halves.find("ordered scan ?d <http://x/weight> ?k") != std::string::npos);
    CHECK(halves.find("minus, nested") != std::string::npos);
    // Not all ranks are numbers, so an index cannot give their order.
    CHECK(plan_on(*source, "SELECT * " + groups[5] + " ORDER BY ?k LIMIT 5").find("ordered scan") == std::string::npos);
    // Without a bound, or with one that takes all, the index gives nothing that a sort does not.
    CHECK(plan_on(*source, "SELECT * " + groups[0] + " ORDER BY ?k").find("ordered scan") == std::string::npos);
  }
}

TEST_CASE("an EXISTS in the halves of an ordered OPTIONAL sees the bindings of each half") {
  std::string turtle = ":x :q 3 , 5 , 7 . :y :r 3 , 5 . ";
  for (int i = 0; i < 20; ++i) {
    turtle += ":s" + std::to_string(i) + " a :T . ";
    if (i < 18) turtle += ":s" + std::to_string(i) + " :p " + std::to_string(i) + " . ";
  }
  const std::string query = "SELECT ?s ?v { ?s a :T OPTIONAL { ?s :p ?v } FILTER EXISTS { ?x :q ?v MINUS { ?y :r ?v } } } ORDER BY (!BOUND(?v)) ?v LIMIT 3";
  const std::string expected = ask(agiddi::tests::graph_of(turtle), query, true);
  CHECK(ask(*agiddi::tests::columns_graph_of(turtle), query, true) == expected);
  CHECK(ask(*agiddi::tests::ledger_graph_of(turtle), query, true) == expected);
}

namespace {

// The triples of some subjects, as a graph that has a dictionary in common with others.
class Part final : public agiddi::ledger::TripleSource {
 public:
  using TermId = agiddi::ledger::TermId;
  Part(const agiddi::ledger::TripleSource& whole, std::string begin, bool sorts) : whole_(whole), begin_(std::move(begin)), sorts_(sorts) {}
  TermId find(const agiddi::ledger::Term& term) const override { return whole_.find(term); }
  agiddi::ledger::Term term(TermId id) const override { return whole_.term(id); }
  void scan(const agiddi::ledger::TriplePattern& pattern, const std::function<bool(TermId, TermId, TermId)>& visit) const override {
    whole_.scan(pattern, [&](TermId s, TermId p, TermId o) { return !whole_.term(s).value.starts_with(begin_) || visit(s, p, o); });
  }
  void scan_range(TermId predicate, const agiddi::ledger::ValueRange& range, const std::function<bool(TermId, TermId)>& visit) const override {
    sort_range(*this, predicate, range, visit);
  }
  bool sorts(TermId, agiddi::ledger::ValueRange::Kind kind) const override { return sorts_ && kind == agiddi::ledger::ValueRange::Kind::number; }
  std::uint64_t estimate(const agiddi::ledger::TriplePattern& pattern) const override { return whole_.estimate(pattern); }

 private:
  const agiddi::ledger::TripleSource& whole_;
  std::string begin_;
  bool sorts_;
};

}  // namespace

TEST_CASE("an order within GRAPH ?g is that of each graph, whatever the first of them is able to") {
  const auto whole = agiddi::tests::graph_of(":a1 :p 1 . :a2 :p 2 . :b1 :p \"alpha\" . :b2 :p :a1 . :b3 :p 7 .");
  const Part numbers(whole, "http://x/a", true), mixed(whole, "http://x/b", false);
  sparql::Dataset dataset(whole);
  dataset.add_graph("http://x/g1", numbers);
  dataset.add_graph("http://x/g2", mixed);
  const auto query = sparql::parse_query(std::string(agiddi::tests::kPrefixes) +
                                         "SELECT ?g ?s ?v { VALUES ?g { :g2 } GRAPH ?g { SELECT ?s ?v { ?s :p ?v } ORDER BY ?v LIMIT 5 } }");
  REQUIRE(query);
  CHECK(sparql::evaluate(*query, dataset)->rows.size() == 3);
}

TEST_CASE("what the store does not know joins with nothing, wherever it stands") {
  const std::string turtle = ":d1 :hosts :s1 ; :cost 1 . :d2 :hosts :s2 ; :cost 2 . :s1 :observes :Wind . ";
  const auto memory = agiddi::tests::graph_of(turtle);
  const std::shared_ptr<const agiddi::ledger::TripleSource> others[] = {agiddi::tests::columns_graph_of(turtle), agiddi::tests::ledger_graph_of(turtle)};
  const std::pair<std::string, std::string> cases[] = {
      {"SELECT ?d ?s { ?d :hosts ?s . ?d :absent ?x }", ""},
      {"SELECT ?d ?s { ?d :hosts ?s . ?s :observes :Absent }", ""},
      {"SELECT ?d ?s { ?d :hosts ?s . :absent :observes ?s }", ""},
      {"SELECT ?d ?s ?x { ?d :hosts ?s OPTIONAL { ?d :absent ?x } }", ":d1 :s1 - | :d2 :s2 -"},
      {"SELECT ?d ?s ?x { ?d :hosts ?s OPTIONAL { ?s :observes ?x } }", ":d1 :s1 :Wind | :d2 :s2 -"},
      {"SELECT ?d ?c { VALUES ?d { :d1 :absent } ?d :cost ?c }", ":d1 1"},
      {"SELECT ?d ?c { VALUES ?c { 2 77 } ?d :cost ?c }", ":d2 2"},
      {"SELECT ?d ?x { ?d :cost ?c BIND(?c + 70 AS ?x) { ?e :cost ?x } }", ""},
  };
  for (const auto& [query, expected] : cases) {
    INFO(query);
    CHECK(ask(memory, query) == expected);
    for (const auto& source : others) CHECK(ask(*source, query) == expected);
  }
}

TEST_CASE("a filter stands where its variables are bound, not where it is written") {
  const auto source = devices(200);
  const std::string first = "SELECT * { ?s :observes :Temperature . ?s :max ?m . FILTER(?m > 100) ?d :hosts ?s . ?d :cost ?c . FILTER(?c < 5) }";
  const std::string last = "SELECT * { ?s :observes :Temperature . ?s :max ?m . ?d :hosts ?s . ?d :cost ?c . FILTER(?m > 100) FILTER(?c < 5) }";
  CHECK(ask(source, first) == ask(source, last));
  CHECK(read_by(source, first) == read_by(source, last));
}

TEST_CASE("a part that may not see outer bindings is run once, by itself") {
  const auto source = devices(300);
  const std::string query = "SELECT ?d ?n { ?d :hosts ?s . ?s :observes ?p { SELECT ?p (COUNT(*) AS ?n) { ?x :observes ?p } GROUP BY ?p } } ORDER BY ?d LIMIT 2";
  CHECK(plan_of(source, query).find("group, 1 keys") != std::string::npos);
  CHECK(ask(source, query, true) == ":d0 30 | :d1 270");
  CHECK(read_by(source, query) < 300 + 300 + 300 + 10);
}

// The plan must not change the answer: random small groups against the same groups with their patterns turned round, on every kind of source.
TEST_CASE("neither the order of patterns nor the source changes the answer") {
  std::mt19937 random(20240613);
  std::string turtle;
  for (int i = 0; i < 40; ++i) {
    turtle += ":n" + std::to_string(random() % 8) + " :p" + std::to_string(random() % 3) + " :n" + std::to_string(random() % 8) + " . ";
    turtle += ":n" + std::to_string(random() % 8) + " :v " + std::to_string(random() % 6) + " . ";
  }
  const auto source = agiddi::tests::graph_of(turtle);
  const std::shared_ptr<const agiddi::ledger::TripleSource> others[] = {agiddi::tests::columns_graph_of(turtle), agiddi::tests::ledger_graph_of(turtle)};
  for (int round = 0; round < 400; ++round) {
    std::vector<std::string> parts;
    auto variable = [&] { return "?v" + std::to_string(random() % 4); };
    const std::size_t count = 2 + random() % 3;
    for (std::size_t i = 0; i < count; ++i) {
      switch (random() % 6) {
        case 0: parts.push_back(variable() + " :v ?w" + std::to_string(random() % 2)); break;
        case 1: parts.push_back("{ " + variable() + " :p0 " + variable() + " } UNION { " + variable() + " :p1 " + variable() + " }"); break;
        case 2: parts.push_back(variable() + " :p" + std::to_string(random() % 3) + "+ " + variable()); break;
        default: parts.push_back(variable() + " :p" + std::to_string(random() % 3) + " " + variable());
      }
    }
    const std::string filter = random() % 2 == 0 ? " FILTER(?w0 < 4) " : " FILTER(!BOUND(?w1) || ?w1 > 1) ";
    auto text = [&](const std::vector<std::string>& order) {
      std::string out = "SELECT ?v0 ?v1 ?v2 ?v3 ?w0 ?w1 { ";
      for (const auto& part : order) out += "{ " + part + " } ";
      return out + filter + "}";
    };
    const std::vector<std::string> turned(parts.rbegin(), parts.rend());
    INFO(text(parts));
    const std::string answer = ask(source, text(parts));
    CHECK(answer == ask(source, text(turned)));
    for (const auto& other : others) CHECK(answer == ask(*other, text(parts)));
    // What comes behind the joins, in the order in which it is written; and the first rows of a whole order.
    const std::string behind = random() % 3 == 0 ? "MINUS { ?v0 :p2 ?v3 } " : random() % 2 == 0 ? "OPTIONAL { ?v0 :v ?w1 } " : "OPTIONAL { ?v1 :p1 ?v3 } OPTIONAL { ?v3 :v ?w0 } ";
    const std::string key = random() % 2 == 0 ? "DESC(?w0)" : "(!BOUND(?w1)) ?w1";
    std::string joined;
    for (const auto& part : parts) joined += part.starts_with('{') ? part + " " : part + " . ";
    const std::string whole = "SELECT DISTINCT ?v0 ?v1 ?v2 ?v3 ?w0 ?w1 { " + joined + behind + filter + "} ORDER BY " + key + " ?v0 ?v1 ?v2 ?v3 ?w0 ?w1 LIMIT " +
                              std::to_string(1 + random() % 20) + " OFFSET " + std::to_string(random() % 3);
    INFO(whole);
    const std::string first = ask(source, whole, true);
    for (const auto& other : others) CHECK(first == ask(*other, whole, true));
  }
}

TEST_CASE("an equivalent pattern gives the same answer by another operator") {
  const auto source = devices(120);
  // EXISTS against a join, MINUS against NOT EXISTS, OPTIONAL with a test against a filter.
  CHECK(ask(source, "SELECT ?d { ?d :cost ?c FILTER EXISTS { ?d :hosts ?s . ?s :observes :Temperature } }") ==
        ask(source, "SELECT ?d { ?d :cost ?c ; :hosts/:observes :Temperature }"));
  CHECK(ask(source, "SELECT ?d { ?d :cost ?c MINUS { ?d :hosts/:observes :Temperature } }") ==
        ask(source, "SELECT ?d { ?d :cost ?c FILTER NOT EXISTS { ?d :hosts/:observes :Temperature } }"));
  CHECK(ask(source, "SELECT ?d { ?d :hosts ?s OPTIONAL { ?s :max ?m FILTER(?m > 100) } FILTER(BOUND(?m)) }") ==
        ask(source, "SELECT ?d { ?d :hosts ?s . ?s :max ?m FILTER(?m > 100) }"));
  CHECK(ask(source, "SELECT ?d ?c { ?d :cost ?c FILTER(?c >= 10 && ?c < 20) }") == ask(source, "SELECT ?d ?c { ?d :cost ?c FILTER(!(?c < 10) && !(?c >= 20)) }"));
}
