// ORDER BY: rows are sorted by the ids of their keys as far as ids tell, and a term is read only where two rows are alike until then.
#include <algorithm>
#include <memory>

#include "ontology/sparql/expression.h"
#include "ontology/sparql/operators.h"

namespace agiddi::ontology::sparql {

namespace {

// What a row is sorted by: the id of a variable, or the value of another expression. Nothing of both: unbound.
struct SortKey {
  TermId id = kNoTerm;
  std::unique_ptr<const Value> value;   // of an id, when it was asked for
};

// BOUND(?v) or !BOUND(?v): what puts rows without a value last.
std::optional<bool> is_bound(const Expr& expression, const Execution& execution) {
  if (expression.kind == Expr::Kind::not_) {
    const auto bound = is_bound(*expression.args[0], execution);
    return bound ? std::optional(!*bound) : std::nullopt;
  }
  if (expression.kind != Expr::Kind::builtin || expression.builtin != Builtin::bound) return std::nullopt;
  return execution.row[expression.args[0]->slot] != kNoTerm;
}

}  // namespace

std::string OrderOperator::describe() const {
  std::string out = first_ ? "order, first " + std::to_string(*first_) : "order";
  return presorted_ > 0 ? out + ", of rows that come in the order of the first " + (presorted_ > 1 ? std::to_string(presorted_) + " keys" : "key") : out;
}

// The rows that are being sorted, in memory that the execution counts.
class OrderOperator::Rows {
 public:
  Rows(const OrderOperator& order, Execution& execution) : order_(order), execution_(execution) { make_room(); }
  ~Rows() { execution_.release(reserved_); }

  bool empty() const { return rows_.empty(); }
  // Whether the current solution has the same presorted keys.
  bool alike() {
    for (std::size_t i = 0; i < order_.presorted_; ++i) {
      read(i, key_of(spare_, i));
      if (compare(key_of(rows_.back(), i), key_of(spare_, i)) != 0) return false;
    }
    return true;
  }
  // The current solution. False: no memory.
  bool add() {
    const bool bounded = order_.first_ && order_.presorted_ == 0;
    const bool full = bounded && rows_.size() >= *order_.first_;
    bool wanted = !full;
    for (std::size_t i = 0; i < order_.keys_.size(); ++i) {
      read(i, key_of(spare_, i));
      if (wanted) continue;
      // Most rows come after the last of the first few by their first keys: the others are not made.
      const auto order = compare(key_of(spare_, i), key_of(rows_.front(), i));
      if (order_.keys_[i].descending ? order < 0 : order > 0) return !execution_.stopped();
      wanted = order != 0;
    }
    if (!wanted) return !execution_.stopped();   // alike in all, and the former stay
    arrived_[spare_] = arrivals_++;
    for (std::size_t i = 0; i < order_.columns_.size(); ++i) columns_[spare_ * order_.columns_.size() + i] = execution_.row[order_.columns_[i]];
    const auto before = [this](Row a, Row b) { return comes_before(a, b); };
    if (full) {
      std::pop_heap(rows_.begin(), rows_.end(), before);
      std::swap(rows_.back(), spare_);
    } else {
      rows_.push_back(spare_);
      spare_ = static_cast<Row>(rows_.size());
      make_room();
    }
    if (bounded) std::push_heap(rows_.begin(), rows_.end(), before);
    return !execution_.stopped();
  }
  // Gives all of them in order, and forgets them.
  bool give(Emit emit) {
    if (!sort()) return false;
    const auto& columns = order_.columns_;
    saved_.resize(columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i) saved_[i] = execution_.row[columns[i]];
    bool wanted = true;
    for (auto row = rows_.begin(); wanted && row != rows_.end(); ++row) {
      for (std::size_t i = 0; i < columns.size(); ++i) execution_.row[columns[i]] = columns_[*row * columns.size() + i];
      wanted = emit();
    }
    for (std::size_t i = 0; i < columns.size(); ++i) execution_.row[columns[i]] = saved_[i];
    rows_.clear();
    keys_.clear();
    columns_.clear();
    arrived_.clear();
    execution_.release(std::exchange(reserved_, 0));
    spare_ = 0;
    make_room();
    return wanted;
  }

