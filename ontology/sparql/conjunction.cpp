#include "ontology/sparql/conjunction.h"

#include <algorithm>
#include <array>
#include <set>

#include "ontology/sparql/algebra.h"
#include "ontology/sparql/expression.h"

namespace agiddi::ontology::sparql {
namespace {

using Index = SmallGraph::Index;
using Slots = std::set<Slot>;
constexpr std::uint32_t kNowhere = 0xffffffff;
constexpr std::size_t kStepsMax = 100'000;   // of one question; more is left to the engine, which watches the clock

struct Constant {
  ledger::Term term;
  std::uint64_t digest = 0;
};

// An operand of a pattern: a variable's register, or a constant.
struct Operand {
  std::uint32_t variable = kNowhere, constant = kNowhere;
};

struct Test {
  Expr::Kind kind = Expr::Kind::constant;
  std::uint32_t variable = kNowhere;
  Value value;                 // of a constant
  std::string function;
  std::vector<Test> args;
};

struct Step {
  enum class Kind : std::uint8_t { match, filter, bind, among };
  Kind kind = Kind::match;
  Operand subject, object;     // match
  std::uint32_t predicate = 0; // match: a constant
  Test test;                   // filter, bind
  std::uint32_t variable = 0;  // bind, among
  std::vector<std::uint32_t> list;   // among: constants
};

}  // namespace

struct Conjunction::Program {
  std::vector<Constant> constants;
  std::vector<Step> steps;
  std::uint32_t variables = 0;
  std::uint32_t wanted = kNowhere;
};

namespace {

// Reads the algebra. Any part that is no conjunction makes all of it none.
class Reader {
 public:
  std::optional<Conjunction::Program> read(const QueryBody& body, const std::string& wanted) {
    if (body.form != QueryForm::select || !body.from.empty() || !body.from_named.empty()) return std::nullopt;
    const Node* node = body.pattern.get();
    const Node* project = nullptr;
    for (bool peeling = true; peeling;) {
      switch (node->kind) {
        case Node::Kind::slice:
          if (node->offset != 0 || (node->limit && *node->limit == 0)) return std::nullopt;
          break;
        case Node::Kind::project:
          if (project) return std::nullopt;
          project = node;
          break;
        case Node::Kind::distinct:
        case Node::Kind::reduced:
        case Node::Kind::order: break;
        default: peeling = false;
      }
      if (peeling) node = node->children[0].get();
    }
    if (!wanted.empty()) {
      const auto column = std::find_if(body.columns.begin(), body.columns.end(), [&](const auto& one) { return one.first == wanted; });
      if (column == body.columns.end()) return std::nullopt;
      wanted_ = column->second;
      if (project) {
        const auto inner = std::find_if(project->projection.begin(), project->projection.end(), [&](const auto& one) { return one.second == wanted_; });
        if (inner == project->projection.end()) return std::nullopt;
        wanted_ = inner->first;
      }
    }
    certain(*node);
    if (!possible_ || patterns_.empty() || patterns_.size() > 64) return std::nullopt;
    return compile();
  }

 private:
  struct Bind { Slot slot; const Expr* expression; };

  // Notes the parts below the node; the slots that every solution of it binds.
  Slots certain(const Node& node) {
    Slots slots;
    switch (node.kind) {
      case Node::Kind::bgp:
        for (const PatternTriple& triple : node.triples) {
          possible_ = possible_ && !triple.path && !triple.predicate.is_variable();
          patterns_.push_back(&triple);
          for (const Atom* atom : {&triple.subject, &triple.object}) {
            if (atom->is_variable()) slots.insert(atom->slot);
          }
        }
        return slots;
      case Node::Kind::join:
        for (const NodePtr& child : node.children) slots.merge(certain(*child));
        return slots;
      case Node::Kind::filter:
        slots = certain(*node.children[0]);
        for (const ExprPtr& condition : node.conditions) {
          if (!within(*condition, slots)) possible_ = false;
          filters_.push_back(condition.get());
        }
        return slots;
      case Node::Kind::extend:
        slots = certain(*node.children[0]);
        // One that fails leaves its variable unbound, and what asks for it fails too; so it may count as bound where only conditions ask.
        binds_.push_back({node.slot, node.expression.get()});
        if (!within(*node.expression, slots)) broken_binds_.insert(node.slot);
        slots.insert(node.slot);
        return slots;
      case Node::Kind::left_join: {
        slots = certain(*node.children[0]);
        Slots optional;
        mentioned(*node.children[1], optional);
        for (const Slot slot : optional) {
          if (!slots.contains(slot)) optional_.insert(slot);
        }
        return slots;
      }
      case Node::Kind::values:
        if (node.columns.size() != 1 || node.rows.empty()) possible_ = false;
        for (const auto& row : node.rows) possible_ = possible_ && row.size() == 1 && row[0];
        lists_.push_back(&node);
        slots.insert(node.columns.begin(), node.columns.end());
        return slots;
      default: possible_ = false; return slots;
    }
  }

