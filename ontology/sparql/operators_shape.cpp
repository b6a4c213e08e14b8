// FILTER, BIND, UNION, projection, DISTINCT and LIMIT.
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

}  // namespace agiddi::ontology::sparql
