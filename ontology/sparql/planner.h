// From the algebra to operators. Joins of a group are flattened and ordered greedily by the store's estimates; filters go to the first place
// where their variables are bound; OPTIONAL, MINUS and BIND move behind the joins where that cannot be seen; numeric filters on an object
// variable turn its scan into a range; what may not see outer bindings is run by itself and joined by hash. Internal.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ontology/sparql/analysis.h"
#include "ontology/sparql/nearest.h"
#include "ontology/sparql/operators.h"

namespace agiddi::ontology::sparql {

struct Plan {
  OperatorPtr root;
  std::vector<OperatorPtr> exists;  // the parts that Execution::exists points to
};

class Planner {
 public:
  Planner(const QueryBody& body, Execution& execution) : body_(body), execution_(execution), graph_(execution.graph) {}
  Plan make();

 private:
  struct OrderWish {                     // of an ORDER BY with a LIMIT: rows in the order of this slot
    Slot slot;
    bool descending;
    bool may_be_absent;                  // rows that do not have it come last
    double first;                        // so many are wanted
  };
  struct Nearest {                       // two patterns that are read as one
    const PatternTriple *latitude = nullptr, *longitude = nullptr;
    DistanceCall call;
  };
  struct Unit {  // what a group joins: a triple or path pattern, what is nearest, or any other node
    const PatternTriple* triple = nullptr;
    const Node* node = nullptr;
    std::optional<Nearest> nearest = std::nullopt;
    SlotSet slots;           // mentioned
  };
  struct Group {
    std::vector<Unit> units;
    std::vector<const Node*> steps;      // left_join, minus, extend: applied in this order after the units
    std::vector<ExprPtr> conditions;
    const Node* absent = nullptr;        // of the steps: an OPTIONAL whose part is not there
  };
  struct PredicateStatistics {
    double count = 0, per_subject = 1, per_object = 1;
  };
  struct Sequence {                      // in which a group joins its units
    std::vector<std::size_t> units;
    double cost = 0, rows = 1;           // rows made on the way, and at the end
  };
  struct State {                         // of the pipeline that a group becomes
    OperatorPtr op;
    SlotSet possible, certain;
    double rows = 1;
  };

  // bound: what the surroundings bind before this node runs; for estimates only.
  OperatorPtr plan(const Node& node, const SlotSet& bound);
  OperatorPtr plan_group(const Node& node, const SlotSet& bound, const std::optional<OrderWish>& wish);
  static std::optional<OrderWish> order_wish(const std::vector<OrderKey>& keys, double wanted);
  void flatten(const Node& node, bool top, const SlotSet& sibling_possible, const SlotSet& sibling_mentioned, Group& group);
  Sequence greedy(const Group& group, const SlotSet& bound, std::optional<std::size_t> first);
  // Begins with a scan in the wanted order where that promises less work; the wish is then granted.
  Sequence sequence(const Group& group, const SlotSet& bound, const std::optional<OrderWish>& wish);
  // Where the order is that of the distance from a place, and the nearest few promise less work: the group, which then begins with what is nearest.
  std::optional<std::pair<Group, Sequence>> nearest_first(const Group& group, const SlotSet& bound, const OrderWish& wish);
  // An OPTIONAL makes what is sorted by: first the rows that have it, in order, then the others. Nothing: that is no less work.
  OperatorPtr plan_halves(const Group& group, const SlotSet& bound, const SlotSet& visible, const OrderWish& wish);
  OperatorPtr build(Group group, const Sequence& sequence, const SlotSet& bound, const SlotSet& visible);
  void join_units(Group& group, const Sequence& sequence, const SlotSet& bound, State& state, const SlotSet& visible);
  void join_triple(const PatternTriple& triple, const SlotSet& slots, const SlotSet& bound, State& state);
  bool join_optional(const Node& right, const SlotSet& bound, State& state);
  void join_unit(const Unit& unit, const SlotSet& bound, State& state);
  void apply_step(const Node& step, const SlotSet& bound, State& state);
  void apply_conditions(Group& group, State& state, const SlotSet& visible, const SlotSet& bound, bool all);
  void register_exists(const Expr& expr, const SlotSet& bound);
  void collect_ranges(const std::vector<ExprPtr>& conditions);
  void collect_boxes(const Group& group);
  std::optional<ScanRange> range_of(const PatternTriple& triple) const;
  OperatorPtr path(const PatternTriple& triple);
  std::unique_ptr<ScanOperator> scan(const PatternTriple& triple);
  Place place(const Atom& atom) const;
  TermId id_of(const Atom& atom);

  // planner_estimates.cpp
  double estimate(const Unit& unit, const SlotSet& bound);
  double estimate(const PatternTriple& triple, const SlotSet& bound);
  double estimate(const Node& node);
  double estimate(const Node& node, const SlotSet& bound);
  double value_of(TermId id);   // of an inline number or time
  double range_count(const PatternTriple& triple, double base);
  double sampled_range_count(TermId predicate, const ledger::ValueRange& range, double base);
  const PredicateStatistics& statistics(TermId predicate);

  const QueryBody& body_;
  Execution& execution_;
  Analysis analysis_;
  const ledger::TripleSource* graph_;           // whose estimates count: the active graph, or any of those it may be
  bool any_graph_ = false;                      // below GRAPH ?g: what one graph is able to, another may not be
  std::vector<OperatorPtr> exists_;
  std::map<Slot, ScanRange> ranges_;            // what the conditions of the group in hand demand
  std::map<const PatternTriple*, ScanRange::Across> boxes_;   // of patterns of that group: what another one demands of the same subject
  std::map<TermId, PredicateStatistics> statistics_;
  std::map<const PatternTriple*, double> base_estimates_, range_counts_;
  std::map<ledger::Term, TermId> ids_;          // of constants, asked of the store once
  std::map<const Node*, double> node_estimates_;
  std::optional<std::uint64_t> first_;          // a LIMIT that reaches the ORDER BY below it
  std::optional<double> wanted_;                // so many rows will be taken of the node below, perhaps a few more
  std::optional<OrderWish> wish_;               // what an ORDER BY tells the group below it
  std::size_t granted_ = 0;                     // so many keys that the rows come in the order of
};

// An expression and an atom as text, for plans.
std::string shown(const Expr& expr, const std::vector<std::string>& names);
std::string shown(const Atom& atom, const std::vector<std::string>& names);
std::string shown(const Path& path);

}  // namespace agiddi::ontology::sparql
