#include "ontology/sparql/planner.h"

#include <algorithm>

#include "ontology/sparql/pipeline.h"
#include "ontology/sparql/value.h"

namespace agiddi::ontology::sparql {

Plan Planner::make() {
  Plan out;
  out.root = plan(*body_.pattern, {});
  out.exists = std::move(exists_);
  return out;
}

Place Planner::place(const Atom& atom) const {
  Place out;
  out.slot = atom.slot;
  out.shown = shown(atom, body_.slot_names);
  if (!atom.is_variable()) out.id = execution_.dataset.default_graph().find(atom.term);
  return out;
}

// Of a constant; kNoTerm of a variable, and of a constant that the store does not have.
TermId Planner::id_of(const Atom& atom) {
  if (atom.is_variable()) return kNoTerm;
  const auto [known, is_new] = ids_.try_emplace(atom.term, kNoTerm);
  if (is_new) known->second = execution_.dataset.default_graph().find(atom.term);
  return known->second;
}

OperatorPtr Planner::path(const PatternTriple& triple) {
  std::string text = shown(triple.subject, body_.slot_names) + " " + shown(*triple.path) + " " + shown(triple.object, body_.slot_names);
  return std::make_unique<PathOperator>(triple.subject, triple.path, triple.object, std::move(text));
}

std::unique_ptr<ScanOperator> Planner::scan(const PatternTriple& triple) {
  return std::make_unique<ScanOperator>(place(triple.subject), place(triple.predicate), place(triple.object), range_of(triple));
}

std::optional<ScanRange> Planner::range_of(const PatternTriple& triple) const {
  const auto found = triple.object.is_variable() ? ranges_.find(triple.object.slot) : ranges_.end();
  if (found == ranges_.end()) return std::nullopt;
  ScanRange range = found->second;
  const auto box = boxes_.find(&triple);
  if (box != boxes_.end() && !range.ordered) range.across = box->second;
  return range;
}

// ORDER BY ?v, or ORDER BY (!BOUND(?v)) ?v: those without it last.
std::optional<Planner::OrderWish> Planner::order_wish(const std::vector<OrderKey>& keys, double wanted) {
  const auto variable = [](const OrderKey& key) { return key.expression->kind == Expr::Kind::variable; };
  if (variable(keys[0])) return OrderWish{keys[0].expression->slot, keys[0].descending, false, wanted};
  if (keys.size() < 2 || keys[0].descending || keys[0].expression->kind != Expr::Kind::not_ || !variable(keys[1])) return std::nullopt;
  const Expr& bound = *keys[0].expression->args[0];
  if (bound.kind != Expr::Kind::builtin || bound.builtin != Builtin::bound || bound.args[0]->slot != keys[1].expression->slot) return std::nullopt;
  return OrderWish{keys[1].expression->slot, keys[1].descending, true, wanted};
}

OperatorPtr Planner::plan(const Node& node, const SlotSet& bound) {
  // Both are for this node only, unless it hands them on.
  const auto wish = std::exchange(wish_, std::nullopt);
  const auto wanted = std::exchange(wanted_, std::nullopt);
  switch (node.kind) {
    case Node::Kind::bgp:
    case Node::Kind::join:
    case Node::Kind::left_join:
    case Node::Kind::minus:
    case Node::Kind::filter:
    case Node::Kind::extend: return plan_group(node, bound, wish);
    case Node::Kind::union_: {
      std::vector<OperatorPtr> arms;
      for (const NodePtr& child : node.children) arms.push_back(plan(*child, bound));
      return std::make_unique<UnionOperator>(std::move(arms));
    }
    case Node::Kind::values: {
      std::vector<std::vector<TermId>> rows;
      for (const auto& row : node.rows) {
        std::vector<TermId> ids;
        for (const auto& term : row) ids.push_back(term ? execution_.intern(*term) : kNoTerm);
        execution_.reserve(ids.size() * sizeof(TermId) + sizeof(ids));
        rows.push_back(std::move(ids));
      }
      return std::make_unique<ValuesOperator>(node.columns, std::move(rows));
    }
    case Node::Kind::graph: {
      const ledger::TripleSource* outer = graph_;
      const bool outer_any = std::exchange(any_graph_, any_graph_ || node.graph.is_variable());
      const auto& named = execution_.named;
      const auto found = node.graph.is_variable() ? named.begin() : named.find(node.graph.term.value);
      graph_ = found == named.end() ? nullptr : found->second;
      SlotSet inside = bound;
      const bool bind_first = !node.graph.is_variable() || analysis_.pushable(*node.children[0], {node.graph.slot});
      if (node.graph.is_variable() && bind_first) inside.add(node.graph.slot);
      base_estimates_.clear();
      statistics_.clear();
      OperatorPtr part = plan(*node.children[0], inside);
      graph_ = outer;
      any_graph_ = outer_any;
      base_estimates_.clear();
      statistics_.clear();
      return std::make_unique<GraphOperator>(node.graph, bind_first, std::move(part));
    }
    case Node::Kind::group: {
      OperatorPtr part = plan(*node.children[0], {});
      const SlotSet& inside = analysis_.possible(*node.children[0]);
      for (const GroupKey& key : node.keys) register_exists(*key.expression, inside);
      for (const Aggregate& aggregate : node.aggregates) {
        if (aggregate.argument) register_exists(*aggregate.argument, inside);
      }
      return std::make_unique<GroupOperator>(std::move(part), node.keys, node.aggregates, inside.slots());
    }
    case Node::Kind::project: {
      SlotSet inside;
      for (const auto& [inner, outer] : node.projection) {
        if (bound.has(outer)) inside.add(inner);
      }
      if (node.children[0]->kind != Node::Kind::order) first_.reset();
      wanted_ = wanted;
      return std::make_unique<ProjectOperator>(plan(*node.children[0], inside), node.projection);
    }
    case Node::Kind::distinct:
    case Node::Kind::reduced: {
      first_.reset();
      wanted_ = wanted;
      OperatorPtr part = plan(*node.children[0], bound);
      return std::make_unique<DistinctOperator>(std::move(part), analysis_.possible(node).slots());
    }
    case Node::Kind::order: {
      const auto first = std::exchange(first_, std::nullopt);
      if (wanted && bound.empty() && !any_graph_) wish_ = order_wish(node.order, *wanted);
      granted_ = 0;
      OperatorPtr part = plan(*node.children[0], bound);
      const std::size_t presorted = std::exchange(granted_, 0);
      const SlotSet& inside = analysis_.possible(*node.children[0]);
      for (const OrderKey& key : node.order) register_exists(*key.expression, inside);
      return std::make_unique<OrderOperator>(std::move(part), node.order, inside.slots(), first, presorted);
    }
    case Node::Kind::slice: {
      first_.reset();
      const Node::Kind below = node.children[0]->kind;
      if (node.limit && (below == Node::Kind::project || below == Node::Kind::order)) first_ = node.offset + *node.limit;
      if (node.limit) wanted_ = static_cast<double>(node.offset + *node.limit);
      OperatorPtr part = plan(*node.children[0], bound);
      first_.reset();
      return std::make_unique<SliceOperator>(std::move(part), node.offset, node.limit);
    }
  }
  return std::make_unique<UnitOperator>();
}

void Planner::flatten(const Node& node, bool top, const SlotSet& sibling_possible, const SlotSet& sibling_mentioned, Group& group) {
  switch (node.kind) {
    case Node::Kind::bgp:
      for (const PatternTriple& triple : node.triples) {
        Unit unit;
        unit.triple = &triple;
        for (const Atom* atom : {&triple.subject, &triple.predicate, &triple.object}) {
          if (atom->is_variable()) unit.slots.add(atom->slot);
        }
        group.units.push_back(std::move(unit));
      }
      return;
    case Node::Kind::join:
      for (std::size_t i = 0; i < node.children.size(); ++i) {
        SlotSet possible = sibling_possible, mentioned = sibling_mentioned;
        for (std::size_t k = 0; k < node.children.size(); ++k) {
          if (k == i) continue;
          possible |= analysis_.possible(*node.children[k]);
          mentioned |= analysis_.mentioned(*node.children[k]);
        }
        flatten(*node.children[i], false, possible, mentioned, group);
      }
      return;
    case Node::Kind::filter:
      if (!top && !analysis_.mentioned(node.conditions).within(analysis_.certain(*node.children[0]))) break;
      for (const ExprPtr& condition : node.conditions) {
        // A conjunction holds when each part does, so the parts may be tested apart.
        if (condition->kind == Expr::Kind::and_) {
          group.conditions.insert(group.conditions.end(), condition->args.begin(), condition->args.end());
        } else {
          group.conditions.push_back(condition);
        }
      }
      flatten(*node.children[0], false, sibling_possible, sibling_mentioned, group);
      return;
    case Node::Kind::left_join:
      if (!((analysis_.mentioned(*node.children[1]) | analysis_.mentioned(node.conditions)) & sibling_possible)
               .within(analysis_.certain(*node.children[0]))) {
        break;
      }
      flatten(*node.children[0], false, sibling_possible, sibling_mentioned, group);
      group.steps.push_back(&node);
      return;
    case Node::Kind::minus:
      if (!(analysis_.mentioned(*node.children[1]) & sibling_possible).within(analysis_.certain(*node.children[0]))) break;
      flatten(*node.children[0], false, sibling_possible, sibling_mentioned, group);
      group.steps.push_back(&node);
      return;
    case Node::Kind::extend:
      if (sibling_mentioned.has(node.slot) ||
          !(analysis_.mentioned(*node.expression) & sibling_possible).within(analysis_.certain(*node.children[0]))) {
        break;
      }
      flatten(*node.children[0], false, sibling_possible, sibling_mentioned, group);
      group.steps.push_back(&node);
      return;
    default: break;
  }
  Unit unit;
  unit.node = &node;
  unit.slots = analysis_.mentioned(node);
  group.units.push_back(std::move(unit));
}

// Bounds that the conditions put on a variable: ?v < 5, 5 > ?v, ?v = 5, and the same with times.
void Planner::collect_ranges(const std::vector<ExprPtr>& conditions) {
  using Kind = Expr::Kind;
  for (const ExprPtr& condition : conditions) {
    if (condition->kind < Kind::equal || condition->kind > Kind::greater_equal || condition->kind == Kind::not_equal) continue;
    const Expr* left = condition->args[0].get();
    const Expr* right = condition->args[1].get();
    Kind kind = condition->kind;
    if (left->kind == Kind::constant && right->kind == Kind::variable) {
      std::swap(left, right);
      kind = mirrored(kind);
    }
    if (left->kind != Kind::variable || right->kind != Kind::constant) continue;
    const Value value = Value::of(right->term);
    ScanRange range;
    if (value.number && value.number->exact()) {
      range.kind = ledger::ValueRange::Kind::number;
    } else if (ledger::tag_of(ledger::inline_id(right->term)) == ledger::TermTag::date_time) {
      range.kind = ledger::ValueRange::Kind::time;
    } else {
      continue;
    }
    ScanRange& known = ranges_.try_emplace(left->slot, range).first->second;
    if (known.kind != range.kind) continue;   // nothing is both; the filters say so
    const bool above = kind == Kind::greater || kind == Kind::greater_equal || kind == Kind::equal;
    const bool below = kind == Kind::less || kind == Kind::less_equal || kind == Kind::equal;
    if (above && (!known.low || *compare(Value::of(*known.low), value) < 0)) known.low = right->term;
    if (below && (!known.high || *compare(Value::of(*known.high), value) > 0)) known.high = right->term;
  }
}

// Two patterns of one subject whose numbers both have bounds, and which the store has an index of rectangles for: near a place.
void Planner::collect_boxes(const Group& group) {
  if (graph_ == nullptr || any_graph_ || ranges_.size() < 2) return;
  const auto ranged = [&](const Unit& unit) {
    const PatternTriple* triple = unit.triple;
    if (triple == nullptr || triple->path || triple->predicate.is_variable() || !triple->subject.is_variable() || !triple->object.is_variable()) return false;
    if (triple->subject.slot == triple->object.slot) return false;
    const auto range = ranges_.find(triple->object.slot);
    return range != ranges_.end() && range->second.kind == ledger::ValueRange::Kind::number && range->second.low && range->second.high;
  };
  for (const Unit& one : group.units) {
    if (!ranged(one)) continue;
    for (const Unit& other : group.units) {
      if (&one == &other || !ranged(other) || one.triple->subject.slot != other.triple->subject.slot || one.triple->object.slot == other.triple->object.slot) continue;
      const ScanRange& across = ranges_.at(other.triple->object.slot);
      ScanRange box = ranges_.at(one.triple->object.slot);
      box.across = {id_of(other.triple->predicate), other.triple->object.slot, across.low, across.high, shown(other.triple->predicate, body_.slot_names) + " " + shown(other.triple->object, body_.slot_names)};
      const TermId predicate = id_of(one.triple->predicate);
      if (predicate == kNoTerm || box.across->predicate == kNoTerm) continue;
      const auto inside = graph_->count_box(box.box(predicate)), band = graph_->count_range(predicate, box.values());
      if (inside && (!band || *inside < 2 * *band)) boxes_.emplace(one.triple, *box.across);   // else the band as it comes is no worse
    }
  }
}

void Planner::register_exists(const Expr& expr, const SlotSet& bound) {
  if (expr.pattern) {
    const auto outer_ranges = std::exchange(ranges_, {});
    const auto outer_first = std::exchange(first_, std::nullopt);
    exists_.push_back(plan(*expr.pattern, bound & analysis_.mentioned(*expr.pattern)));
    ranges_ = outer_ranges;
    first_ = outer_first;
    execution_.exists[expr.pattern.get()] = exists_.back().get();
  }
  for (const ExprPtr& arg : expr.args) register_exists(*arg, bound);
}

namespace {

bool has_exists(const Expr& expr) {
  return expr.pattern || std::any_of(expr.args.begin(), expr.args.end(), [](const ExprPtr& arg) { return has_exists(*arg); });
}

}  // namespace

void Planner::apply_conditions(Group& group, State& state, const SlotSet& visible, const SlotSet& bound, bool all) {
  std::vector<ExprPtr> ready, waiting;
  for (ExprPtr& condition : group.conditions) {
    const bool now = all || (analysis_.mentioned(*condition) & visible).within(state.certain);
    (now ? ready : waiting).push_back(std::move(condition));
  }
  group.conditions = std::move(waiting);
  if (ready.empty()) return;
  const auto with_exists = std::stable_partition(ready.begin(), ready.end(), [](const ExprPtr& condition) { return !has_exists(*condition); });
  auto condition_of = [&](auto begin, auto end) {
    std::vector<ExprPtr> conditions(begin, end);
    std::string text;
    for (const ExprPtr& condition : conditions) {
      register_exists(*condition, state.possible | bound);
      text += (text.empty() ? "" : " && ") + shown(*condition, body_.slot_names);
    }
    std::vector<Slot> mentioned = analysis_.mentioned(conditions).slots();
    return std::make_unique<ConditionOperator>(std::move(conditions), std::move(mentioned), std::move(text));
  };
  auto begin = ready.begin();
  if (auto* pipeline = dynamic_cast<PipelineOperator*>(state.op.get()); pipeline != nullptr && begin != with_exists) {
    pipeline->filter(condition_of(begin, with_exists));
    begin = with_exists;
  }
  if (begin == ready.end()) return;
  if (!state.op) state.op = std::make_unique<UnitOperator>();
  state.op = std::make_unique<FilterOperator>(std::move(state.op), condition_of(begin, ready.end()));
}

OperatorPtr Planner::plan_group(const Node& node, const SlotSet& bound, const std::optional<OrderWish>& wish) {
  Group group;
  flatten(node, true, {}, {}, group);
  const SlotSet visible = analysis_.possible(node);
  const auto outer_ranges = std::exchange(ranges_, {});
  collect_ranges(group.conditions);
  collect_boxes(group);
  OperatorPtr op;
  if (wish && wish->may_be_absent) op = plan_halves(group, bound, visible, *wish);
  std::size_t granted = std::exchange(granted_, 0);
  if (auto nearest = wish && !op ? nearest_first(group, bound, *wish) : std::nullopt) {
    granted = 1;
    op = build(std::move(nearest->first), nearest->second, bound, visible);
  }
  if (!op) {
    const Sequence order = sequence(group, bound, wish && !wish->may_be_absent ? wish : std::nullopt);
    granted = std::exchange(granted_, 0);
    op = build(std::move(group), order, bound, visible);
  }
  ranges_ = outer_ranges;
  granted_ = granted;
  return op;
}

OperatorPtr Planner::build(Group group, const Sequence& sequence, const SlotSet& bound, const SlotSet& visible) {
  State state;
  apply_conditions(group, state, visible, bound, false);
  join_units(group, sequence, bound, state, visible);
  if (!state.op) state.op = std::make_unique<UnitOperator>();
  // Each step goes on from the rows as they come, so they stay in their order.
  for (const Node* step : group.steps) {
    if (step == group.absent) {
      const Node& part = *step->children[1];
      state.op = std::make_unique<MinusOperator>(std::move(state.op), plan(part, (state.certain | bound) & analysis_.mentioned(part)), std::nullopt);
    } else {
      apply_step(*step, bound, state);
    }
    apply_conditions(group, state, visible, bound, false);
  }
  apply_conditions(group, state, visible, bound, true);
  return std::move(state.op);
}

OperatorPtr Planner::plan_halves(const Group& group, const SlotSet& bound, const SlotSet& visible, const OrderWish& wish) {
  SlotSet certain, mentioned;
  for (const Unit& unit : group.units) {
    certain |= unit.node == nullptr ? unit.slots : analysis_.certain(*unit.node);
    mentioned |= unit.slots;
  }
  const Node* optional = nullptr;
  for (const Node* step : group.steps) {
    const bool makes = step->kind == Node::Kind::left_join && step->conditions.empty() && step->children[1]->kind == Node::Kind::bgp &&
                       step->children[1]->triples.size() == 1 && step->children[1]->triples[0].object.slot == wish.slot;
    if (makes && optional == nullptr) {
      optional = step;
    } else {
      const SlotSet part = step->kind == Node::Kind::extend ? analysis_.mentioned(*step->expression) : analysis_.mentioned(*step->children[1]) | analysis_.mentioned(step->conditions);
      mentioned |= part;
      if (step->kind == Node::Kind::extend) mentioned.add(step->slot);
    }
  }
  if (optional == nullptr || mentioned.has(wish.slot)) return nullptr;
  const PatternTriple& triple = optional->children[1]->triples[0];
  if (triple.path || !triple.subject.is_variable() || !certain.has(triple.subject.slot)) return nullptr;

  Group having = group, lacking = group;
  std::erase(having.steps, optional);
  Unit unit;
  unit.triple = &triple;
  unit.slots = SlotSet{triple.subject.slot, triple.object.slot};
  having.units.push_back(std::move(unit));
  lacking.absent = optional;
  const auto ranges = ranges_;
  const Sequence order = sequence(having, bound, wish);
  const bool enough = order.rows >= wish.first;   // the others are hardly ever asked for
  if (!std::exchange(granted_, 0) || !enough) {
    ranges_ = ranges;
    return nullptr;
  }
  const std::size_t exists = exists_.size();
  std::vector<OperatorPtr> halves;
  halves.push_back(build(std::move(having), order, bound, visible));
  ranges_ = ranges;
  const Sequence rest = greedy(lacking, bound, std::nullopt);
  halves.push_back(build(std::move(lacking), rest, bound, visible));
  if (exists_.size() != exists) {   // an EXISTS has one plan, and the halves would need one each
    exists_.resize(exists);
    granted_ = 0;
    return nullptr;
  }
  granted_ = 2;
  return std::make_unique<UnionOperator>(std::move(halves));
}

std::optional<std::pair<Planner::Group, Planner::Sequence>> Planner::nearest_first(const Group& group, const SlotSet& bound, const OrderWish& wish) {
  if (wish.descending || wish.may_be_absent) return std::nullopt;
  const auto made = std::find_if(group.steps.begin(), group.steps.end(), [&](const Node* step) { return step->kind == Node::Kind::extend && step->slot == wish.slot; });
  const auto call = made == group.steps.end() ? std::nullopt : distance_call(*(*made)->expression);
  if (!call) return std::nullopt;
  Unit nearest;
  nearest.nearest = Nearest{nullptr, nullptr, *call};
  // Two patterns of this group and of one subject, each with the other's bounds across its own.
  for (const Unit& one : group.units) {
    const auto box = one.triple == nullptr || one.triple->object.slot != call->latitude ? boxes_.end() : boxes_.find(one.triple);
    if (box == boxes_.end() || box->second.slot != call->longitude) continue;
    for (const Unit& other : group.units) {
      const PatternTriple* triple = other.triple;
      if (triple == nullptr || !boxes_.contains(triple) || triple->object.slot != call->longitude || triple->subject.slot != one.triple->subject.slot) continue;
      if (id_of(triple->predicate) != box->second.predicate || boxes_.at(triple).predicate != id_of(one.triple->predicate)) continue;
      nearest.nearest->latitude = one.triple;
      nearest.nearest->longitude = triple;
    }
  }
  const auto& [latitude, longitude, to] = *nearest.nearest;
  if (latitude == nullptr) return std::nullopt;
  Group with = group;
  std::erase_if(with.units, [&](const Unit& unit) { return unit.triple == latitude || unit.triple == longitude; });
  nearest.slots = SlotSet{latitude->subject.slot, latitude->object.slot, longitude->object.slot};
  with.units.push_back(std::move(nearest));
  Sequence ordered = greedy(with, bound, with.units.size() - 1);
  ordered.cost *= std::min(1.0, wish.first / std::max(ordered.rows, 1e-9));
  if (ordered.cost > greedy(group, bound, std::nullopt).cost) return std::nullopt;
  return std::pair(std::move(with), std::move(ordered));
}

// Greedy: the fewest rows next, but never a cross product while something is connected.
Planner::Sequence Planner::greedy(const Group& group, const SlotSet& bound, std::optional<std::size_t> first) {
  Sequence out;
  SlotSet known = bound;
  std::vector<bool> taken(group.units.size(), false);
  while (out.units.size() < group.units.size()) {
    std::size_t best = group.units.size();   // none yet
    double best_rows = 0;
    bool best_connected = false;
    if (first && out.units.empty()) {
      best = *first;
      best_rows = estimate(group.units[best], known);
    }
    for (std::size_t i = 0; i < group.units.size() && !(out.units.empty() && first); ++i) {
      if (!execution_.tick()) return out;  // planning counts towards the time limit; the plan will not be run
      if (taken[i]) continue;
      const bool connected = out.units.empty() || group.units[i].slots.meets(known);
      const double rows = estimate(group.units[i], known);
      if (best == group.units.size() || (connected && !best_connected) || (connected == best_connected && rows < best_rows)) {
        best = i;
        best_rows = rows;
        best_connected = connected;
      }
    }
    const Unit& unit = group.units[best];
    out.rows *= std::max(best_rows, 0.001);
    out.cost += out.rows;
    out.units.push_back(best);
    taken[best] = true;
    known |= unit.node == nullptr ? unit.slots : analysis_.certain(*unit.node);
  }
  return out;
}

Planner::Sequence Planner::sequence(const Group& group, const SlotSet& bound, const std::optional<OrderWish>& wish) {
  Sequence best = greedy(group, bound, std::nullopt);
  if (!wish || graph_ == nullptr) return best;
  for (std::size_t i = 0; i < group.units.size(); ++i) {
    const PatternTriple* triple = group.units[i].triple;
    if (triple == nullptr || triple->path || triple->object.slot != wish->slot || !triple->subject.is_variable() || triple->subject.slot == wish->slot) continue;
    const TermId predicate = id_of(triple->predicate);
    if (predicate == kNoTerm) continue;
    for (const auto kind : {ledger::ValueRange::Kind::number, ledger::ValueRange::Kind::time}) {
      if (!graph_->sorts(predicate, kind)) continue;
      Sequence ordered = greedy(group, bound, i);
      ordered.cost *= std::min(1.0, wish->first / std::max(ordered.rows, 1e-9));
      if (ordered.cost > best.cost) continue;
      best = std::move(ordered);
      ScanRange& range = ranges_[wish->slot];   // bounds of another kind leave nothing, whatever comes first
      if (range.kind != kind) range = {};
      range.kind = kind;
      range.descending = wish->descending;
      range.ordered = true;
      granted_ = 1;
    }
  }
  return best;
}

void Planner::join_units(Group& group, const Sequence& sequence, const SlotSet& bound, State& state, const SlotSet& visible) {
  for (const std::size_t i : sequence.units) {
    const Unit& unit = group.units[i];
    state.rows *= std::max(estimate(unit, state.certain | bound), 0.001);
    join_unit(unit, bound, state);
    if (auto* pipeline = dynamic_cast<PipelineOperator*>(state.op.get())) {
      pipeline->set_estimate(state.rows);
    } else {
      state.op->estimate = state.rows;
    }
    apply_conditions(group, state, visible, bound, false);
  }
}

void Planner::join_triple(const PatternTriple& triple, const SlotSet& slots, const SlotSet& bound, State& state) {
  if (triple.path) {
    OperatorPtr next = path(triple);
    state.op = state.op ? std::make_unique<NestedJoinOperator>(std::move(state.op), std::move(next)) : std::move(next);
    return;
  }
  auto next = scan(triple);
  const Slot s = triple.subject.slot, o = triple.object.slot;
  // By blocks, unless something around has bound variables of it: then there are few solutions at a time. A variable that may be unbound joins with
  // anything, solution by solution.
  const bool simple = !triple.predicate.is_variable() && (s != o || s == kNoSlot);
  const bool by_blocks = simple && !slots.meets(bound) && (slots & state.possible).within(state.certain);
  if (!state.op) {
    state.op = std::move(next);
    if (by_blocks && !slots.empty()) state.op = std::make_unique<PipelineOperator>(std::move(state.op), slots);
  } else if (by_blocks && slots.meets(state.certain)) {
    if (dynamic_cast<PipelineOperator*>(state.op.get()) == nullptr) state.op = std::make_unique<PipelineOperator>(std::move(state.op), state.possible);
    static_cast<PipelineOperator&>(*state.op).join(std::move(next));
  } else {
    state.op = std::make_unique<NestedJoinOperator>(std::move(state.op), std::move(next));
  }
}

// OPTIONAL of one pattern that looks up one variable: by blocks. False: something else.
bool Planner::join_optional(const Node& right, const SlotSet& bound, State& state) {
  if (right.kind != Node::Kind::bgp || right.triples.size() != 1 || !state.op) return false;
  const PatternTriple& triple = right.triples[0];
  const SlotSet slots = analysis_.mentioned(right), fresh = slots - state.possible;
  if (triple.path || triple.predicate.is_variable() || !triple.subject.is_variable() || !triple.object.is_variable()) return false;
  if (slots.slots().size() != 2 || fresh.slots().size() != 1 || slots.meets(bound) || !(slots & state.possible).within(state.certain)) return false;
  if (dynamic_cast<PipelineOperator*>(state.op.get()) == nullptr) state.op = std::make_unique<PipelineOperator>(std::move(state.op), state.possible);
  const auto outer_ranges = std::exchange(ranges_, {});   // what the group demands of the variable is no matter of the pattern: it may be unbound
  static_cast<PipelineOperator&>(*state.op).join_optional(scan(triple));
  ranges_ = outer_ranges;
  state.possible |= slots;
  return true;
}

void Planner::join_unit(const Unit& unit, const SlotSet& bound, State& state) {
  const SlotSet known = state.certain | bound;
  if (unit.node == nullptr) {
    if (unit.nearest) {
      const auto& [latitude, longitude, call] = *unit.nearest;   // comes first
      auto scan = std::make_unique<NearestOperator>(place(latitude->subject), place(latitude->object), place(longitude->object), id_of(latitude->predicate), *range_of(*latitude), call);
      state.op = std::make_unique<PipelineOperator>(std::move(scan), unit.slots);
    } else {
      join_triple(*unit.triple, unit.slots, bound, state);
    }
    state.possible |= unit.slots;
    state.certain |= unit.slots;
    return;
  }
  const Node& node = *unit.node;
  const SlotSet shared = unit.slots & state.possible;
  const bool pushable = analysis_.pushable(node, shared);
  const bool nested = !state.op || node.kind == Node::Kind::values || (pushable && analysis_.certain(node).meets(state.certain));
  const auto outer_ranges = std::exchange(ranges_, {});
  OperatorPtr next = plan(node, nested && state.op ? known & unit.slots : bound & unit.slots);
  ranges_ = outer_ranges;
  if (!state.op) {
    state.op = std::move(next);
  } else if (nested) {
    state.op = std::make_unique<NestedJoinOperator>(std::move(state.op), std::move(next));
  } else {
    state.op = std::make_unique<HashJoinOperator>(std::move(state.op), std::move(next), analysis_.possible(node).slots(),
                                                  (analysis_.certain(node) & state.certain).slots());
  }
  state.possible |= analysis_.possible(node);
  state.certain |= analysis_.certain(node);
}

void Planner::apply_step(const Node& step, const SlotSet& bound, State& state) {
  const SlotSet known = state.certain | bound;
  if (step.kind == Node::Kind::extend) {
    register_exists(*step.expression, state.possible | bound);
    execution_.computed.insert(step.slot);
    std::string text = shown(*step.expression, body_.slot_names) + " as " + shown(Atom::variable(step.slot), body_.slot_names);
    state.op = std::make_unique<ExtendOperator>(std::move(state.op), step.slot, step.expression, std::move(text));
    state.possible.add(step.slot);
    if (step.expression->kind == Expr::Kind::constant) state.certain.add(step.slot);
    return;
  }
  const Node& right = *step.children[1];
  if (step.kind == Node::Kind::left_join && step.conditions.empty() && join_optional(right, bound, state)) return;
  const SlotSet mentioned = analysis_.mentioned(right);
  const SlotSet shared = mentioned & state.possible;
  const bool pushable = analysis_.pushable(right, shared);
  const auto outer_ranges = std::exchange(ranges_, {});
  if (step.kind == Node::Kind::left_join) {
    // Numeric conditions of the optional part restrict its scans as those of a group do.
    const bool nested = pushable && !shared.empty();
    OperatorPtr part = plan(right, nested ? known & mentioned : bound & mentioned);
    std::optional<SolutionTable> table;
    if (!nested) table.emplace(analysis_.possible(right).slots(), (analysis_.certain(right) & state.certain).slots());
    for (const ExprPtr& condition : step.conditions) register_exists(*condition, state.possible | analysis_.possible(right) | bound);
    state.op = std::make_unique<LeftJoinOperator>(std::move(state.op), std::move(part), step.conditions, std::move(table));
    state.possible |= analysis_.possible(right);
  } else {
    const SlotSet common = analysis_.possible(right) & state.possible;
    if (!common.empty()) {  // otherwise MINUS takes nothing away
      const bool nested = pushable && common.within(state.certain) && common.within(analysis_.certain(right)) && !common.meets(bound);
      OperatorPtr part = plan(right, nested ? known & mentioned : bound & mentioned);
      std::optional<SolutionTable> table;
      if (!nested) table.emplace(analysis_.possible(right).slots(), (analysis_.certain(right) & state.certain).slots());
      state.op = std::make_unique<MinusOperator>(std::move(state.op), std::move(part), std::move(table));
    }
  }
  ranges_ = outer_ranges;
}

}  // namespace agiddi::ontology::sparql
