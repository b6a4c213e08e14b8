// GROUP BY and the aggregates (section 11, 18.5.1).
#include <algorithm>
#include <unordered_set>
#include <utility>

#include "ontology/sparql/block.h"
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
    if (aggregate.argument->kind == Expr::Kind::variable) return add(aggregate, execution.row[aggregate.argument->slot], execution);
    Value value = evaluate(*aggregate.argument, execution);
    if (value.is_error()) return pass_over(aggregate);
    if (aggregate.distinct && !is_new(execution.intern(value), execution)) return;
    add_value(aggregate, std::move(value), execution);
  }

  // The same for the value of a variable, of which ids alone say enough as a rule.
  void add(const Aggregate& aggregate, TermId id, Execution& execution) {
    if (id == kNoTerm) return pass_over(aggregate);
    if (aggregate.distinct && !is_new(id, execution)) return;
    switch (aggregate.kind) {
      case AggregateKind::count: ++count_; return;
      case AggregateKind::sample:
        if (count_++ == 0) best_id_ = id;
        return;
      case AggregateKind::min:
      case AggregateKind::max: {
        if (count_ > 0 && best_id_ == kNoTerm) break;
        const auto order = count_ == 0 ? std::nullopt : compare_ids(id, best_id_);
        if (count_ > 0 && !order) {
          best_ = execution.value(std::exchange(best_id_, kNoTerm));
          break;
        }
        if (count_++ == 0 || (aggregate.kind == AggregateKind::min ? *order < 0 : *order > 0)) best_id_ = id;
        return;
      }
      case AggregateKind::sum:
      case AggregateKind::avg:
        if (!ledger::is_inline_number(id)) break;
        ++count_;
        nanos_ += ledger::inline_nanos(id);
        decimals_ |= ledger::tag_of(id) != ledger::TermTag::integer;
        return;
      case AggregateKind::group_concat: break;
    }
    add_value(aggregate, execution.value(id), execution);
  }

  void count() { ++count_; }   // COUNT(*), or of a value that is there

  // Of MIN and MAX: whether ids say at once that a value is no better than the best so far. Within a tag they order like values.
  bool no_better(TermId id, bool smallest) const {
    return ledger::tag_of(id) == ledger::tag_of(best_id_) && (ledger::is_inline_number(id) || ledger::tag_of(id) == ledger::TermTag::date_time) &&
           (smallest ? id >= best_id_ : id <= best_id_);
  }

  Value result(const Aggregate& aggregate, Execution& execution) const {
    if (failed_) return Value::error();
    switch (aggregate.kind) {
      case AggregateKind::count: return Value::of(Number::integer(static_cast<std::int64_t>(count_)));
      case AggregateKind::sum: return Value::of(total());
      case AggregateKind::avg: {
        if (count_ == 0) return Value::of(Number::integer(0));
        const auto sum = total();
        if (!sum) return Value::error();
        const Number dividend = sum->type == Number::Type::integer ? sum->promoted(Number::Type::decimal) : *sum;
        return Value::of(divide(dividend, Number::integer(static_cast<std::int64_t>(count_))));
      }
      case AggregateKind::min:
      case AggregateKind::max:
      case AggregateKind::sample: return count_ == 0 ? Value::error() : best_id_ != kNoTerm ? execution.value(best_id_) : best_;
      case AggregateKind::group_concat: return Value::string(text_);
    }
    return Value::error();
  }

 private:
  // COUNT, MIN, MAX and SAMPLE pass over what has no value; a sum over it has none either.
  void pass_over(const Aggregate& aggregate) {
    if (aggregate.kind == AggregateKind::sum || aggregate.kind == AggregateKind::avg || aggregate.kind == AggregateKind::group_concat) failed_ = true;
  }

  void add_value(const Aggregate& aggregate, Value value, Execution& execution) {
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

  // Of what was summed by ids and by values.
  std::optional<Number> total() const {
    constexpr int kDigits = 9;
    ledger::Wide rest = nanos_ < 0 ? -nanos_ : nanos_;
    std::string text;
    for (int i = 0; i < kDigits || rest != 0; ++i, rest /= 10) {
      if (i == kDigits) text += '.';
      text += static_cast<char>('0' + static_cast<int>(rest % 10));
    }
    if (text.size() == kDigits) text += ".0";
    if (nanos_ < 0) text += '-';
    std::reverse(text.begin(), text.end());
    if (!decimals_) text.resize(text.find('.'));
    const auto number = decimals_ ? parse_decimal(text) : parse_integer(text);
    return number ? sparql::add(sum_, *number) : std::nullopt;
  }

  bool is_new(TermId id, Execution& execution) { return is_new(std::string(reinterpret_cast<const char*>(&id), sizeof id), execution); }
  bool is_new(std::string key, Execution& execution) {
    const std::size_t bytes = key.size() + 64;
    if (!seen_.insert(std::move(key)).second) return false;
    execution.reserve(bytes);
    return true;
  }

  std::uint64_t count_ = 0;
  bool failed_ = false;
  ledger::Wide nanos_ = 0;          // of inline numbers, times 10^9
  bool decimals_ = false;           // one of them was none
  Number sum_;                      // of the others
  TermId best_id_ = kNoTerm;        // or best_
  Value best_;
  std::string text_;
  std::unordered_set<std::string> seen_;
};

}  // namespace

