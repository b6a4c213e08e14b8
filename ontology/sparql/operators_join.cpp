// Joins, OPTIONAL and MINUS.
#include <algorithm>

#include "ontology/sparql/expression.h"
#include "ontology/sparql/operators.h"

namespace agiddi::ontology::sparql {

namespace {

constexpr std::uint32_t kEnd = 0xffffffff;

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash ^= value + 0x9E3779B97F4A7C15ull + (hash << 6) + (hash >> 2);
  hash *= 0xFF51AFD7ED558CCDull;
  return hash ^ (hash >> 32);
}

}  // namespace

bool NestedJoinOperator::run(Execution& execution, Emit emit) {
  return left_->run(execution, [&] { return right_->run(execution, emit); });
}

std::uint64_t SolutionTable::key_hash(const TermId* wide_row) const {
  std::uint64_t hash = 0;
  for (Slot slot : keys_) hash = mix(hash, wide_row[slot]);
  return hash;
}

bool SolutionTable::fill(Execution& execution, Operator& part) {
  if (filled_ && epoch_ == execution.epoch && graph_ == execution.graph) return true;
  data_.clear();
  next_.clear();
  heads_.clear();
  execution.release(reserved_);
  count_ = reserved_ = 0;
  filled_ = false;
  // By itself: with the bindings of the enclosing EXISTS, if any, and no others.
  std::vector<TermId> own_row = execution.base;
  TermId* outer_row = execution.row;
  execution.row = own_row.data();
  const std::size_t each = columns_.size() * sizeof(TermId) + sizeof(std::uint32_t) + 32;
  const bool wanted = part.run(execution, [&] {
    if (!execution.reserve(each) || count_ + 1 >= kEnd) return false;
    reserved_ += each;
    for (Slot slot : columns_) data_.push_back(execution.row[slot]);
    const auto [head, is_new] = heads_.try_emplace(key_hash(execution.row), kEnd);
    next_.push_back(head->second);
    head->second = static_cast<std::uint32_t>(count_++);
    return true;
  });
  execution.row = outer_row;
  filled_ = wanted;
  epoch_ = execution.epoch;
  graph_ = execution.graph;
  return wanted;
}

bool SolutionTable::compatible(const Execution& execution, const TermId* stored) const {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const TermId current = execution.row[columns_[i]];
    if (current != kNoTerm && stored[i] != kNoTerm && current != stored[i]) return false;
  }
  return true;
}

template <class Visit>
bool SolutionTable::candidates(const Execution& execution, Visit visit) const {
  const auto found = heads_.find(key_hash(execution.row));
  if (found == heads_.end()) return true;
  for (std::uint32_t at = found->second; at != kEnd; at = next_[at]) {
    const TermId* stored = data_.data() + at * columns_.size();
    if (compatible(execution, stored) && !visit(stored)) return false;
  }
  return true;
}

bool SolutionTable::join(Execution& execution, Emit emit) const {
  std::vector<Slot> bound;
  return candidates(execution, [&](const TermId* stored) {
    if (!execution.tick()) return false;
    bound.clear();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      TermId& cell = execution.row[columns_[i]];
      if (cell == kNoTerm && stored[i] != kNoTerm) {
        cell = stored[i];
        bound.push_back(columns_[i]);
      }
    }
    const bool wanted = emit();
    for (Slot slot : bound) execution.row[slot] = kNoTerm;
    return wanted;
  });
}

bool SolutionTable::excludes(const Execution& execution) const {
  return !candidates(execution, [&](const TermId* stored) {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const Slot slot = columns_[i];
      if (stored[i] != kNoTerm && execution.row[slot] != kNoTerm && execution.base[slot] == kNoTerm) return false;
    }
    return true;
  });
}

bool HashJoinOperator::run(Execution& execution, Emit emit) {
  if (!table_.fill(execution, *right_)) return false;
  if (table_.rows() == 0) return true;
  return left_->run(execution, [&] { return table_.join(execution, emit); });
}

bool LeftJoinOperator::run(Execution& execution, Emit emit) {
  if (table_ && !table_->fill(execution, *right_)) return false;
  return left_->run(execution, [&] {
    bool any = false;
    auto matched = [&] {
      for (const ExprPtr& condition : conditions_) {
        if (!holds(*condition, execution)) return true;
      }
      any = true;
      return emit();
    };
    const bool wanted = table_ ? table_->join(execution, matched) : right_->run(execution, matched);
    if (!wanted) return false;
    return any || emit();
  });
}

bool MinusOperator::run(Execution& execution, Emit emit) {
  if (table_ && !table_->fill(execution, *right_)) return false;
  return left_->run(execution, [&] {
    if (!execution.tick()) return false;
    if (table_) return table_->excludes(execution) || emit();
    bool any = false;
    right_->run(execution, [&] {
      any = true;
      return false;
    });
    if (execution.stopped()) return false;
    return any || emit();
  });
}

}  // namespace agiddi::ontology::sparql
