#include <catch2/catch.hpp>
#include <thread>

#include "tests/unit/sparql/world.h"

using agiddi::Status;
using agiddi::tests::ask;
namespace sparql = agiddi::ontology::sparql;

namespace {

sparql::MemorySource numbers(int count) {
  std::string turtle;
  for (int i = 0; i < count; ++i) turtle += ":n" + std::to_string(i) + " :v " + std::to_string(i) + " . ";
  return agiddi::tests::graph_of(turtle);
}

agiddi::Result<sparql::QueryResult> run(const sparql::MemorySource& source, const std::string& text, const sparql::Limits& limits,
                                        sparql::CancelToken* cancel = nullptr) {
  const auto query = sparql::parse_query(std::string(agiddi::tests::kPrefixes) + text);
  REQUIRE(query);
  return sparql::evaluate(*query, sparql::Dataset(source), limits, cancel);
}

}  // namespace

TEST_CASE("a query past a limit says which") {
  const auto source = numbers(400);
  const std::string cross = "SELECT (COUNT(*) AS ?n) { ?a :v ?x . ?b :v ?y . ?c :v ?z . ?d :v ?w FILTER(?x + ?y + ?z + ?w < 0) }";
  const auto slow = run(source, cross, {.time_ms = 30});
  REQUIRE_FALSE(slow);
  CHECK(slow.error().status == Status::unavailable);
  CHECK(slow.error().detail == "the query passed its time limit of 30 ms: ask for less, or look at its plan (explain)");

  const auto rows = run(source, "SELECT * { ?a :v ?x }", {.rows = 100});
  REQUIRE_FALSE(rows);
  CHECK(rows.error().detail == "the query passed its limit of 100 rows: ask for less, with LIMIT");

  for (const char* hungry : {"SELECT * { ?a :v ?x . ?b :v ?y } ORDER BY ?x", "SELECT DISTINCT * { ?a :v ?x . ?b :v ?y }", "SELECT * { ?a :v ?x . ?b :v ?y }",
                             "SELECT ?a (COUNT(DISTINCT ?y) AS ?n) { ?a :v ?x . ?b :v ?y } GROUP BY ?a",
                             "SELECT * { ?a :v ?x { SELECT * { ?b :v ?y . ?c :v ?z } LIMIT 100000 } }",
                             "CONSTRUCT { ?a :with ?b } WHERE { ?a :v ?x . ?b :v ?y }",
                             "SELECT (GROUP_CONCAT(?s) AS ?g) { ?a :v ?x . ?b :v ?y BIND(\"a long enough text to fill the memory\" AS ?s) }"}) {
    INFO(hungry);
    const auto result = run(source, hungry, {.memory_bytes = 1'000'000});
    REQUIRE_FALSE(result);
    CHECK(result.error().detail == "the query passed its memory limit of 1000000 bytes: ask for less, or look at its plan (explain)");
  }
}