std::string GroupOperator::describe() const {
  return "group, " + std::to_string(keys_.size()) + " keys, " + std::to_string(aggregates_.size()) + " aggregates";
}

namespace {

// The groups in the order of their first solution, found by the ids of their keys.
class Groups {
 public:
  Groups(std::size_t keys, std::size_t aggregates, Execution& execution) : keys_(keys), aggregates_(aggregates), execution_(execution), slots_(kSlotsFirst, 0) {}

  Accumulator* of(const TermId* key) { return accumulators_of(number_of(key)); }
  Accumulator* accumulators_of(std::size_t group) { return accumulators_.data() + group * aggregates_; }
  std::size_t number_of(const TermId* key) {
    std::uint64_t hash = 0;
    for (std::size_t i = 0; i < keys_; ++i) hash = (hash ^ key[i]) * 0x9E3779B97F4A7C15ull, hash ^= hash >> 32;
    for (std::size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
      if (slots_[at] == 0) return add(key, hash, at);
      const std::size_t group = slots_[at] - 1;
      if (same(key, group)) return group;
    }
  }
  std::size_t count() const { return hashes_.size(); }
  const TermId* key(std::size_t group) const { return ids_.data() + group * keys_; }
  const Accumulator& result(std::size_t group, std::size_t aggregate) const { return accumulators_[group * aggregates_ + aggregate]; }

 private:
  static constexpr std::size_t kSlotsFirst = 64;

  bool same(const TermId* key, std::size_t group) const {
    const TermId* other = ids_.data() + group * keys_;
    for (std::size_t i = 0; i < keys_; ++i) {
      if (key[i] != other[i]) return false;
    }
    return true;
  }

  std::size_t add(const TermId* key, std::uint64_t hash, std::size_t at) {
    execution_.reserve(keys_ * sizeof(TermId) + aggregates_ * sizeof(Accumulator) + 32);
    ids_.insert(ids_.end(), key, key + keys_);
    hashes_.push_back(hash);
    accumulators_.resize(accumulators_.size() + aggregates_);
    slots_[at] = static_cast<std::uint32_t>(hashes_.size());
    if (hashes_.size() * 2 > slots_.size()) {
      slots_.assign(slots_.size() * 4, 0);
      for (std::size_t group = 0; group < hashes_.size(); ++group) {
        std::size_t place = hashes_[group] & (slots_.size() - 1);
        while (slots_[place] != 0) place = (place + 1) & (slots_.size() - 1);
        slots_[place] = static_cast<std::uint32_t>(group + 1);
      }
    }
    return hashes_.size() - 1;
  }

