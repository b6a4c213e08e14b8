// FILTER, BIND, UNION, projection and the solution modifiers.
#include <algorithm>
#include <unordered_set>

#include "ontology/sparql/expression.h"
#include "ontology/sparql/operators.h"

namespace agiddi::ontology::sparql {

bool FilterOperator::run(Execution& execution, Emit emit) {
  return part_->run(execution, [&] {
    if (!execution.tick()) return false;
    for (const ExprPtr& condition : conditions_) {
      if (!holds(*condition, execution)) return !execution.stopped();
    }
    return emit();
  });
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

struct Sorted {
  std::vector<Value> keys;
  std::vector<TermId> columns;
  std::uint64_t number = 0;  // of arrival: the sort is stable
};

}  // namespace

bool OrderOperator::run(Execution& execution, Emit emit) {
  std::vector<Sorted> rows;
  std::uint64_t arrived = 0;
  std::size_t reserved = 0;
  auto before = [&](const Sorted& a, const Sorted& b) {
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      const auto order = sort_order(a.keys[i], b.keys[i]);
      if (order != 0) return keys_[i].descending ? order > 0 : order < 0;
    }
    return a.number < b.number;
  };
  const bool bounded = first_.has_value();
  const bool collected = part_->run(execution, [&] {
    if (!execution.tick()) return false;
    Sorted row;
    row.number = arrived++;
    for (const OrderKey& key : keys_) row.keys.push_back(evaluate(*key.expression, execution));
    if (bounded && rows.size() >= *first_) {
      if (rows.empty() || !before(row, rows.front())) return true;
      std::pop_heap(rows.begin(), rows.end(), before);
      rows.pop_back();
    } else {
      std::size_t bytes = sizeof(Sorted) + columns_.size() * sizeof(TermId);
      for (const Value& key : row.keys) bytes += sizeof(Value) + key.term.value.size() + key.term.datatype.size();
      reserved += bytes;
      if (!execution.reserve(bytes)) return false;
    }
    for (Slot slot : columns_) row.columns.push_back(execution.row[slot]);
    rows.push_back(std::move(row));
    if (bounded) std::push_heap(rows.begin(), rows.end(), before);
    return true;
  });
  bool wanted = collected;
  if (wanted) {
    std::sort(rows.begin(), rows.end(), before);
    std::vector<TermId> saved(columns_.size());
    for (std::size_t i = 0; i < columns_.size(); ++i) saved[i] = execution.row[columns_[i]];
    for (const Sorted& row : rows) {
      for (std::size_t i = 0; i < columns_.size(); ++i) execution.row[columns_[i]] = row.columns[i];
      wanted = emit();
      if (!wanted) break;
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) execution.row[columns_[i]] = saved[i];
  }
  execution.release(reserved);
  return wanted;
}

}  // namespace agiddi::ontology::sparql