TEST_CASE("a sort reads terms only while it may") {
  // A store whose terms cost something.
  struct Counting final : agiddi::ledger::TripleSource {
    explicit Counting(const sparql::MemorySource& source) : of(source) {}
    agiddi::ledger::TermId find(const agiddi::ledger::Term& term) const override { return of.find(term); }
    agiddi::ledger::Term term(agiddi::ledger::TermId id) const override {
      if (++read == cancel_at) cancel.cancel();
      return of.term(id);
    }
    void scan(const agiddi::ledger::TriplePattern& pattern, const std::function<bool(agiddi::ledger::TermId, agiddi::ledger::TermId, agiddi::ledger::TermId)>& visit) const override {
      of.scan(pattern, visit);
    }
    void scan_range(agiddi::ledger::TermId p, const agiddi::ledger::ValueRange& range, const std::function<bool(agiddi::ledger::TermId, agiddi::ledger::TermId)>& visit) const override {
      of.scan_range(p, range, visit);
    }
    std::uint64_t estimate(const agiddi::ledger::TriplePattern& pattern) const override { return of.estimate(pattern); }
    const sparql::MemorySource& of;
    mutable std::size_t read = 0;
    std::size_t cancel_at = 0;
    mutable sparql::CancelToken cancel;
  };
  constexpr std::size_t kRows = 20'000;
  std::string turtle;
  for (std::size_t i = 0; i < kRows; ++i) turtle += ":n" + std::to_string(i) + " :v \"a text that is too long to stand in an id " + std::to_string(i * 7919 % kRows) + "\" . ";
  const auto source = agiddi::tests::graph_of(turtle);
  const auto query = sparql::parse_query(std::string(agiddi::tests::kPrefixes) + "SELECT ?a { ?a :v ?x } ORDER BY ?x");
  REQUIRE(query);

  Counting small(source);
  const auto hungry = sparql::evaluate(*query, sparql::Dataset(small), {.memory_bytes = 2'000'000});
  REQUIRE_FALSE(hungry);
  CHECK(hungry.error().detail.find("memory limit") != std::string::npos);
  CHECK(small.read < kRows / 2);

  Counting given_up(source);
  given_up.cancel_at = 100;
  const auto ended = sparql::evaluate(*query, sparql::Dataset(given_up), {}, &given_up.cancel);
  REQUIRE_FALSE(ended);
  CHECK(ended.error().detail == "the query was cancelled");
  CHECK(given_up.read < 1'000);

  Counting enough(source);
  const auto sorted = sparql::evaluate(*query, sparql::Dataset(enough), {.memory_bytes = 100'000'000});
  REQUIRE(sorted);
  CHECK(sorted->rows.size() == kRows);
}

TEST_CASE("a limit that is not passed changes nothing") {
  const auto source = numbers(50);
  CHECK(ask(source, "SELECT (COUNT(*) AS ?n) { ?a :v ?x . ?b :v ?y }", false, {.time_ms = 20'000, .memory_bytes = 2'000'000, .rows = 1}) == "2500");
}

TEST_CASE("another thread may cancel") {
  const auto source = numbers(400);
  sparql::CancelToken cancel;
  std::thread other([&] { cancel.cancel(); });
  const auto result = run(source, "SELECT (COUNT(*) AS ?n) { ?a :v ?x . ?b :v ?y . ?c :v ?z . ?d :v ?w }", {.time_ms = 60'000}, &cancel);
  other.join();
  REQUIRE_FALSE(result);
  CHECK(result.error().detail == "the query was cancelled");
}

TEST_CASE("the longest query that is parsed also runs") {
  const auto source = numbers(3);
  std::string patterns, optionals, groups = "?a :v ?y ";
  for (int i = 0; i < 500; ++i) patterns += "?a :v ?x" + std::to_string(i) + " . ";
  for (int i = 0; i < 250; ++i) optionals += "OPTIONAL { ?a :v ?x" + std::to_string(i) + " } ";
  for (int i = 0; i < 30; ++i) groups += "{ SELECT * { ?a :v ?x" + std::to_string(i) + " ";
  for (int i = 0; i < 30; ++i) groups += "} } ";
  for (const std::string& body : {patterns, "?a :v ?y " + optionals, groups}) {
    const auto result = run(source, "SELECT ?a { " + body + " }", {});
    REQUIRE(result);
    CHECK(result->rows.size() == 3);
  }
}

TEST_CASE("LIMIT and ASK stop the scans early") {
  const auto source = numbers(2000);
  CHECK(run(source, "SELECT * { ?a :v ?x } LIMIT 5", {})->triples_read <= 5);
  CHECK(run(source, "ASK { ?a :v ?x . ?b :v ?y }", {})->triples_read <= 2);
  CHECK(run(source, "SELECT * { ?a :v ?x FILTER EXISTS { ?b :v ?y } } LIMIT 3", {})->triples_read <= 6);
}

TEST_CASE("a bounded sort keeps only what it needs") {
  const auto source = numbers(2000);
  const auto all = run(source, "SELECT * { ?a :v ?x } ORDER BY DESC(?x)", {});
  const auto few = run(source, "SELECT * { ?a :v ?x } ORDER BY DESC(?x) LIMIT 10", {});
  REQUIRE(few);
  CHECK(few->rows[0][1]->value == "1999");
  CHECK(few->rows[9][1]->value == "1990");
  CHECK(few->memory_peak_bytes * 20 < all->memory_peak_bytes);
}

TEST_CASE("one query runs in many threads") {
  const auto source = numbers(300);
  const auto query = sparql::parse_query(std::string(agiddi::tests::kPrefixes) + "SELECT (SUM(?x) AS ?s) { ?a :v ?x FILTER(?x < 200) }");
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 20; ++k) {
        const auto result = sparql::evaluate(*query, sparql::Dataset(source));
        if (result && result->rows[0][0]->value == "19900") ++right;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(right == 80);
}