  const std::size_t keys_, aggregates_;
  Execution& execution_;
  std::vector<std::uint32_t> slots_;      // group + 1; 0 = free
  std::vector<std::uint64_t> hashes_;
  std::vector<TermId> ids_;
  std::vector<Accumulator> accumulators_;
};

// One aggregate of a block's rows. `values` is empty for COUNT(*).
void add_column(const Aggregate& aggregate, std::size_t number, const std::vector<std::size_t>& group_of, std::span<const TermId> values, Groups& groups, Execution& execution) {
  const bool smallest = aggregate.kind == AggregateKind::min;
  for (std::size_t row = 0; row < group_of.size(); ++row) {
    Accumulator& one = groups.accumulators_of(group_of[row])[number];
    if (values.empty() || (aggregate.kind == AggregateKind::count && !aggregate.distinct && values[row] != kNoTerm)) {
      one.count();
    } else if ((smallest || aggregate.kind == AggregateKind::max) && one.no_better(values[row], smallest)) {
      continue;
    } else {
      one.add(aggregate, values[row], execution);
    }
  }
}

bool is_variable(const ExprPtr& expr) { return expr->kind == Expr::Kind::variable; }

}  // namespace

bool GroupOperator::by_columns() const {
  return part_->blocks() != nullptr && std::all_of(keys_.begin(), keys_.end(), [](const GroupKey& key) { return is_variable(key.expression); }) &&
         std::all_of(aggregates_.begin(), aggregates_.end(), [](const Aggregate& one) { return one.argument ? is_variable(one.argument) : !one.distinct; });
}

bool GroupOperator::run(Execution& execution, Emit emit) {
  Groups groups(keys_.size(), aggregates_.size(), execution);
  std::vector<TermId> key(keys_.size());
  if (keys_.empty()) groups.of(key.data());
  bool collected = false;
  std::vector<std::size_t> group_of;   // of each row of a block
  if (by_columns()) {
    std::vector<Slot> slots;
    for (const GroupKey& part : keys_) slots.push_back(part.expression->slot);
    for (const Aggregate& aggregate : aggregates_) {
      if (aggregate.argument) slots.push_back(aggregate.argument->slot);
    }
    Columns columns(std::move(slots));
    collected = part_->blocks()->run_blocks(execution, [&](const Block& block) {
      columns.load(block, execution);
      group_of.resize(block.size);
      for (std::size_t row = 0; row < block.size; ++row) {
        for (std::size_t i = 0; i < key.size(); ++i) key[i] = columns[i][row];
        group_of[row] = groups.number_of(key.data());
      }
      for (std::size_t i = 0, column = key.size(); i < aggregates_.size(); ++i) {
        add_column(aggregates_[i], i, group_of, aggregates_[i].argument ? columns[column++] : std::span<const TermId>(), groups, execution);
      }
      return execution.tick(block.size);
    });
  } else {
    collected = part_->run(execution, [&] {
      if (!execution.tick()) return false;
      for (std::size_t i = 0; i < key.size(); ++i) {
        const Value value = evaluate(*keys_[i].expression, execution);
        key[i] = value.is_error() ? kNoTerm : execution.intern(value);
      }
      Accumulator* accumulators = groups.of(key.data());
      for (std::size_t i = 0; i < aggregates_.size(); ++i) accumulators[i].add(aggregates_[i], columns_, execution);
      return !execution.stopped();
    });
  }
  if (!collected) return false;
  for (std::size_t group = 0; group < groups.count(); ++group) {
    if (!execution.tick()) return false;
    std::vector<Slot> bound;
    auto bind = [&](Slot slot, TermId id) {
      if (id == kNoTerm || execution.row[slot] != kNoTerm) return;
      execution.row[slot] = id;
      bound.push_back(slot);
    };
    for (std::size_t i = 0; i < keys_.size(); ++i) bind(keys_[i].output, groups.key(group)[i]);
    for (std::size_t i = 0; i < aggregates_.size(); ++i) {
      const Value value = groups.result(group, i).result(aggregates_[i], execution);
      if (!value.is_error()) bind(aggregates_[i].output, execution.intern(value));
    }
    const bool wanted = emit();
    for (Slot slot : bound) execution.row[slot] = kNoTerm;
    if (!wanted) return false;
  }
  return true;
}

}  // namespace agiddi::ontology::sparql
