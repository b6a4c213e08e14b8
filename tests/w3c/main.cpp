// sparql_w3c FOLDER KNOWN_FAILURES [NAME…]: runs the W3C SPARQL query suites and prints a table by category.
// KNOWN_FAILURES: a line "test-id  reason" each. Exit 1 when another test fails, or when a listed one passes or does not exist.
// With names: runs only the tests whose id holds one of them, and prints what differs.
#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <sstream>

#include "ontology/sparql/algebra.h"
#include "ontology/sparql/memory_source.h"
#include "ontology/sparql/parser.h"
#include "tests/w3c/compare.h"
#include "tests/w3c/manifest.h"
#include "tests/w3c/result_files.h"

namespace agiddi::tests {
namespace {

namespace sparql = ontology::sparql;

constexpr TimeMs kNow = 1'700'000'000'000;

class Files {  // graphs of one test, sharing a dictionary
 public:
  explicit Files(const Suite& suite) : suite_(suite) {}

  Result<const sparql::MemorySource*> load(const std::vector<std::string>& iris) {
    auto source = std::make_unique<sparql::MemorySource>(dictionary_);
    for (const std::string& iri : iris) {
      const auto triples = read_rdf(suite_, iri);
      if (!triples) return tl::unexpected(triples.error());
      // Blank nodes of different files are different.
      const std::string prefix = "f" + std::to_string(count_++) + "x";
      for (ledger::Triple triple : *triples) {
        for (ledger::Term* term : {&triple.subject, &triple.object}) {
          if (term->kind == ledger::TermKind::blank) term->value = prefix + term->value;
        }
        source->add(triple);
      }
    }
    sources_.push_back(std::move(source));
    return sources_.back().get();
  }

