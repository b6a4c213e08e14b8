// The physical operators. Each pushes its solutions, one at a time, to the caller: it binds slots of Execution::row, calls emit, and
// unbinds them again, so that LIMIT stops everything at once and a join needs no memory. A slot that is bound on entry restricts the
// operator to solutions that agree with it; the planner sees to it that this changes nothing else (planner.h).
//
// run() returns false when no more is wanted, by emit or by the budget. Operators belong to one Execution. Internal.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ontology/sparql/execution.h"
#include "ontology/sparql/id_test.h"

namespace agiddi::ontology::sparql {

class Operator;
class BlockSource;
using OperatorPtr = std::unique_ptr<Operator>;

class Operator {
 public:
  virtual ~Operator() = default;
  virtual bool run(Execution& execution, Emit emit) = 0;
  virtual std::string describe() const = 0;                 // one line
  virtual std::vector<const Operator*> parts() const { return {}; }
  virtual BlockSource* blocks() { return nullptr; }         // of one that can give its solutions in blocks as well (block.h)
  double estimate = -1;                                     // rows, when the planner has a guess
};

// What a pattern's place holds, resolved against the store.
struct Place {
  Slot slot = kNoSlot;
  TermId id = kNoTerm;       // of a constant; kNoTerm: no such term in the store
  std::string shown;
  TermId bound(const Execution& execution) const { return slot == kNoSlot ? id : execution.row[slot]; }
};

// One empty solution.
class UnitOperator final : public Operator {
 public:
  bool run(Execution&, Emit emit) override { return emit(); }
  std::string describe() const override { return "unit"; }
};

// The values that filters demand of a scan's object (the filters are still applied), and the order in which they are wanted.
struct ScanRange {
  struct Across {            // of another predicate of the same subject: both together are a rectangle, which a source may have an index for
    TermId predicate = kNoTerm;
    Slot slot = kNoSlot;     // of its object
    std::optional<ledger::Term> low, high;
    std::string shown;       // the pattern
  };
  ledger::ValueRange::Kind kind = ledger::ValueRange::Kind::number;
  std::optional<ledger::Term> low, high;
  bool descending = false;
  bool ordered = false;      // for the order alone, or for it too
  std::optional<Across> across = std::nullopt;
  ledger::ValueRange values() const { return {kind, low ? &*low : nullptr, high ? &*high : nullptr, descending}; }
  ledger::Box box(TermId predicate) const {    // with `across`
    return {predicate, across->predicate, values(), {kind, across->low ? &*across->low : nullptr, across->high ? &*across->high : nullptr, false}};
  }
};

class ScanOperator final : public Operator {
 public:
  ScanOperator(Place s, Place p, Place o, std::optional<ScanRange> range)
      : s_(std::move(s)), p_(std::move(p)), o_(std::move(o)), range_(std::move(range)) {}
  bool run(Execution& execution, Emit emit) override;
  std::string describe() const override;
  const Place& subject() const { return s_; }
  const Place& predicate() const { return p_; }
  const Place& object() const { return o_; }
  void set_optional() { optional_ = true; }   // for describe()
  // Whether it reads rows of one predicate, all of them or those in a range: two variables that nothing has bound.
  bool gives_rows(const Execution& execution) const {
    return !(range_ && range_->across) && s_.slot != kNoSlot && o_.slot != kNoSlot && s_.slot != o_.slot && p_.slot == kNoSlot && execution.row[s_.slot] == kNoTerm &&
           execution.row[o_.slot] == kNoTerm;
  }
  // Those rows, some at a time.
  void rows(const Execution& execution, const ledger::VisitRows& visit) const;

 private:
  Place s_, p_, o_;
  bool optional_ = false;
  std::optional<ScanRange> range_;
};

class PathOperator final : public Operator {
 public:
  PathOperator(Atom subject, PathPtr path, Atom object, std::string shown)
      : subject_(std::move(subject)), object_(std::move(object)), path_(std::move(path)), shown_(std::move(shown)) {}
  bool run(Execution& execution, Emit emit) override;
  std::string describe() const override { return "path " + shown_; }

 private:
  Atom subject_, object_;
  PathPtr path_;
  std::string shown_;
};

class ValuesOperator final : public Operator {
 public:
  ValuesOperator(std::vector<Slot> columns, std::vector<std::vector<TermId>> rows) : columns_(std::move(columns)), rows_(std::move(rows)) {}
  bool run(Execution& execution, Emit emit) override;
  std::string describe() const override { return "values, " + std::to_string(rows_.size()) + " rows"; }

 private:
  std::vector<Slot> columns_;
  std::vector<std::vector<TermId>> rows_;
};

// GRAPH: sets the active graph for its part, and the variable before or after it.
class GraphOperator final : public Operator {
 public:
  GraphOperator(Atom graph, bool bind_first, OperatorPtr part) : graph_(std::move(graph)), bind_first_(bind_first), part_(std::move(part)) {}
  bool run(Execution& execution, Emit emit) override;
  std::string describe() const override { return "graph"; }
  std::vector<const Operator*> parts() const override { return {part_.get()}; }

