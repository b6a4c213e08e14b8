// TripleSource over the columns of one state.
#include "ledger/columns/cursor.h"
#include "ledger/columns/look_up.h"
#include "ledger/columns/places.h"
#include "ledger/columns/store.h"
#include "ledger/dictionary.h"
#include "ledger/row_blocks.h"

namespace agiddi::ledger::columns {
namespace {

class ColumnSource final : public TripleSource {
 public:
  ColumnSource(std::shared_ptr<const Store> store, std::shared_ptr<const State> state) : store_(std::move(store)), state_(std::move(state)) {}

  TermId find(const Term& term) const override {
    if (const TermId id = inline_id(term); id != kNoTerm) return id;
    const TermId id = store_->terms().find(encode_term(term));
    // The dictionary goes on: terms of later blocks are not in this state.
    return id == kNoTerm || payload_of(id) > state_->terms ? kNoTerm : id;
  }

  Term term(TermId id) const override { return is_inline(id) ? inline_term(id) : decode_term(store_->terms().encoded(payload_of(id))); }

  void scan(const TriplePattern& pattern, const std::function<bool(TermId, TermId, TermId)>& visit) const override {
    if (pattern.subject != kNoTerm && !is_node(pattern.subject)) return;
    if (pattern.predicate != kNoTerm) {
      const Pairs* pairs = state_->find(pattern.predicate);
      if (pairs != nullptr) scan_one(pattern.predicate, *pairs, pattern, visit);
      return;
    }
    for (const Predicate& one : state_->predicates) {
      if (!scan_one(one.id, *one.pairs, pattern, visit)) return;
    }
  }

  void scan_range(TermId predicate, const ValueRange& range, const std::function<bool(TermId, TermId)>& visit) const override {
    const Pairs* pairs = state_->find(predicate);
    if (pairs == nullptr) return;
    if (!(range.descending ? values<true>(*pairs, range, visit) : values<false>(*pairs, range, visit))) return;
    for (auto at = holders_of<false>(*pairs, make_id(TermTag::literal, 0), make_id(TermTag::literal, kPayloadMask)); !at.done(); at.advance()) {
      if (!visit(id_of(at.head().subject), at.head().object)) return;
    }
  }

  std::optional<PredicateCounts> counts(TermId predicate) const override {
    const Pairs* pairs = state_->find(predicate);
    if (pairs == nullptr) return PredicateCounts{};
    return PredicateCounts{static_cast<double>(pairs->count()), static_cast<double>(pairs->distinct_subjects()), static_cast<double>(pairs->distinct_objects())};
  }

  bool sorts(TermId predicate, ValueRange::Kind kind) const override {
    const Pairs* pairs = state_->find(predicate);
    const auto tags = ValueRange{kind}.tags();
    return pairs != nullptr && pairs->objects_within(make_id(tags.front(), 0), make_id(tags.back(), kPayloadMask));
  }

  std::optional<std::uint64_t> count_range(TermId predicate, const ValueRange& range) const override {
    const Pairs* pairs = state_->find(predicate);
    std::uint64_t count = 0;
    for (const TermTag tag : range.tags()) {
      const auto ids = pairs ? inline_range(tag, range.low, range.high) : std::nullopt;
      if (ids) count += pairs->count_of_objects(ids->first, ids->second);
    }
    return count;
  }

  bool scan_box(const Box& box, const std::function<bool(TermId, TermId)>& visit) const override {
    if (!has_places(box)) return false;
    const Pairs& column = *state_->find(box.x);
    const bool turned = box.x != state_->x;
    for (const Node subject : subjects_within(*state_->cells.pairs, turned ? box.y_range : box.x_range, turned ? box.x_range : box.y_range)) {
      for (SubjectCursor at = rows_of(column, subject); !at.done(); at.advance()) {
        if (!visit(id_of(subject), at.head().object)) return true;
      }
    }
    return true;
  }

  bool scan_nearest(const Box& box, const FarAtLeast& far_at_least, const std::function<bool(TermId, double)>& visit) const override {
    if (!has_places(box)) return false;
    const auto visit_node = [&](Node subject, double at_least) { return visit(id_of(subject), at_least); };
    if (box.x == state_->x) {
      nearest_within(*state_->cells.pairs, box.x_range, box.y_range, far_at_least, visit_node);
    } else {
      nearest_within(*state_->cells.pairs, box.y_range, box.x_range, [&](const Rectangle& r) { return far_at_least({r.y_low, r.y_high, r.x_low, r.x_high}); }, visit_node);
    }
    return true;
  }

