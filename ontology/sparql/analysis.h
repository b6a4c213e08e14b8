// What is known about an algebra node before it runs: the slots that its solutions may bind, those that they always bind, and all that it
// mentions. And the question on which every join rests: may a part be run with the bindings of what came before (a nested join), or
// must it be run by itself? Internal.
#pragma once

#include <unordered_map>

#include "ontology/sparql/algebra.h"
#include "ontology/sparql/slot_set.h"

namespace agiddi::ontology::sparql {

class Analysis {
 public:
  const SlotSet& possible(const Node& node) { return shape(node).possible; }
  const SlotSet& certain(const Node& node) { return shape(node).certain; }
  const SlotSet& mentioned(const Node& node) { return shape(node).mentioned; }
  SlotSet mentioned(const Expr& expr);
  SlotSet mentioned(const std::vector<ExprPtr>& conditions);

  // Bindings of these slots may be pushed into the node: its solutions are then exactly those of the free node that agree with them.
  // SPARQL's semantics are bottom-up, so this fails where a filter, OPTIONAL or MINUS inside would see a value that is not its own.
  bool pushable(const Node& node, const SlotSet& slots);

 private:
  struct Shape {
    SlotSet possible, certain, mentioned;
  };
  const Shape& shape(const Node& node);
  std::unordered_map<const Node*, Shape> shapes_;
};

}  // namespace agiddi::ontology::sparql
