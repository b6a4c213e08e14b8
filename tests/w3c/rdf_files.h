// RDF files of the suites: Turtle and N-Triples through our reader, RDF/XML through Raptor (trusted files, tests only).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/term.h"
#include "protocol/result.h"

namespace agiddi::tests {

inline const std::string kSuiteBase = "http://w3c.test/";  // what stands for the suites' folder in IRIs

struct Suite {
  std::string folder;  // where the files are
  std::string path_of(const std::string& iri) const;  // of an IRI below kSuiteBase
};

Result<std::string> read_file(const std::string& path);
Result<std::vector<ledger::Triple>> read_rdf(const Suite& suite, const std::string& iri);

// Look-ups in a small list of triples.
class Graph {
 public:
  explicit Graph(std::vector<ledger::Triple> triples);
  const std::vector<ledger::Triple>& triples() const { return triples_; }
  std::vector<ledger::Term> objects(const ledger::Term& subject, std::string_view predicate) const;
  const ledger::Term* object(const ledger::Term& subject, std::string_view predicate) const;
  std::vector<ledger::Term> subjects(std::string_view predicate, const ledger::Term& object) const;
  std::vector<ledger::Term> list(ledger::Term head) const;

 private:
  std::vector<ledger::Triple> triples_;
  std::map<ledger::Term, std::vector<std::size_t>> by_subject_;
};

}  // namespace agiddi::tests
