#include "ontology/sparql/expression.h"

#include "ontology/sparql/iri.h"
#include "ontology/sparql/operators.h"

namespace agiddi::ontology::sparql {

namespace {

using Kind = Expr::Kind;

Value from_optional(std::optional<bool> value) { return value ? Value::of(*value) : Value::error(); }

Value evaluate_arithmetic(Kind kind, const Value& a, const Value& b) {
  if (!a.number || !b.number) return Value::error();
  switch (kind) {
    case Kind::add: return Value::of(add(*a.number, *b.number));
    case Kind::subtract: return Value::of(subtract(*a.number, *b.number));
    case Kind::multiply: return Value::of(multiply(*a.number, *b.number));
    default: {
      // Integers divide to a decimal.
      const auto promote = [](const Number& n) { return n.type == Number::Type::integer ? n.promoted(Number::Type::decimal) : n; };
      return Value::of(divide(promote(*a.number), promote(*b.number)));
    }
  }
}

// true || error is true, false || error is an error; and likewise with the parts exchanged (17.2).
Value evaluate_logical(const Expr& expr, Execution& execution, bool decisive) {
  bool error = false;
  for (const ExprPtr& arg : expr.args) {
    const auto value = effective_boolean(evaluate(*arg, execution));
    if (!value) {
      error = true;
    } else if (*value == decisive) {
      return Value::of(decisive);
    }
  }
  return error ? Value::error() : Value::of(!decisive);
}

Value evaluate_in(const Expr& expr, Execution& execution) {
  const bool negated = expr.kind == Kind::not_in;
  const Value left = evaluate(*expr.args[0], execution);
  if (left.is_error()) return Value::error();
  bool error = false;
  for (std::size_t i = 1; i < expr.args.size(); ++i) {
    const auto same = equal(left, evaluate(*expr.args[i], execution));
    if (!same) {
      error = true;
    } else if (*same) {
      return Value::of(!negated);
    }
  }
  return error ? Value::error() : Value::of(negated);
}

Value evaluate_exists(const Expr& expr, Execution& execution) {
  const auto found = execution.exists.find(expr.pattern.get());
  if (found == execution.exists.end()) return Value::error();
  // What is independent of the outer pattern begins with this solution's bindings (substitution, 18.6).
  const std::vector<TermId> outer_base = std::move(execution.base);
  execution.base.assign(execution.row, execution.row + execution.width);
  const std::uint64_t outer_epoch = execution.epoch;
  static thread_local std::uint64_t epochs = 0;
  execution.epoch = ++epochs;
  bool any = false;
  found->second->run(execution, [&] {
    any = true;
    return false;
  });
  execution.base = outer_base;
  execution.epoch = outer_epoch;
  return Value::of(any == (expr.kind == Kind::exists));
}

bool is_numeric_function(Builtin builtin) {
  return builtin == Builtin::abs || builtin == Builtin::ceil || builtin == Builtin::floor || builtin == Builtin::round || builtin == Builtin::rand;
}

bool is_time_function(Builtin builtin) { return builtin >= Builtin::year && builtin <= Builtin::now; }

Value evaluate_builtin(const Expr& expr, Execution& execution) {
  const auto& args = expr.args;
  switch (expr.builtin) {
    case Builtin::bound: return Value::of(execution.row[args[0]->slot] != kNoTerm);
    case Builtin::if_: {
      const auto condition = effective_boolean(evaluate(*args[0], execution));
      if (!condition) return Value::error();
      return evaluate(*args[*condition ? 1 : 2], execution);
    }
    case Builtin::coalesce:
      for (const ExprPtr& arg : args) {
        Value value = evaluate(*arg, execution);
        if (!value.is_error()) return value;
      }
      return Value::error();
    default: break;
  }
  std::vector<Value> values;
  values.reserve(args.size());
  for (const ExprPtr& arg : args) {
    values.push_back(evaluate(*arg, execution));
    if (values.back().is_error()) return Value::error();
  }
  switch (expr.builtin) {
    case Builtin::str:
      if (values[0].kind == Value::Kind::blank) return Value::error();
      return Value::string(lexical_of(values[0]));
    case Builtin::lang:
      if (!values[0].is_literal()) return Value::error();
      return Value::string(values[0].term.language);
    case Builtin::datatype:
      if (!values[0].is_literal()) return Value::error();
      return Value::iri(datatype_of(values[0]));
    case Builtin::iri:
      if (values[0].kind == Value::Kind::iri) return values[0];
      if (values[0].kind != Value::Kind::string) return Value::error();
      return Value::iri(args.size() > 1 ? resolve(values[1].text(), values[0].text()) : values[0].text());
    case Builtin::bnode: {
      if (!values.empty() && values[0].kind != Value::Kind::string) return Value::error();
      const TermId id = values.empty() ? execution.new_blank() : execution.blank_for(values[0].text());
      return execution.value(id);
    }
    case Builtin::same_term: return Value::of(same_term(values[0], values[1]));
    case Builtin::is_iri: return Value::of(values[0].kind == Value::Kind::iri);
    case Builtin::is_blank: return Value::of(values[0].kind == Value::Kind::blank);
    case Builtin::is_literal: return Value::of(values[0].is_literal());
    case Builtin::is_numeric: return Value::of(values[0].kind == Value::Kind::number);
    default: break;
  }
  if (is_numeric_function(expr.builtin)) return call_numeric_function(expr.builtin, values, execution);
  if (is_time_function(expr.builtin)) return call_time_function(expr.builtin, values, execution);
  return call_string_function(expr.builtin, values, execution);
}

}  // namespace

Value compare_values(Kind kind, const Value& a, const Value& b) {
  if (a.is_error() || b.is_error()) return Value::error();
  if (kind == Kind::equal) return from_optional(equal(a, b));
  if (kind == Kind::not_equal) {
    const auto same = equal(a, b);
    return same ? Value::of(!*same) : Value::error();
  }
  const auto order = compare(a, b);
  if (!order) return Value::error();
  switch (kind) {
    case Kind::less: return Value::of(*order < 0);
    case Kind::less_equal: return Value::of(*order <= 0);
    case Kind::greater: return Value::of(*order > 0);
    default: return Value::of(*order >= 0);
  }
}

Value evaluate(const Expr& expr, Execution& execution) {
  switch (expr.kind) {
    case Kind::constant: return Value::of(expr.term);
    case Kind::variable: {
      const TermId id = execution.row[expr.slot];
      return id == kNoTerm ? Value::error() : execution.value(id);
    }
    case Kind::or_: return evaluate_logical(expr, execution, true);
    case Kind::and_: return evaluate_logical(expr, execution, false);
    case Kind::not_: {
      const auto value = effective_boolean(evaluate(*expr.args[0], execution));
      return value ? Value::of(!*value) : Value::error();
    }
    case Kind::equal:
    case Kind::not_equal:
    case Kind::less:
    case Kind::less_equal:
    case Kind::greater:
    case Kind::greater_equal: {
      const Value left = evaluate(*expr.args[0], execution);
      return compare_values(expr.kind, left, evaluate(*expr.args[1], execution));
    }
    case Kind::in:
    case Kind::not_in: return evaluate_in(expr, execution);
    case Kind::add:
    case Kind::subtract:
    case Kind::multiply:
    case Kind::divide: {
      const Value left = evaluate(*expr.args[0], execution);
      return evaluate_arithmetic(expr.kind, left, evaluate(*expr.args[1], execution));
    }
    case Kind::negate: {
      const Value value = evaluate(*expr.args[0], execution);
      return value.number ? Value::of(negate(*value.number)) : Value::error();
    }
    case Kind::plus: {
      const Value value = evaluate(*expr.args[0], execution);
      return value.number ? Value::of(*value.number) : Value::error();
    }
    case Kind::builtin: return evaluate_builtin(expr, execution);
    case Kind::function: {
      if (!is_named_function(expr.function)) return Value::error();
      std::vector<Value> args;
      for (const ExprPtr& arg : expr.args) {
        args.push_back(evaluate(*arg, execution));
        if (args.back().is_error()) return Value::error();
      }
      return call_named_function(expr.function, args);
    }
    case Kind::exists:
    case Kind::not_exists: return evaluate_exists(expr, execution);
  }
  return Value::error();
}

bool holds(const Expr& condition, Execution& execution) {
  return effective_boolean(evaluate(condition, execution)).value_or(false);
}

}  // namespace agiddi::ontology::sparql
