// A parsed SPARQL 1.1 query. Immutable after parsing, so one Query may be evaluated by many threads at once, against any dataset.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace agiddi::ontology::sparql {

enum class QueryForm : std::uint8_t { select, ask, construct, describe };

struct QueryBody;  // the algebra: ontology/sparql/algebra.h, for the engine only

class Query {
 public:
  explicit Query(std::shared_ptr<const QueryBody> body) : body_(std::move(body)) {}

  QueryForm form() const;
  std::vector<std::string> variables() const;  // what SELECT projects, without the question mark; empty for the other forms
  const QueryBody& body() const { return *body_; }

 private:
  std::shared_ptr<const QueryBody> body_;
};

}  // namespace agiddi::ontology::sparql