 private:
  using Row = std::uint32_t;   // its place in the three below
  struct Stopped {};

  // False: out of time or memory, which the terms that are read for it cost. A comparison may not answer just anything then, so it leaves by an exception.
  bool sort() {
    try {
      std::sort(rows_.begin(), rows_.end(), [this](Row a, Row b) {
        if (!execution_.tick()) throw Stopped{};
        return comes_before(a, b);
      });
    } catch (const Stopped&) {
      return false;
    }
    return !execution_.stopped();
  }

  SortKey& key_of(Row row, std::size_t key) { return keys_[row * order_.keys_.size() + key]; }

  // Of the spare row.
  void make_room() {
    const std::size_t rows = std::size_t{spare_} + 1;
    if (rows <= arrived_.size()) return;
    keys_.resize(rows * order_.keys_.size());
    columns_.resize(rows * order_.columns_.size());
    arrived_.resize(rows);
    count(order_.keys_.size() * sizeof(SortKey) + order_.columns_.size() * sizeof(TermId) + sizeof(std::uint64_t) + sizeof(Row));
  }

  void count(std::size_t bytes) {
    reserved_ += bytes;
    execution_.reserve(bytes);
  }

  // A key of the current solution.
  void read(std::size_t key, SortKey& out) {
    const Expr& expression = *order_.keys_[key].expression;
    forget_value(out);
    if (expression.kind == Expr::Kind::variable) {
      out.id = execution_.row[expression.slot];
    } else if (const auto bound = is_bound(expression, execution_)) {
      out.id = ledger::make_id(ledger::TermTag::boolean, *bound ? 1 : 0);
    } else {
      out.id = kNoTerm;
      set_value(out, evaluate(expression, execution_));
    }
  }

  std::strong_ordering compare(SortKey& a, SortKey& b) {
    if (!a.value && !b.value && a.id == b.id) return std::strong_ordering::equal;
    if (a.id != kNoTerm && b.id != kNoTerm) {
      if (a.id == b.id) return std::strong_ordering::equal;
      if (ledger::tag_of(a.id) == ledger::TermTag::boolean && ledger::tag_of(b.id) == ledger::TermTag::boolean) return a.id <=> b.id;
      if (const auto order = compare_ids(a.id, b.id)) return *order;
    }
    return sort_order(value_of(a), value_of(b));
  }

  const Value& value_of(SortKey& key) {
    if (!key.value) set_value(key, key.id == kNoTerm ? Value::error() : Value::of(execution_.term(key.id)));
    return *key.value;
  }

  void set_value(SortKey& key, Value value) {
    key.value = std::make_unique<const Value>(std::move(value));
    count(bytes_of(*key.value));
  }
  void forget_value(SortKey& key) {
    if (!key.value) return;
    reserved_ -= bytes_of(*key.value);
    execution_.release(bytes_of(*key.value));
    key.value.reset();
  }

  static std::size_t bytes_of(const Value& value) { return sizeof value + value.term.value.size() + value.term.datatype.size(); }

  bool comes_before(Row a, Row b) {
    for (std::size_t i = 0; i < order_.keys_.size(); ++i) {
      const auto order = compare(key_of(a, i), key_of(b, i));
      if (order != 0) return order_.keys_[i].descending ? order > 0 : order < 0;
    }
    return arrived_[a] < arrived_[b];   // the sort is stable
  }

  const OrderOperator& order_;
  Execution& execution_;
  std::vector<SortKey> keys_;
  std::vector<TermId> columns_;
  std::vector<std::uint64_t> arrived_;   // when
  std::vector<Row> rows_;                // those that are kept, as a heap where only the first few are wanted
  Row spare_ = 0;                        // where the one that arrives is read
  std::vector<TermId> saved_;
  std::uint64_t arrivals_ = 0;
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
