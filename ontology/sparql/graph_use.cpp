#include "ontology/sparql/graph_use.h"

#include "ontology/sparql/algebra.h"

namespace agiddi::ontology::sparql {

namespace {

class Walker {
 public:
  explicit Walker(GraphUse& use) : use_(use) {}

  void visit(const Node& node) {
    if (node.kind == Node::Kind::graph) {
      if (node.graph.is_variable()) {
        use_.variable = true;
      } else {
        use_.constants.insert(node.graph.term.value);
      }
    }
    for (const NodePtr& child : node.children) visit(*child);
    for (const ExprPtr& condition : node.conditions) visit(condition);
    visit(node.expression);
    for (const GroupKey& key : node.keys) visit(key.expression);
    for (const Aggregate& aggregate : node.aggregates) visit(aggregate.argument);
    for (const OrderKey& key : node.order) visit(key.expression);
  }

 private:
  void visit(const ExprPtr& expr) {
    if (!expr) return;
    if (expr->pattern) visit(*expr->pattern);
    for (const ExprPtr& arg : expr->args) visit(arg);
  }
  GraphUse& use_;
};

}  // namespace

GraphUse graph_use(const Query& query) {
  const QueryBody& body = query.body();
  GraphUse use;
  use.from = body.from;
  use.from_named = body.from_named;
  if (body.pattern) Walker(use).visit(*body.pattern);
  return use;
}

Query with_dataset(const Query& query, std::vector<std::string> from, std::vector<std::string> from_named) {
  auto body = std::make_shared<QueryBody>(query.body());
  body->from = std::move(from);
  body->from_named = std::move(from_named);
  return Query(std::move(body));
}

}  // namespace agiddi::ontology::sparql