 private:
  const Suite& suite_;
  std::shared_ptr<sparql::MemoryDictionary> dictionary_ = std::make_shared<sparql::MemoryDictionary>();
  std::vector<std::unique_ptr<sparql::MemorySource>> sources_;
  std::size_t count_ = 0;
};

// What we write, read back: every format must say the same as the result itself.
std::string check_formats(const sparql::QueryResult& result) {
  if (result.form != sparql::QueryForm::select && result.form != sparql::QueryForm::ask) return {};
  const auto xml = parse_xml_results(write_results(result, sparql::Format::xml));
  if (!xml || !difference(xml->result, result, true, false).empty()) return "the XML form reads back differently";
  const auto json = parse_json_results(write_results(result, sparql::Format::json));
  if (!json || !difference(json->result, result, true, false).empty()) return "the JSON form reads back differently";
  if (result.form == sparql::QueryForm::select && !result.variables.empty()) {
    const auto tsv = parse_tsv_results(write_results(result, sparql::Format::tsv));
    if (!tsv || !difference(tsv->result, result, true, false).empty()) return "the TSV form reads back differently";
  }
  return {};
}

// Empty: passed.
std::string run(const Suite& suite, const W3cTest& test) {
  const auto text = read_file(suite.path_of(test.query));
  if (!text) return text.error().detail;
  const auto query = sparql::parse_query(*text, test.query);
  if (test.kind == W3cTest::Kind::negative_syntax) return query ? "was accepted" : "";
  if (!query) return query.error().detail;
  if (test.kind == W3cTest::Kind::positive_syntax) return {};

  Files files(suite);
  const auto base = files.load(test.data);
  if (!base) return base.error().detail;
  sparql::Dataset dataset(**base);
  auto add = [&](const std::string& name, const std::string& file) -> std::string {
    if (dataset.named_graphs().contains(name)) return {};
    const auto graph = files.load({file});
    if (!graph) return graph.error().detail;
    dataset.add_graph(name, **graph);
    return {};
  };
  for (const auto& [name, file] : test.named) {
    if (auto problem = add(name, file); !problem.empty()) return problem;
  }
  for (const auto* list : {&query->body().from, &query->body().from_named}) {
    for (const std::string& iri : *list) {
      if (auto problem = add(iri, iri); !problem.empty()) return problem;
    }
  }
  const auto got = sparql::evaluate(*query, dataset, {.time_ms = 20'000}, nullptr, kNow);
  if (!got) return got.error().detail;
  if (test.kind == W3cTest::Kind::csv) {
    const auto expected = read_file(suite.path_of(test.result));
    if (!expected) return expected.error().detail;
    auto a = parse_csv(*expected), b = parse_csv(write_results(*got, sparql::Format::csv));
    // Blank node labels are anybody's.
    for (auto* rows : {&a, &b}) {
      for (auto& row : *rows) {
        for (auto& cell : row) {
          if (cell.starts_with("_:")) cell = "_:";
        }
      }
      if (!rows->empty()) std::sort(rows->begin() + 1, rows->end());
    }
    return a == b ? "" : "expected CSV:\n" + *expected + "got:\n" + write_results(*got, sparql::Format::csv);
  }
  if (test.result.empty()) return "the manifest names no result";
  const auto expected = read_expected(suite, test.result, query->form());
  if (!expected) return expected.error().detail;
  const bool ordered = expected->ordered || test.category == "sparql10/sort";
  if (auto problem = difference(expected->result, *got, ordered, test.lax); !problem.empty()) return problem;
  return check_formats(*got);
}

std::map<std::string, std::string> read_known(const std::string& path) {
  std::map<std::string, std::string> known;
  const auto text = read_file(path);
  if (!text) return known;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.starts_with("# ")) continue;
    const auto space = line.find(' ');
    known[line.substr(0, space)] = space == std::string::npos ? "" : line.substr(line.find_first_not_of(' ', space));
  }
  return known;
}

int main_of(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: sparql_w3c FOLDER KNOWN_FAILURES [NAME...]\n");
    return 2;
  }
  const Suite suite{argv[1]};
  const std::vector<std::string> only(argv + 3, argv + argc);
  std::vector<W3cTest> tests;
  for (const char* manifest : {"sparql10/manifest-syntax.ttl", "sparql10/manifest-evaluation.ttl", "sparql11/manifest-sparql11-query.ttl",
                               "sparql11/manifest-sparql11-results.ttl"}) {
    const auto more = read_manifest(suite, kSuiteBase + manifest);
    if (!more) {
      std::fprintf(stderr, "%s: %s\n", manifest, more.error().detail.c_str());
      return 2;
    }
    tests.insert(tests.end(), more->begin(), more->end());
  }
  struct Count {
    int passed = 0, all = 0;
  };
  std::map<std::string, Count> table;
  std::map<std::string, std::string> known = read_known(argv[2]);
  Count total;
  int surprises = 0;
  std::set<std::string> seen;
  for (const W3cTest& test : tests) {
    if (!only.empty() && std::none_of(only.begin(), only.end(), [&](const std::string& part) { return test.id.find(part) != std::string::npos; })) continue;
    if (!seen.insert(test.id).second) continue;
    const std::string problem = run(suite, test);
    ++table[test.category].all;
    ++total.all;
    const auto listed = known.find(test.id);
    if (problem.empty()) {
      ++table[test.category].passed;
      ++total.passed;
      if (listed != known.end()) {
        std::printf("PASSES, but is listed as a known failure: %s\n", test.id.c_str());
        ++surprises;
      }
    } else if (listed == known.end() || !only.empty()) {
      std::printf("FAILS %s\n    %s\n", test.id.c_str(), problem.c_str());
      ++surprises;
    }
    if (listed != known.end()) known.erase(listed);
  }
  if (only.empty()) {
    for (const auto& [id, reason] : known) {
      std::printf("listed as a known failure, but no such test: %s\n", id.c_str());
      ++surprises;
    }
  }
  for (const auto& [category, count] : table) std::printf("%-32s %3d / %3d\n", category.c_str(), count.passed, count.all);
  std::printf("%-32s %3d / %3d\n", "all", total.passed, total.all);
  return surprises == 0 ? 0 : 1;
}

}  // namespace
}  // namespace agiddi::tests

int main(int argc, char** argv) { return agiddi::tests::main_of(argc, argv); }
