// FILTER, BIND, UNION, projection and the solution modifiers.
#include <algorithm>
#include <unordered_set>

#include "ontology/sparql/expression.h"
#include "ontology/sparql/operators.h"

namespace agiddi::ontology::sparql {

ConditionOperator::ConditionOperator(std::vector<ExprPtr> conditions, std::vector<Slot> mentioned, std::string shown)
    : conditions_(std::move(conditions)), mentioned_(std::move(mentioned)), shown_(std::move(shown)) {
  for (const ExprPtr& condition : conditions_) tests_.push_back(IdTest::of(*condition));
}

bool ConditionOperator::passes(Execution& execution) const {
  for (std::size_t i = 0; i < conditions_.size(); ++i) {
    std::optional<bool> known;
    if (tests_[i]) known = tests_[i]->holds(execution.row[tests_[i]->slot()]);
    if (!(known ? *known : holds(*conditions_[i], execution))) return false;
  }
  return true;
}

bool FilterOperator::run(Execution& execution, Emit emit) {
  return part_->run(execution, [&] { return execution.tick() && condition_->run(execution, emit); });
}

bool ExtendOperator::run(Execution& execution, Emit emit) {
  return part_->run(execution, [&] {
    if (!execution.tick()) return false;
    const Value value = evaluate(*expression_, execution);
    if (value.is_error()) return emit();
    const TermId id = execution.intern(value);
    TermId& cell = execution.row[slot_];
    if (cell != kNoTerm) return cell != id || emit();  // bound from outside: a join on the computed value
    cell = id;
    const bool wanted = emit();
    execution.row[slot_] = kNoTerm;
    return wanted;
  });
}

std::vector<const Operator*> UnionOperator::parts() const {
  std::vector<const Operator*> out;
  for (const auto& arm : arms_) out.push_back(arm.get());
  return out;
}

bool UnionOperator::run(Execution& execution, Emit emit) {
  for (const auto& arm : arms_) {
    if (!arm->run(execution, emit)) return false;
  }
  return true;
}

bool ProjectOperator::run(Execution& execution, Emit emit) {
  // Bindings from outside restrict the inner variables that feed them.
  std::vector<Slot> pushed;
  for (const auto& [inner, outer] : projection_) {
    if (inner != outer && execution.row[inner] == kNoTerm && execution.row[outer] != kNoTerm) {
      execution.row[inner] = execution.row[outer];
      pushed.push_back(inner);
    }
  }
  std::vector<Slot> bound;
  const bool wanted = part_->run(execution, [&] {
    bound.clear();
    bool agrees = true;
    for (const auto& [inner, outer] : projection_) {
      const TermId value = execution.row[inner];
      if (inner == outer || value == kNoTerm) continue;
      TermId& cell = execution.row[outer];
      if (cell == kNoTerm) {
        cell = value;
        bound.push_back(outer);
      } else if (cell != value) {
        agrees = false;
        break;
      }
    }
    // bound is reused by the next solution, so what is to be undone is kept here.
    const std::vector<Slot> undo = bound;
    const bool more = !agrees || emit();
    for (Slot slot : undo) execution.row[slot] = kNoTerm;
    return more;
  });
  for (Slot slot : pushed) execution.row[slot] = kNoTerm;
  return wanted;
}

bool DistinctOperator::run(Execution& execution, Emit emit) {
  std::unordered_set<std::string> seen;
  std::size_t reserved = 0;
  std::string key;
  const bool wanted = part_->run(execution, [&] {
    key.clear();
    for (Slot slot : columns_) key.append(reinterpret_cast<const char*>(&execution.row[slot]), sizeof(TermId));
    if (!seen.insert(key).second) return execution.tick();
    const std::size_t bytes = key.size() + 64;
    reserved += bytes;
    return execution.reserve(bytes) && emit();
  });
  execution.release(reserved);
  return wanted;
}

std::string SliceOperator::describe() const {
  std::string out = "slice";
  if (offset_ > 0) out += ", offset " + std::to_string(offset_);
  if (limit_) out += ", limit " + std::to_string(*limit_);
  return out;
}

bool SliceOperator::run(Execution& execution, Emit emit) {
  if (limit_ == 0) return true;
  std::uint64_t seen = 0, given = 0;
  bool wanted = true;
  part_->run(execution, [&] {
    if (seen++ < offset_) return execution.tick();
    wanted = emit();
    return wanted && (!limit_ || ++given < *limit_);
  });
  return wanted && !execution.stopped();
}

namespace {

// What a row is sorted by: the id of a variable where ids may say how it sorts, else its value.
struct SortKey {
  TermId id = kNoTerm;
  Value value;

  static SortKey of(const Expr& expression, Execution& execution) {
    if (expression.kind == Expr::Kind::variable) {
      const TermId id = execution.row[expression.slot];
      if (ledger::is_inline_number(id) || ledger::tag_of(id) == ledger::TermTag::date_time) return {id, {}};
    }
    if (const auto bound = is_bound(expression, execution)) return {ledger::make_id(ledger::TermTag::boolean, *bound ? 1 : 0), {}};
    return {kNoTerm, evaluate(expression, execution)};
  }
  friend std::strong_ordering compare_keys(const SortKey& a, const SortKey& b) {
    if (a.id != kNoTerm && b.id != kNoTerm) {
      if (ledger::tag_of(a.id) == ledger::TermTag::boolean && ledger::tag_of(b.id) == ledger::TermTag::boolean) return a.id <=> b.id;
      if (const auto order = compare_ids(a.id, b.id)) return *order;
    }
    const auto value_of = [](const SortKey& key) { return Value::of(ledger::inline_term(key.id)); };
    if (a.id != kNoTerm) return sort_order(value_of(a), b.id != kNoTerm ? value_of(b) : b.value);
    return sort_order(a.value, b.id != kNoTerm ? value_of(b) : b.value);
  }
  std::size_t bytes() const { return sizeof(SortKey) + value.term.value.size() + value.term.datatype.size(); }

