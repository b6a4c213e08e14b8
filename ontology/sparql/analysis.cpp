#include "ontology/sparql/analysis.h"

#include <algorithm>

namespace agiddi::ontology::sparql {

SlotSet Analysis::mentioned(const Expr& expr) {
  SlotSet out;
  if (expr.kind == Expr::Kind::variable) out.add(expr.slot);
  if (expr.pattern) out |= mentioned(*expr.pattern);
  for (const ExprPtr& arg : expr.args) out |= mentioned(*arg);
  return out;
}

SlotSet Analysis::mentioned(const std::vector<ExprPtr>& conditions) {
  SlotSet out;
  for (const ExprPtr& condition : conditions) out |= mentioned(*condition);
  return out;
}

const Analysis::Shape& Analysis::shape(const Node& node) {
  const auto known = shapes_.find(&node);
  if (known != shapes_.end()) return known->second;
  Shape shape;
  for (const NodePtr& child : node.children) shape.mentioned |= mentioned(*child);
  shape.mentioned |= mentioned(node.conditions);
  if (node.expression) shape.mentioned |= mentioned(*node.expression);
  auto inherit = [&](const Node& child) {
    shape.possible = possible(child);
    shape.certain = certain(child);
  };
  switch (node.kind) {
    case Node::Kind::bgp:
      for (const PatternTriple& triple : node.triples) {
        for (const Atom* atom : {&triple.subject, &triple.predicate, &triple.object}) {
          if (atom->is_variable()) shape.certain.add(atom->slot);
        }
      }
      shape.possible = shape.certain;
      shape.mentioned |= shape.certain;
      break;
    case Node::Kind::join:
      for (const NodePtr& child : node.children) {
        shape.possible |= possible(*child);
        shape.certain |= certain(*child);
      }
      break;
    case Node::Kind::union_:
      shape.certain = certain(*node.children[0]);
      for (const NodePtr& child : node.children) {
        shape.possible |= possible(*child);
        shape.certain = shape.certain & certain(*child);
      }
      break;
    case Node::Kind::left_join:
      shape.possible = possible(*node.children[0]) | possible(*node.children[1]);
      shape.certain = certain(*node.children[0]);
      break;
    case Node::Kind::extend:
      inherit(*node.children[0]);
      shape.possible.add(node.slot);
      shape.mentioned.add(node.slot);
      if (node.expression->kind == Expr::Kind::constant) shape.certain.add(node.slot);
      break;
    case Node::Kind::graph:
      inherit(*node.children[0]);
      if (node.graph.is_variable()) {
        shape.possible.add(node.graph.slot);
        shape.certain.add(node.graph.slot);
        shape.mentioned.add(node.graph.slot);
      }
      break;
    case Node::Kind::values:
      for (std::size_t i = 0; i < node.columns.size(); ++i) {
        shape.possible.add(node.columns[i]);
        if (std::all_of(node.rows.begin(), node.rows.end(), [&](const auto& row) { return row[i].has_value(); })) shape.certain.add(node.columns[i]);
      }
      shape.mentioned |= shape.possible;
      break;
    case Node::Kind::group:
      for (const GroupKey& key : node.keys) {
        shape.possible.add(key.output);
        shape.mentioned |= mentioned(*key.expression);
        if (key.expression->kind == Expr::Kind::variable && certain(*node.children[0]).has(key.expression->slot)) shape.certain.add(key.output);
      }
      for (const Aggregate& aggregate : node.aggregates) {
        shape.possible.add(aggregate.output);
        if (aggregate.argument) shape.mentioned |= mentioned(*aggregate.argument);
        if (aggregate.kind == Aggregate::Kind::count) shape.certain.add(aggregate.output);
      }
      shape.mentioned |= shape.possible;
      break;
    case Node::Kind::project:
      shape.mentioned = {};  // inner names are nobody else's; where inner and outer are one slot it is added below
      for (const auto& [inner, outer] : node.projection) {
        if (possible(*node.children[0]).has(inner)) shape.possible.add(outer);
        if (certain(*node.children[0]).has(inner)) shape.certain.add(outer);
        shape.mentioned.add(outer);
      }
      break;
    case Node::Kind::order:
      for (const OrderKey& key : node.order) shape.mentioned |= mentioned(*key.expression);
      inherit(*node.children[0]);
      break;
    case Node::Kind::minus:
    case Node::Kind::filter:
    case Node::Kind::distinct:
    case Node::Kind::reduced:
    case Node::Kind::slice: inherit(*node.children[0]); break;
  }
  return shapes_.emplace(&node, std::move(shape)).first->second;
}

bool Analysis::pushable(const Node& node, const SlotSet& slots) {
  const SlotSet relevant = slots & mentioned(node);
  if (relevant.empty()) return true;
  switch (node.kind) {
    case Node::Kind::bgp:
    case Node::Kind::values: return true;
    case Node::Kind::join:
    case Node::Kind::union_:
      return std::all_of(node.children.begin(), node.children.end(), [&](const NodePtr& child) { return pushable(*child, relevant); });
    case Node::Kind::filter:
      return (relevant & mentioned(node.conditions)).within(certain(*node.children[0])) && pushable(*node.children[0], relevant);
    case Node::Kind::left_join:
      return (relevant & (mentioned(*node.children[1]) | mentioned(node.conditions))).within(certain(*node.children[0])) &&
             pushable(*node.children[0], relevant);
    case Node::Kind::minus:
      return (relevant & mentioned(*node.children[1])).within(certain(*node.children[0])) && pushable(*node.children[0], relevant);
    case Node::Kind::extend:
      return (relevant & mentioned(*node.expression)).within(certain(*node.children[0])) && pushable(*node.children[0], relevant);
    case Node::Kind::graph:
    case Node::Kind::distinct:
    case Node::Kind::reduced: return pushable(*node.children[0], relevant);
    case Node::Kind::project: {
      SlotSet inner_slots;
      for (const auto& [inner, outer] : node.projection) {
        if (relevant.has(outer)) inner_slots.add(inner);
      }
      return pushable(*node.children[0], inner_slots);
    }
    case Node::Kind::order: return pushable(*node.children[0], relevant);
    case Node::Kind::group:
    case Node::Kind::slice: return false;
  }
  return false;
}

}  // namespace agiddi::ontology::sparql