 private:
  bool run_in(Execution& execution, const ledger::TripleSource* graph, TermId name, Emit emit);
  Atom graph_;
  bool bind_first_;
  OperatorPtr part_;
};

// The current solution, when the conditions hold.
class ConditionOperator final : public Operator {
 public:
  ConditionOperator(std::vector<ExprPtr> conditions, std::vector<Slot> mentioned, std::string shown);
  bool run(Execution& execution, Emit emit) override { return passes(execution) ? emit() : !execution.stopped(); }
  std::string describe() const override { return "filter " + shown_; }
  bool passes(Execution& execution) const;
  const std::vector<Slot>& mentioned() const { return mentioned_; }
  const std::vector<std::optional<IdTest>>& tests() const { return tests_; }   // one for each condition; nothing: ids alone never tell

 private:
  std::vector<ExprPtr> conditions_;
  std::vector<std::optional<IdTest>> tests_;
  std::vector<Slot> mentioned_;
  std::string shown_;
};

class FilterOperator final : public Operator {
 public:
  FilterOperator(OperatorPtr part, std::unique_ptr<ConditionOperator> condition) : part_(std::move(part)), condition_(std::move(condition)) {}
  bool run(Execution& execution, Emit emit) override;
  std::string describe() const override { return condition_->describe(); }
  std::vector<const Operator*> parts() const override { return {part_.get()}; }

 private:
  OperatorPtr part_;
  std::unique_ptr<ConditionOperator> condition_;
};

class ExtendOperator final : public Operator {
 public:
  ExtendOperator(OperatorPtr part, Slot slot, ExprPtr expression, std::string shown)
      : part_(std::move(part)), slot_(slot), expression_(std::move(expression)), shown_(std::move(shown)) {}
  bool run(Execution& execution, Emit emit) override;
  std::string describe() const override { return "bind " + shown_; }
  std::vector<const Operator*> parts() const override { return {part_.get()}; }

 private:
  OperatorPtr part_;
  Slot slot_;
  ExprPtr expression_;
  std::string shown_;
};

class UnionOperator final : public Operator {
 public:
  explicit UnionOperator(std::vector<OperatorPtr> arms) : arms_(std::move(arms)) {}
  bool run(Execution& execution, Emit emit) override;
  std::string describe() const override { return "union"; }
  std::vector<const Operator*> parts() const override;

 private:
  std::vector<OperatorPtr> arms_;
};

// For each solution of the left, the right with its bindings.
class NestedJoinOperator final : public Operator {
 public:
  NestedJoinOperator(OperatorPtr left, OperatorPtr right) : left_(std::move(left)), right_(std::move(right)) {}
  bool run(Execution& execution, Emit emit) override;
  std::string describe() const override { return "join, nested"; }
  std::vector<const Operator*> parts() const override { return {left_.get(), right_.get()}; }

 private:
  OperatorPtr left_, right_;
};

// The solutions of a part that was run by itself, indexed by its key columns.
class SolutionTable {
 public:
  SolutionTable(std::vector<Slot> columns, std::vector<Slot> keys) : columns_(std::move(columns)), keys_(std::move(keys)) {}
  // Runs the part from Execution::base unless this was done already for the same base and graph. False: stopped.
  bool fill(Execution& execution, Operator& part);
  // The rows that may be compatible with the current row, bound into it one by one.
  bool join(Execution& execution, Emit emit) const;
  // A row that is compatible and shares a bound variable (MINUS).
  bool excludes(const Execution& execution) const;
  std::size_t rows() const { return count_; }

 private:
  template <class Visit>
  bool candidates(const Execution& execution, Visit visit) const;
  std::uint64_t key_hash(const TermId* wide_row) const;
  bool compatible(const Execution& execution, const TermId* stored) const;

  std::vector<Slot> columns_, keys_;
  std::vector<std::size_t> key_columns_;
  std::vector<TermId> data_;
  std::size_t count_ = 0, reserved_ = 0;
  std::unordered_map<std::uint64_t, std::uint32_t> heads_;  // key hash -> first row
  std::vector<std::uint32_t> next_;                         // chains, kEnd at their end
  bool filled_ = false;
  std::uint64_t epoch_ = 0;
  const ledger::TripleSource* graph_ = nullptr;
};

// The right part once, by itself; then a look-up for each solution of the left.
class HashJoinOperator final : public Operator {
 public:
  HashJoinOperator(OperatorPtr left, OperatorPtr right, std::vector<Slot> columns, std::vector<Slot> keys)
      : left_(std::move(left)), right_(std::move(right)), table_(std::move(columns), std::move(keys)) {}
  bool run(Execution& execution, Emit emit) override;
  std::string describe() const override { return "join, hashed"; }
  std::vector<const Operator*> parts() const override { return {left_.get(), right_.get()}; }