 private:
  // BOUND(?v) or !BOUND(?v): what puts rows without a value last.
  static std::optional<bool> is_bound(const Expr& expression, const Execution& execution) {
    if (expression.kind == Expr::Kind::not_) {
      const auto bound = is_bound(*expression.args[0], execution);
      return bound ? std::optional(!*bound) : std::nullopt;
    }
    if (expression.kind != Expr::Kind::builtin || expression.builtin != Builtin::bound) return std::nullopt;
    return execution.row[expression.args[0]->slot] != kNoTerm;
  }
};

}  // namespace

std::string OrderOperator::describe() const {
  std::string out = first_ ? "order, first " + std::to_string(*first_) : "order";
  return presorted_ > 0 ? out + ", of rows that come in the order of the first " + (presorted_ > 1 ? std::to_string(presorted_) + " keys" : "key") : out;
}

// The rows that are being sorted, in memory that the execution counts.
class OrderOperator::Rows {
 private:
  struct Sorted {
    std::vector<SortKey> keys;
    std::vector<TermId> columns;
    std::uint64_t number = 0;  // of arrival: the sort is stable
  };
  auto by_keys() const {
    return [this](const Sorted& a, const Sorted& b) {
      for (std::size_t i = 0; i < order_.keys_.size(); ++i) {
        const auto order = compare_keys(a.keys[i], b.keys[i]);
        if (order != 0) return order_.keys_[i].descending ? order > 0 : order < 0;
      }
      return a.number < b.number;
    };
  }

 public:
  Rows(const OrderOperator& order, Execution& execution) : order_(order), execution_(execution) {}
  ~Rows() { execution_.release(reserved_); }

  bool empty() const { return rows_.empty(); }
  // Whether the current solution has the same presorted keys.
  bool alike() const {
    for (std::size_t i = 0; i < order_.presorted_; ++i) {
      if (compare_keys(rows_.back().keys[i], SortKey::of(*order_.keys_[i].expression, execution_)) != 0) return false;
    }
    return true;
  }
  // The current solution. False: no memory.
  bool add() {
    row_.number = arrived_++;
    row_.keys.clear();
    const auto before = by_keys();
    const bool bounded = order_.first_ && order_.presorted_ == 0;
    const bool full = bounded && rows_.size() >= *order_.first_;
    bool comes_before = !full;
    for (const OrderKey& key : order_.keys_) {
      row_.keys.push_back(SortKey::of(*key.expression, execution_));
      if (comes_before) continue;
      // Most rows come after the last of the first few by their first keys: the others are not made.
      const auto order = compare_keys(row_.keys.back(), rows_.front().keys[row_.keys.size() - 1]);
      if (key.descending ? order < 0 : order > 0) return true;
      comes_before = order != 0;
    }
    if (full) {
      if (!comes_before) return true;   // alike in all, and the former stay
      std::pop_heap(rows_.begin(), rows_.end(), before);
    } else {
      std::size_t bytes = sizeof(Sorted) + order_.columns_.size() * sizeof(TermId);
      for (const SortKey& key : row_.keys) bytes += key.bytes();
      reserved_ += bytes;
      if (!execution_.reserve(bytes)) return false;
      rows_.emplace_back();
    }
    row_.columns.clear();
    for (Slot slot : order_.columns_) row_.columns.push_back(execution_.row[slot]);
    std::swap(rows_.back(), row_);
    if (bounded) std::push_heap(rows_.begin(), rows_.end(), before);
    return true;
  }
  // Gives all of them in order, and forgets them.
  bool give(Emit emit) {
    if (rows_.size() > 1) std::sort(rows_.begin(), rows_.end(), by_keys());
    const auto& columns = order_.columns_;
    saved_.resize(columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i) saved_[i] = execution_.row[columns[i]];
    bool wanted = true;
    for (const Sorted& sorted : rows_) {
      for (std::size_t i = 0; i < columns.size(); ++i) execution_.row[columns[i]] = sorted.columns[i];
      wanted = emit();
      if (!wanted) break;
    }
    for (std::size_t i = 0; i < columns.size(); ++i) execution_.row[columns[i]] = saved_[i];
    rows_.clear();
    execution_.release(std::exchange(reserved_, 0));
    return wanted;
  }

 private:
  const OrderOperator& order_;
  Execution& execution_;
  std::vector<Sorted> rows_;
  Sorted row_;                 // the one that arrives; its memory is that of one that went
  std::vector<TermId> saved_;
  std::uint64_t arrived_ = 0;
  std::size_t reserved_ = 0;
};

bool OrderOperator::run(Execution& execution, Emit emit) {
  if (first_ == 0) return true;
  Rows rows(*this, execution);
  const bool ended = part_->run(execution, [&] {
    if (!execution.tick()) return false;
    if (presorted_ > 0 && !rows.empty() && !rows.alike() && !rows.give(emit)) return false;
    return rows.add();
  });
  return ended && rows.give(emit);
}

}  // namespace agiddi::ontology::sparql
