#include "ontology/sparql/requirements.h"

#include <cmath>
#include <map>
#include <optional>

#include "ontology/sparql/algebra.h"
#include "ontology/sparql/value.h"

namespace agiddi::ontology::sparql {
namespace {

constexpr std::size_t kAnyOfMax = 64;   // of a VALUES list; a longer one demands nothing

struct Range {
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
};

// One (sub-)query: its slots are its own.
struct Scope {
  std::vector<const PatternTriple*> triples;
  std::map<Slot, Range> ranges;
  std::map<Slot, std::vector<ledger::Term>> lists;
};

using Kind = Expr::Kind;

// "?x < 5" and "5 > ?x".
void read_comparison(const Expr& condition, Scope& scope) {
  if (condition.kind == Kind::and_) {
    for (const ExprPtr& part : condition.args) read_comparison(*part, scope);
    return;
  }
  Kind kind = condition.kind;
  if (kind != Kind::less && kind != Kind::less_equal && kind != Kind::greater && kind != Kind::greater_equal && kind != Kind::equal) return;
  const Expr* left = condition.args[0].get();
  const Expr* right = condition.args[1].get();
  if (left->kind == Kind::constant) {
    std::swap(left, right);
    kind = kind == Kind::less ? Kind::greater : kind == Kind::less_equal ? Kind::greater_equal
         : kind == Kind::greater ? Kind::less : kind == Kind::greater_equal ? Kind::less_equal : kind;
  }
  if (left->kind != Kind::variable || right->kind != Kind::constant) return;
  const Value value = Value::of(right->term);
  if (!value.number) return;
  const double bound = value.number->as_double();
  if (std::isnan(bound)) return;
  Range& range = scope.ranges[left->slot];
  const bool above = kind != Kind::less && kind != Kind::less_equal, below = kind != Kind::greater && kind != Kind::greater_equal;
  // A step outwards: the exact number need not be a double.
  if (above) range.low = std::max(range.low, std::nextafter(bound, -std::numeric_limits<double>::infinity()));
  if (below) range.high = std::min(range.high, std::nextafter(bound, std::numeric_limits<double>::infinity()));
}

void read_values(const Node& node, Scope& scope) {
  for (std::size_t column = 0; column < node.columns.size(); ++column) {
    std::vector<ledger::Term> terms;
    bool all_bound = node.rows.size() <= kAnyOfMax;
    for (const auto& row : node.rows) {
      if (!row[column]) all_bound = false;
      if (!all_bound) break;
      terms.push_back(*row[column]);
    }
    if (all_bound && !terms.empty()) scope.lists.emplace(node.columns[column], std::move(terms));
  }
}

void close(const Scope& scope, std::vector<Requirement>& out) {
  for (const PatternTriple* triple : scope.triples) {
    if (triple->path || triple->predicate.is_variable()) continue;
    Requirement requirement{triple->predicate.term.value, {}};
    if (!triple->object.is_variable()) {
      requirement.any_of = {triple->object.term};
    } else if (const auto list = scope.lists.find(triple->object.slot); list != scope.lists.end()) {
      requirement.any_of = list->second;
    } else if (const auto range = scope.ranges.find(triple->object.slot); range != scope.ranges.end()) {
      requirement.low = range->second.low;
      requirement.high = range->second.high;
    } else {
      continue;
    }
    out.push_back(std::move(requirement));
  }
}

void walk(const Node& node, Scope& scope, std::vector<Requirement>& out) {
  switch (node.kind) {
    case Node::Kind::bgp:
      for (const PatternTriple& triple : node.triples) scope.triples.push_back(&triple);
      return;
    case Node::Kind::join:
      for (const NodePtr& child : node.children) walk(*child, scope, out);
      return;
    case Node::Kind::filter:
      for (const ExprPtr& condition : node.conditions) read_comparison(*condition, scope);
      return walk(*node.children[0], scope, out);
    case Node::Kind::left_join:
    case Node::Kind::minus:
    case Node::Kind::extend:
    case Node::Kind::distinct:
    case Node::Kind::reduced:
    case Node::Kind::order:
    case Node::Kind::slice: return walk(*node.children[0], scope, out);
    case Node::Kind::values: return read_values(node, scope);
    case Node::Kind::project: {
      Scope inner;
      walk(*node.children[0], inner, out);
      return close(inner, out);
    }
    case Node::Kind::union_:
    case Node::Kind::graph:
    case Node::Kind::group: return;
  }
}

}  // namespace

std::vector<Requirement> requirements_of(const Query& query) {
  std::vector<Requirement> out;
  Scope scope;
  walk(*query.body().pattern, scope, out);
  close(scope, out);
  return out;
}

}  // namespace agiddi::ontology::sparql
