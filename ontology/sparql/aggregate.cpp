// GROUP BY and the aggregates (section 11, 18.5.1).
#include <map>
#include <unordered_set>

#include "ontology/sparql/expression.h"
#include "ontology/sparql/operators.h"

namespace agiddi::ontology::sparql {

namespace {

using AggregateKind = Aggregate::Kind;

// One aggregate of one group, while solutions arrive.
class Accumulator {
 public:
  void add(const Aggregate& aggregate, const std::vector<Slot>& columns, Execution& execution) {
    if (!aggregate.argument) {
      if (aggregate.distinct) {
        std::string key;
        for (Slot slot : columns) key.append(reinterpret_cast<const char*>(&execution.row[slot]), sizeof(TermId));
        if (!is_new(std::move(key), execution)) return;
      }
      ++count_;
      return;
    }
    Value value = evaluate(*aggregate.argument, execution);
    if (value.is_error()) {
      // COUNT, MIN, MAX and SAMPLE pass over what has no value; a sum over it has none either.
      if (aggregate.kind == AggregateKind::sum || aggregate.kind == AggregateKind::avg || aggregate.kind == AggregateKind::group_concat) failed_ = true;
      return;
    }
    if (aggregate.distinct) {
      const TermId id = execution.intern(value);
      if (!is_new(std::string(reinterpret_cast<const char*>(&id), sizeof id), execution)) return;
    }
    ++count_;
    switch (aggregate.kind) {
      case AggregateKind::count: break;
      case AggregateKind::sum:
      case AggregateKind::avg: {
        const auto total = value.number ? sparql::add(sum_, *value.number) : std::nullopt;
        if (total) {
          sum_ = *total;
        } else {
          failed_ = true;
        }
        break;
      }
      case AggregateKind::min:
      case AggregateKind::max: {
        const bool better = count_ == 1 || (aggregate.kind == AggregateKind::min ? sort_order(value, best_) < 0 : sort_order(value, best_) > 0);
        if (better) best_ = std::move(value);
        break;
      }
      case AggregateKind::sample:
        if (count_ == 1) best_ = std::move(value);
        break;
      case AggregateKind::group_concat: {
        if (value.kind == Value::Kind::blank) {
          failed_ = true;
          break;
        }
        const std::string text = lexical_of(value);
        if (!execution.reserve(text.size() + aggregate.separator.size())) return;
        if (count_ > 1) text_ += aggregate.separator;
        text_ += text;
        break;
      }
    }
  }

  Value result(const Aggregate& aggregate) const {
    if (failed_) return Value::error();
    switch (aggregate.kind) {
      case AggregateKind::count: return Value::of(Number::integer(static_cast<std::int64_t>(count_)));
      case AggregateKind::sum: return Value::of(sum_);
      case AggregateKind::avg: {
        if (count_ == 0) return Value::of(Number::integer(0));
        const Number dividend = sum_.type == Number::Type::integer ? sum_.promoted(Number::Type::decimal) : sum_;
        return Value::of(divide(dividend, Number::integer(static_cast<std::int64_t>(count_))));
      }
      case AggregateKind::min:
      case AggregateKind::max:
      case AggregateKind::sample: return count_ == 0 ? Value::error() : best_;
      case AggregateKind::group_concat: return Value::string(text_);
    }
    return Value::error();
  }

 private:
  bool is_new(std::string key, Execution& execution) {
    const std::size_t bytes = key.size() + 64;
    if (!seen_.insert(std::move(key)).second) return false;
    execution.reserve(bytes);
    return true;
  }

  std::uint64_t count_ = 0;
  bool failed_ = false;
  Number sum_;
  Value best_;
  std::string text_;
  std::unordered_set<std::string> seen_;
};

}  // namespace

std::string GroupOperator::describe() const {
  return "group, " + std::to_string(keys_.size()) + " keys, " + std::to_string(aggregates_.size()) + " aggregates";
}

bool GroupOperator::run(Execution& execution, Emit emit) {
  struct Group {
    std::vector<TermId> key;
    std::vector<Accumulator> accumulators;
  };
  std::map<std::vector<TermId>, std::size_t> index;
  std::vector<Group> groups;  // in the order of their first solution
  auto group_of = [&](std::vector<TermId> key) -> std::size_t {
    const auto found = index.find(key);
    if (found != index.end()) return found->second;
    execution.reserve(sizeof(Group) + keys_.size() * 2 * sizeof(TermId) + aggregates_.size() * sizeof(Accumulator) + 64);
    groups.push_back({key, std::vector<Accumulator>(aggregates_.size())});
    index.emplace(std::move(key), groups.size() - 1);
    return groups.size() - 1;
  };
  if (keys_.empty()) group_of({});
  const bool collected = part_->run(execution, [&] {
    if (!execution.tick()) return false;
    std::vector<TermId> key;
    for (const GroupKey& part : keys_) {
      const Value value = evaluate(*part.expression, execution);
      key.push_back(value.is_error() ? kNoTerm : execution.intern(value));
    }
    const std::size_t at = group_of(std::move(key));
    for (std::size_t i = 0; i < aggregates_.size(); ++i) groups[at].accumulators[i].add(aggregates_[i], columns_, execution);
    return !execution.stopped();
  });
  if (!collected) return false;
  for (const Group& group : groups) {
    if (!execution.tick()) return false;
    std::vector<Slot> bound;
    auto bind = [&](Slot slot, TermId id) {
      if (id == kNoTerm || execution.row[slot] != kNoTerm) return;
      execution.row[slot] = id;
      bound.push_back(slot);
    };
    for (std::size_t i = 0; i < keys_.size(); ++i) bind(keys_[i].output, group.key[i]);
    for (std::size_t i = 0; i < aggregates_.size(); ++i) {
      const Value value = group.accumulators[i].result(aggregates_[i]);
      if (!value.is_error()) bind(aggregates_[i].output, execution.intern(value));
    }
    const bool wanted = emit();
    for (Slot slot : bound) execution.row[slot] = kNoTerm;
    if (!wanted) return false;
  }
  return true;
}

}  // namespace agiddi::ontology::sparql