 private:
  OperatorPtr left_, right_;
  SolutionTable table_;
};

// OPTIONAL; the right nested (no table) or by itself.
class LeftJoinOperator final : public Operator {
 public:
  LeftJoinOperator(OperatorPtr left, OperatorPtr right, std::vector<ExprPtr> conditions, std::optional<SolutionTable> table)
      : left_(std::move(left)), right_(std::move(right)), conditions_(std::move(conditions)), table_(std::move(table)) {}
  bool run(Execution& execution, Emit emit) override;
  std::string describe() const override { return table_ ? "optional, hashed" : "optional, nested"; }
  std::vector<const Operator*> parts() const override { return {left_.get(), right_.get()}; }

 private:
  OperatorPtr left_, right_;
  std::vector<ExprPtr> conditions_;
  std::optional<SolutionTable> table_;
};

// MINUS; nested when the planner knows that every shared variable is bound on both sides.
class MinusOperator final : public Operator {
 public:
  MinusOperator(OperatorPtr left, OperatorPtr right, std::optional<SolutionTable> table)
      : left_(std::move(left)), right_(std::move(right)), table_(std::move(table)) {}
  bool run(Execution& execution, Emit emit) override;
  std::string describe() const override { return table_ ? "minus, hashed" : "minus, nested"; }
  std::vector<const Operator*> parts() const override { return {left_.get(), right_.get()}; }

 private:
  OperatorPtr left_, right_;
  std::optional<SolutionTable> table_;
};

class GroupOperator final : public Operator {
 public:
  GroupOperator(OperatorPtr part, std::vector<GroupKey> keys, std::vector<Aggregate> aggregates, std::vector<Slot> columns)
      : part_(std::move(part)), keys_(std::move(keys)), aggregates_(std::move(aggregates)), columns_(std::move(columns)) {}
  bool run(Execution& execution, Emit emit) override;
  std::string describe() const override;
  std::vector<const Operator*> parts() const override { return {part_.get()}; }

 private:
  bool by_columns() const;   // by the ids of variables alone, which blocks give at once
  OperatorPtr part_;
  std::vector<GroupKey> keys_;
  std::vector<Aggregate> aggregates_;
  std::vector<Slot> columns_;  // of the part, for COUNT(DISTINCT *)
};

class ProjectOperator final : public Operator {
 public:
  ProjectOperator(OperatorPtr part, std::vector<std::pair<Slot, Slot>> projection) : part_(std::move(part)), projection_(std::move(projection)) {}
  bool run(Execution& execution, Emit emit) override;
  std::string describe() const override { return "project, " + std::to_string(projection_.size()) + " columns"; }
  std::vector<const Operator*> parts() const override { return {part_.get()}; }

 private:
  OperatorPtr part_;
  std::vector<std::pair<Slot, Slot>> projection_;
};

class DistinctOperator final : public Operator {
 public:
  DistinctOperator(OperatorPtr part, std::vector<Slot> columns) : part_(std::move(part)), columns_(std::move(columns)) {}
  bool run(Execution& execution, Emit emit) override;
  std::string describe() const override { return "distinct"; }
  std::vector<const Operator*> parts() const override { return {part_.get()}; }

 private:
  OperatorPtr part_;
  std::vector<Slot> columns_;
};

// Sorts; with a bound only the first rows are kept, in a heap. Of rows that come in the order of their first keys already (so many are presorted) those
// which are alike in them are sorted and given, before more are read.
class OrderOperator final : public Operator {
 public:
  OrderOperator(OperatorPtr part, std::vector<OrderKey> keys, std::vector<Slot> columns, std::optional<std::uint64_t> first, std::size_t presorted)
      : part_(std::move(part)), keys_(std::move(keys)), columns_(std::move(columns)), first_(first), presorted_(presorted) {}
  bool run(Execution& execution, Emit emit) override;
  std::string describe() const override;
  std::vector<const Operator*> parts() const override { return {part_.get()}; }

 private:
  class Rows;
  OperatorPtr part_;
  std::vector<OrderKey> keys_;
  std::vector<Slot> columns_;
  std::optional<std::uint64_t> first_;
  std::size_t presorted_;
};

class SliceOperator final : public Operator {
 public:
  SliceOperator(OperatorPtr part, std::uint64_t offset, std::optional<std::uint64_t> limit) : part_(std::move(part)), offset_(offset), limit_(limit) {}
  bool run(Execution& execution, Emit emit) override;
  std::string describe() const override;
  std::vector<const Operator*> parts() const override { return {part_.get()}; }

 private:
  OperatorPtr part_;
  std::uint64_t offset_;
  std::optional<std::uint64_t> limit_;
};

}  // namespace agiddi::ontology::sparql
