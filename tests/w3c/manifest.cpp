#include "tests/w3c/manifest.h"

namespace agiddi::tests {

using ledger::Term;

namespace {

const std::string kMf = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#";
const std::string kQt = "http://www.w3.org/2001/sw/DataAccess/tests/test-query#";
const std::string kType = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";
const std::string kLabel = "http://www.w3.org/2000/01/rdf-schema#label";

}  // namespace

Result<std::vector<W3cTest>> read_manifest(const Suite& suite, const std::string& iri) {
  auto triples = read_rdf(suite, iri);
  if (!triples) return tl::unexpected(triples.error());
  const Graph graph(*std::move(triples));
  std::vector<W3cTest> out;
  const auto roots = graph.subjects(kType, Term::iri(kMf + "Manifest"));
  if (roots.size() != 1) return fail(Status::invalid, iri + " does not hold one manifest");
  const Term& root = roots[0];
  for (const Term& include : graph.objects(root, kMf + "include")) {
    for (const Term& manifest : graph.list(include)) {
      auto more = read_manifest(suite, manifest.value);
      if (!more) return more;
      out.insert(out.end(), more->begin(), more->end());
    }
  }
  const std::string folder = iri.substr(kSuiteBase.size(), iri.rfind('/') - kSuiteBase.size());
  for (const Term& entries : graph.objects(root, kMf + "entries")) {
    for (const Term& entry : graph.list(entries)) {
      W3cTest test;
      test.category = folder;
      const auto hash = entry.value.find('#');
      test.id = folder + "#" + (hash == std::string::npos ? entry.value : entry.value.substr(hash + 1));
      const Term* type = graph.object(entry, kType);
      const std::string name = type == nullptr ? "" : type->value;
      if (name == kMf + "QueryEvaluationTest") {
        test.kind = W3cTest::Kind::evaluation;
      } else if (name == kMf + "CSVResultFormatTest") {
        test.kind = W3cTest::Kind::csv;
      } else if (name.starts_with(kMf + "PositiveSyntaxTest")) {
        test.kind = W3cTest::Kind::positive_syntax;
      } else if (name.starts_with(kMf + "NegativeSyntaxTest")) {
        test.kind = W3cTest::Kind::negative_syntax;
      } else {
        return fail(Status::invalid, test.id + " is of an unknown type " + name);
      }
      const Term* action = graph.object(entry, kMf + "action");
      if (action == nullptr) return fail(Status::invalid, test.id + " has no action");
      if (const Term* query = graph.object(*action, kQt + "query")) {
        test.query = query->value;
      } else {
        test.query = action->value;
      }
      for (const Term& data : graph.objects(*action, kQt + "data")) test.data.push_back(data.value);
      for (const Term& data : graph.objects(*action, kQt + "graphData")) {
        const Term* file = graph.object(data, kQt + "graph");
        const Term* label = graph.object(data, kLabel);
        test.named.emplace_back(label != nullptr ? label->value : data.value, file != nullptr ? file->value : data.value);
      }
      if (const Term* result = graph.object(entry, kMf + "result")) test.result = result->value;
      test.lax = graph.object(entry, kMf + "resultCardinality") != nullptr;
      out.push_back(std::move(test));
    }
  }
  return out;
}

}  // namespace agiddi::tests