  // All slots of an optional part. A kind that is not known here makes the query no conjunction: it may hide some.
  void mentioned(const Node& node, Slots& out) {
    for (const PatternTriple& triple : node.triples) {
      for (const Atom* atom : {&triple.subject, &triple.predicate, &triple.object}) {
        if (atom->is_variable()) out.insert(atom->slot);
      }
    }
    out.insert(node.columns.begin(), node.columns.end());
    if (node.slot != kNoSlot) out.insert(node.slot);
    switch (node.kind) {
      case Node::Kind::bgp:
      case Node::Kind::join:
      case Node::Kind::filter:
      case Node::Kind::extend:
      case Node::Kind::left_join:
      case Node::Kind::values: break;
      default: possible_ = false;
    }
    for (const NodePtr& child : node.children) mentioned(*child, out);
  }

  static void variables(const Expr& expression, Slots& out) {
    if (expression.kind == Expr::Kind::variable) out.insert(expression.slot);
    for (const ExprPtr& arg : expression.args) variables(*arg, out);
  }
  static bool within(const Expr& expression, const Slots& slots) {
    Slots used;
    variables(expression, used);
    return std::includes(slots.begin(), slots.end(), used.begin(), used.end());
  }

  std::optional<Test> test_of(const Expr& expression) {
    Test test;
    test.kind = expression.kind;
    switch (expression.kind) {
      case Expr::Kind::constant: test.value = Value::of(expression.term); return test;
      case Expr::Kind::variable: test.variable = register_of(expression.slot); return test;
      case Expr::Kind::function:
        if (!is_named_function(expression.function)) return std::nullopt;
        test.function = expression.function;
        break;
      case Expr::Kind::or_:
      case Expr::Kind::and_:
      case Expr::Kind::not_:
      case Expr::Kind::equal:
      case Expr::Kind::not_equal:
      case Expr::Kind::less:
      case Expr::Kind::less_equal:
      case Expr::Kind::greater:
      case Expr::Kind::greater_equal: break;
      default: return std::nullopt;
    }
    for (const ExprPtr& arg : expression.args) {
      auto part = test_of(*arg);
      if (!part) return std::nullopt;
      test.args.push_back(*std::move(part));
    }
    return test;
  }

  std::uint32_t register_of(Slot slot) {
    const auto found = std::find(registers_.begin(), registers_.end(), slot);
    if (found != registers_.end()) return static_cast<std::uint32_t>(found - registers_.begin());
    registers_.push_back(slot);
    return static_cast<std::uint32_t>(registers_.size() - 1);
  }
  std::uint32_t constant_of(const ledger::Term& term) {
    const std::uint64_t digest = term_digest(term);
    for (std::size_t i = 0; i < program_.constants.size(); ++i) {
      if (program_.constants[i].digest == digest && program_.constants[i].term == term) return static_cast<std::uint32_t>(i);
    }
    program_.constants.push_back({term, digest});
    return static_cast<std::uint32_t>(program_.constants.size() - 1);
  }
  Operand operand_of(const Atom& atom) {
    return atom.is_variable() ? Operand{register_of(atom.slot), kNowhere} : Operand{kNowhere, constant_of(atom.term)};
  }

