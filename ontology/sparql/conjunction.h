// A query compiled for small graphs: patterns that must all match and conditions that must all hold, tried by backtracking. Tells whether the query has a
// solution.
//
// It does what evaluate() does on the same graph, without planning and without making an index: for thousands of queries that are asked of one device.
// Not every query is a conjunction: unions, EXISTS, groups, paths and most functions are not, and optional parts only where nothing depends on them.
// Threads: immutable; any thread, each with a graph of its own.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "ontology/sparql/query.h"
#include "ontology/sparql/small_graph.h"

namespace agiddi::ontology::sparql {

class Conjunction {
 public:
  // Nothing when the query is no conjunction. wanted: a variable that the query selects and whose value is asked for; "" for none.
  static std::optional<Conjunction> compile(const Query& query, const std::string& wanted);

  enum class Answer : std::uint8_t { no, yes, unclear };   // unclear: the wanted variable has several values, or none, and which comes first is not known here
  // value: what the wanted variable is bound to in all solutions, as the result of the query writes it.
  Answer ask(const SmallGraph& graph, std::string* value = nullptr) const;

  struct Program;

 private:
  explicit Conjunction(std::shared_ptr<const Program> program) : program_(std::move(program)) {}
  std::shared_ptr<const Program> program_;
};

}  // namespace agiddi::ontology::sparql