  std::optional<std::uint64_t> count_box(const Box& box) const override {
    if (!has_places(box)) return std::nullopt;
    const bool turned = box.x != state_->x;
    return count_within(*state_->cells.pairs, turned ? box.y_range : box.x_range, turned ? box.x_range : box.y_range);
  }

  void scan_rows(TermId predicate, const VisitRows& visit) const override {
    const Pairs* pairs = state_->find(predicate);
    if (pairs == nullptr) return;
    RowBlocks rows(visit);
    if (pairs->runs().empty()) {
      const Base& base = *pairs->base();
      for (std::uint32_t row = 0; row < base.size(); ++row) {
        if (!rows.add(id_of(base.subject(row)), base.object(row))) return;
      }
    } else {
      for (SubjectCursor at = all_rows(*pairs); !at.done(); at.advance()) {
        if (!rows.add(id_of(at.head().subject), at.head().object)) return;
      }
    }
    rows.tell();
  }

  void look_up(const LookUps& wanted, const VisitFound& visit) const override {
    if (const Pairs* pairs = state_->find(wanted.predicate)) columns::look_up(*pairs, wanted, visit);
  }

  std::uint64_t estimate(const TriplePattern& pattern) const override {
    if (pattern.subject != kNoTerm && !is_node(pattern.subject)) return 0;
    if (pattern.predicate != kNoTerm) {
      const Pairs* pairs = state_->find(pattern.predicate);
      return pairs == nullptr ? 0 : estimate_one(*pairs, pattern);
    }
    if (pattern.subject == kNoTerm && pattern.object == kNoTerm) return state_->triples;
    std::uint64_t count = 0;
    for (const Predicate& one : state_->predicates) count += estimate_one(*one.pairs, pattern);
    return count;
  }

 private:
  using Visit = std::function<bool(TermId, TermId, TermId)>;

  bool has_places(const Box& box) const {
    const bool known = (box.x == state_->x && box.y == state_->y) || (box.x == state_->y && box.y == state_->x);
    return known && box.x != box.y && state_->cells.pairs && state_->find(box.x) != nullptr;
  }

  static bool scan_one(TermId p, const Pairs& pairs, const TriplePattern& pattern, const Visit& visit) {
    if (pattern.subject != kNoTerm && pattern.object != kNoTerm) {
      return !pairs.contains({node_of(pattern.subject), pattern.object}) || visit(pattern.subject, p, pattern.object);
    }
    if (pattern.object != kNoTerm) return walk(holders_of<false>(pairs, pattern.object, pattern.object), p, visit);
    return walk(pattern.subject == kNoTerm ? all_rows(pairs) : rows_of(pairs, node_of(pattern.subject)), p, visit);
  }

  template <class Cursor>
  static bool walk(Cursor at, TermId p, const Visit& visit) {
    for (; !at.done(); at.advance()) {
      if (!visit(id_of(at.head().subject), p, at.head().object)) return false;
    }
    return true;
  }

  // The ids of each tag lie in the order of their values; those of several are merged by value.
  template <bool kDown>
  static bool values(const Pairs& pairs, const ValueRange& range, const std::function<bool(TermId, TermId)>& visit) {
    std::vector<ObjectCursor<kDown>> cursors;
    for (const TermTag tag : range.tags()) {
      const auto ids = inline_range(tag, range.low, range.high);
      if (!ids) continue;
      cursors.push_back(holders_of<kDown>(pairs, ids->first, ids->second));
      if (cursors.back().done()) cursors.pop_back();
    }
    while (!cursors.empty()) {
      auto best = cursors.begin();
      for (auto at = best + 1; at < cursors.end(); ++at) {
        const auto order = compare_inline(at->head().object, best->head().object);
        if (kDown ? order > 0 : order < 0) best = at;
      }
      if (!visit(id_of(best->head().subject), best->head().object)) return false;
      best->advance();
      if (best->done()) cursors.erase(best);
    }
    return true;
  }

  static std::uint64_t estimate_one(const Pairs& pairs, const TriplePattern& pattern) {
    if (pattern.subject != kNoTerm && pattern.object != kNoTerm) return pairs.contains({node_of(pattern.subject), pattern.object});
    if (pattern.subject != kNoTerm) return pairs.count_of_subject(node_of(pattern.subject));
    return pattern.object == kNoTerm ? pairs.count() : pairs.count_of_objects(pattern.object, pattern.object);
  }

  std::shared_ptr<const Store> store_;
  std::shared_ptr<const State> state_;
};

}  // namespace

std::unique_ptr<const TripleSource> make_source(std::shared_ptr<const Store> store, std::shared_ptr<const State> state) {
  return std::make_unique<ColumnSource>(std::move(store), std::move(state));
}

}  // namespace agiddi::ledger::columns