  std::optional<Conjunction::Program> compile() {
    // What is left of the computed variables: those that something asks for.
    Slots asked, matched;
    for (const Expr* condition : filters_) variables(*condition, asked);
    if (wanted_ != kNoSlot) asked.insert(wanted_);
    for (auto bind = binds_.rbegin(); bind != binds_.rend(); ++bind) {
      if (asked.contains(bind->slot)) variables(*bind->expression, asked);
    }
    std::erase_if(binds_, [&](const Bind& bind) { return !asked.contains(bind.slot); });
    for (const PatternTriple* triple : patterns_) {
      for (const Atom* atom : {&triple->subject, &triple->object}) {
        if (atom->is_variable()) matched.insert(atom->slot);
      }
    }
    Slots bound_by_bind;
    for (const Bind& bind : binds_) {
      if (broken_binds_.contains(bind.slot) || matched.contains(bind.slot) || !bound_by_bind.insert(bind.slot).second) return std::nullopt;
    }
    for (const Slot slot : optional_) {
      if (asked.contains(slot) || matched.contains(slot)) return std::nullopt;
    }
    std::erase_if(lists_, [&](const Node* list) { return !matched.contains(list->columns[0]) && !asked.contains(list->columns[0]); });
    for (const Node* list : lists_) {
      if (!matched.contains(list->columns[0]) || optional_.contains(list->columns[0])) return std::nullopt;
    }

    Slots bound;
    std::vector<const PatternTriple*> left = patterns_;
    while (!left.empty()) {
      const auto known = [&](const Atom& atom) { return !atom.is_variable() || bound.contains(atom.slot); };
      const auto best = std::max_element(left.begin(), left.end(), [&](const PatternTriple* a, const PatternTriple* b) {
        const auto score = [&](const PatternTriple* one) { return (known(one->subject) ? 2 : 0) + (known(one->object) ? 1 : 0); };
        return score(a) < score(b);
      });
      const PatternTriple& triple = **best;
      Step step;
      step.subject = operand_of(triple.subject);
      step.predicate = constant_of(triple.predicate.term);
      step.object = operand_of(triple.object);
      program_.steps.push_back(std::move(step));
      left.erase(best);
      Slots now;
      for (const Atom* atom : {&triple.subject, &triple.object}) {
        if (atom->is_variable() && bound.insert(atom->slot).second) now.insert(atom->slot);
      }
      for (const Node* list : lists_) {
        if (!now.contains(list->columns[0])) continue;
        Step among;
        among.kind = Step::Kind::among;
        among.variable = register_of(list->columns[0]);
        for (const auto& row : list->rows) among.list.push_back(constant_of(*row[0]));
        program_.steps.push_back(std::move(among));
      }
      if (!compute(bound)) return std::nullopt;
    }
    if (!filters_.empty() || !binds_.empty()) return std::nullopt;   // something asks for what nothing binds
    if (wanted_ != kNoSlot) {
      if (!bound.contains(wanted_)) return std::nullopt;
      program_.wanted = register_of(wanted_);
    }
    program_.variables = static_cast<std::uint32_t>(registers_.size());
    return std::move(program_);
  }

  // What can be computed and tested now, as early as may be.
  bool compute(Slots& bound) {
    for (bool more = true; more;) {
      more = false;
      for (auto bind = binds_.begin(); bind != binds_.end(); ++bind) {
        if (!within(*bind->expression, bound)) continue;
        auto test = test_of(*bind->expression);
        if (!test) return false;
        Step step;
        step.kind = Step::Kind::bind;
        step.variable = register_of(bind->slot);
        step.test = *std::move(test);
        program_.steps.push_back(std::move(step));
        bound.insert(bind->slot);
        binds_.erase(bind);
        more = true;
        break;
      }
    }
    for (auto filter = filters_.begin(); filter != filters_.end();) {
      if (!within(**filter, bound)) {
        ++filter;
        continue;
      }
      auto test = test_of(**filter);
      if (!test) return false;
      Step step;
      step.kind = Step::Kind::filter;
      step.test = *std::move(test);
      program_.steps.push_back(std::move(step));
      filter = filters_.erase(filter);
    }
    return true;
  }

  Conjunction::Program program_;
  bool possible_ = true;
  std::vector<const PatternTriple*> patterns_;
  std::vector<const Expr*> filters_;
  std::vector<Bind> binds_;
  std::vector<const Node*> lists_;
  Slots optional_, broken_binds_;
  Slot wanted_ = kNoSlot;
  std::vector<Slot> registers_;
};

class Run {
 public:
  Run(const Conjunction::Program& program, const SmallGraph& graph, std::string* value) : program_(program), graph_(graph), value_(value) {}

  Conjunction::Answer ask() {
    found_.reserve(program_.constants.size());
    for (const Constant& constant : program_.constants) found_.push_back(graph_.find(constant.term, constant.digest));
    terms_.assign(program_.variables, SmallGraph::kNone);
    computed_.resize(program_.variables);
    go(0);
    if (unclear_) return Conjunction::Answer::unclear;
    return any_ ? Conjunction::Answer::yes : Conjunction::Answer::no;
  }

 private:
  // From this step on; false: enough is known.
  bool go(std::size_t at) {
    if (++steps_ > kStepsMax) return give_up();
    if (at == program_.steps.size()) return solved();
    const Step& step = program_.steps[at];
    switch (step.kind) {
      case Step::Kind::match: return match(step, at);
      case Step::Kind::filter: return effective_boolean(evaluate(step.test)).value_or(false) ? go(at + 1) : true;
      case Step::Kind::bind: {
        Value value = evaluate(step.test);
        // As a solution keeps it: a term.
        computed_[step.variable] = value.is_error() ? std::nullopt : std::optional(Value::of(term_of(value)));
        return go(at + 1);
      }
      case Step::Kind::among:
        for (const std::uint32_t constant : step.list) {
          if (found_[constant] == terms_[step.variable]) return go(at + 1);
        }
        return true;
    }
    return true;
  }

  bool match(const Step& step, std::size_t at) {
    const Index predicate = found_[step.predicate], subject = known(step.subject), object = known(step.object);
    if (predicate == SmallGraph::kNone || (step.subject.constant != kNowhere && subject == SmallGraph::kNone) ||
        (step.object.constant != kNowhere && object == SmallGraph::kNone)) {
      return true;
    }
    for (const SmallGraph::Entry& entry : subject != SmallGraph::kNone ? graph_.with(subject, predicate) : graph_.entries()) {
      if (entry.predicate != predicate || (object != SmallGraph::kNone && entry.object != object)) continue;
      if (step.subject.variable == step.object.variable && step.subject.variable != kNowhere && entry.subject != entry.object) continue;
      if (subject == SmallGraph::kNone) terms_[step.subject.variable] = entry.subject;
      if (object == SmallGraph::kNone) terms_[step.object.variable] = entry.object;
      const bool more = go(at + 1);
      if (subject == SmallGraph::kNone) terms_[step.subject.variable] = SmallGraph::kNone;
      if (object == SmallGraph::kNone) terms_[step.object.variable] = SmallGraph::kNone;
      if (!more) return false;
    }
    return true;
  }

  Index known(const Operand& operand) const { return operand.variable != kNowhere ? terms_[operand.variable] : found_[operand.constant]; }

  bool solved() {
    if (program_.wanted == kNowhere) {
      any_ = true;
      return false;
    }
    const Value value = read(program_.wanted);
    if (value.is_error()) return give_up();
    std::string text = term_of(value).value;
    if (any_ && text != *value_) return give_up();
    any_ = true;
    *value_ = std::move(text);
    return true;
  }
  bool give_up() {
    unclear_ = true;
    return false;
  }

  Value read(std::uint32_t variable) const {
    if (terms_[variable] != SmallGraph::kNone) return graph_.value(terms_[variable]);
    return computed_[variable] ? *computed_[variable] : Value::error();
  }

  // As sparql/expression.h does, for the kinds that a test may have.
  Value evaluate(const Test& test) const {
    switch (test.kind) {
      case Expr::Kind::constant: return test.value;
      case Expr::Kind::variable: return read(test.variable);
      case Expr::Kind::or_: return logical(test, true);
      case Expr::Kind::and_: return logical(test, false);
      case Expr::Kind::not_: {
        const auto value = effective_boolean(evaluate(test.args[0]));
        return value ? Value::of(!*value) : Value::error();
      }
      case Expr::Kind::function: {
        std::vector<Value> args;
        for (const Test& arg : test.args) {
          args.push_back(evaluate(arg));
          if (args.back().is_error()) return Value::error();
        }
        return call_named_function(test.function, args);
      }
      default: return comparison(test.kind, side(test.args[0]), side(test.args[1]));
    }
  }

  // An operand of a comparison, not copied where it is there already.
  struct Side {
    const Value* value = nullptr;
    Value made;
    const Value& get() const { return value ? *value : made; }
  };
  Side side(const Test& test) const {
    if (test.kind == Expr::Kind::constant) return {&test.value, {}};
    if (test.kind == Expr::Kind::variable && terms_[test.variable] != SmallGraph::kNone) return {&graph_.value(terms_[test.variable]), {}};
    return {nullptr, evaluate(test)};
  }

  static Value comparison(Expr::Kind kind, const Side& left, const Side& right) { return compare_values(kind, left.get(), right.get()); }

  Value logical(const Test& test, bool decisive) const {
    bool error = false;
    for (const Test& arg : test.args) {
      const auto value = effective_boolean(evaluate(arg));
      if (!value) error = true;
      else if (*value == decisive) return Value::of(decisive);
    }
    return error ? Value::error() : Value::of(!decisive);
  }

  const Conjunction::Program& program_;
  const SmallGraph& graph_;
  std::string* value_;
  std::vector<Index> found_;                    // of the constants
  std::vector<Index> terms_;                    // of the variables that patterns bind
  std::vector<std::optional<Value>> computed_;  // of those that BIND does
  std::size_t steps_ = 0;
  bool any_ = false, unclear_ = false;
};

}  // namespace

std::optional<Conjunction> Conjunction::compile(const Query& query, const std::string& wanted) {
  auto program = Reader().read(query.body(), wanted);
  if (!program) return std::nullopt;
  return Conjunction(std::make_shared<const Program>(*std::move(program)));
}

Conjunction::Answer Conjunction::ask(const SmallGraph& graph, std::string* value) const {
  std::string text;
  return Run(*program_, graph, value ? value : &text).ask();
}

}  // namespace agiddi::ontology::sparql
