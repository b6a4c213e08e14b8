#include "ledger/columns/look_up.h"

#include "ledger/columns/cursor.h"

namespace agiddi::ledger::columns {
namespace {

constexpr std::uint32_t kSteps = 8;   // taken before a search

// What was found and not told yet.
class Found {
 public:
  explicit Found(const VisitFound& visit) : visit_(visit) {}
  // False: no more is wanted.
  bool add(std::uint32_t of, TermId found) {
    of_[count_] = of;
    found_[count_] = found;
    return ++count_ < kFoundMax || tell();
  }
  bool tell() {
    const std::size_t count = std::exchange(count_, 0);
    return count == 0 || visit_({of_.data(), count}, {found_.data(), count});
  }

 private:
  const VisitFound& visit_;
  std::size_t count_ = 0;
  std::array<std::uint32_t, kFoundMax> of_;
  std::array<TermId, kFoundMax> found_;
};

// The changes of a key in one run, for keys that ascend as a rule.
template <class Key, class Of>
class RunFinger {
 public:
  RunFinger(const std::vector<Change>& changes, Of of) : changes_(changes), of_(of) {}
  std::span<const Change> of(Key key) {
    if (at_ > 0 && !(of_(changes_[at_ - 1]) < key)) {
      seek(0, key);
    } else {
      for (std::uint32_t steps = 0; at_ < changes_.size() && of_(changes_[at_]) < key; ++at_) {
        if (++steps > kSteps) {
          seek(at_, key);
          break;
        }
      }
    }
    std::size_t end = at_;
    while (end < changes_.size() && of_(changes_[end]) == key) ++end;
    return {changes_.data() + at_, end - at_};
  }

 private:
  void seek(std::size_t from, Key key) {
    const auto begin = changes_.begin() + static_cast<std::ptrdiff_t>(from);
    at_ = static_cast<std::size_t>(std::partition_point(begin, changes_.end(), [&](const Change& change) { return of_(change) < key; }) - changes_.begin());
  }
  const std::vector<Change>& changes_;
  Of of_;
  std::size_t at_ = 0;
};

constexpr auto kSubjectOf = [](const Change& change) { return change.pair.subject; };
constexpr auto kObjectOf = [](const Change& change) { return change.pair.object; };

// The changes of a key in all runs. As a rule at most one run has some.
struct Changes {
  std::span<const Change> only;
  bool several = false;    // runs have some: they must be merged
  // A pair of the base that a run mentions is there when the run says so: removed, and perhaps added again.
  bool mention(const Pair& pair) const {
    return std::any_of(only.begin(), only.end(), [&](const Change& change) { return change.pair == pair; });
  }
};

template <class Fingers, class Key>
Changes changes_of(Fingers& fingers, Key key) {
  Changes out;
  for (auto& finger : fingers) {
    const auto some = finger.of(key);
    if (some.empty()) continue;
    out.several = !out.only.empty();
    out.only = some;
    if (out.several) break;
  }
  return out;
}

// The rows of a subject, for subjects that ascend as a rule.
class RowFinger {
 public:
  explicit RowFinger(const Base* base) : base_(base), size_(base ? base->size() : 0) {}
  Span rows_of(Node subject) {
    if (size_ == 0) return {};
    if (at_ == size_ || base_->subject(at_) > subject) return near(subject);
    for (std::uint32_t steps = 0; base_->subject(at_) < subject; ++at_) {
      if (++steps > kSteps || at_ + 1 == size_) return near(subject);
    }
    std::uint32_t end = at_;
    while (end < size_ && base_->subject(end) == subject) {
      if (end - at_ > kSteps) return near(subject);
      ++end;
    }
    return {at_, end};
  }

 private:
  Span near(Node subject) {
    const Span rows = base_->rows_of(subject);
    at_ = rows.begin < size_ ? rows.begin : 0;   // where a subject begins, never amid its rows
    return rows;
  }
  const Base* base_;
  std::uint32_t size_, at_ = 0;
};

// The rank of an object, for objects that ascend as a rule; distinct_objects() when it has none.
class RankFinger {
 public:
  explicit RankFinger(const Base* base) : base_(base), size_(base ? base->distinct_objects() : 0) {}
  std::uint32_t size() const { return size_; }
  std::uint32_t rank_of(TermId object) {
    if (size_ == 0) return 0;
    if (base_->value(at_) > object) return near(object);
    for (std::uint32_t steps = 0; base_->value(at_) < object; ++at_) {
      if (++steps > kSteps || at_ + 1 == size_) return near(object);
    }
    return base_->value(at_) == object ? at_ : size_;
  }

 private:
  std::uint32_t near(TermId object) {
    const std::uint32_t rank = base_->lower_rank(object);
    at_ = std::min(rank, size_ - 1);
    return rank < size_ && base_->value(rank) == object ? rank : size_;
  }
  const Base* base_;
  std::uint32_t size_, at_ = 0;
};

// Some subjects that are looked up together.
struct Nodes {
  static constexpr Node kNobody = ~Node{0};
  static constexpr Node kNear = 256;

  explicit Nodes(std::span<const TermId> subjects) : count(std::min(Base::kTogether, subjects.size())) {
    Node widest = 0;   // what descends is wider than all
    for (std::size_t i = 0; i < count; ++i) {
      nodes[i] = is_node(subjects[i]) ? node_of(subjects[i]) : kNobody;
      if (i > 0) widest = std::max(widest, nodes[i] - nodes[i - 1]);
    }
    near = widest < kNear;
  }
  std::span<const Node> all() const { return {nodes.data(), count}; }

  std::array<Node, Base::kTogether> nodes;
  std::size_t count;
  bool near;           // ascending, and each next row is in the cache already
};

// The rows of subjects, a few dozen at a time: those near to each other by a finger, others together.
class RowsAhead {
 public:
  RowsAhead(const Base* base, std::span<const TermId> subjects) : base_(base), finger_(base), subjects_(subjects) {}
  Span rows_of(std::size_t i) {
    if (i == end_) fetch();
    return rows_[i - begin_];
  }

 private:
  void fetch() {
    begin_ = end_;
    const Nodes nodes(subjects_.subspan(begin_));
    end_ += nodes.count;
    if (base_ == nullptr) {
      rows_.fill({});
    } else if (nodes.near) {
      for (std::size_t i = 0; i < nodes.count; ++i) rows_[i] = finger_.rows_of(nodes.nodes[i]);
    } else {
      base_->rows_of(nodes.all(), rows_.data());
    }
  }

  const Base* base_;
  RowFinger finger_;
  std::span<const TermId> subjects_;
  std::size_t begin_ = 0, end_ = 0;
  std::array<Span, Base::kTogether> rows_;
};

// The first row whose subject is not smaller; at best it is this one or one of the next.
std::uint32_t first_row(const Base& base, Node subject, std::uint32_t at) {
  if (at < base.size() && (at == 0 || base.subject(at - 1) < subject)) {
    for (std::uint32_t steps = 0; steps < kSteps && at < base.size(); ++steps, ++at) {
      if (base.subject(at) >= subject) return at;
    }
  }
  return base.lower_row(subject);
}

// Objects of subjects where no run has changes. Subjects that are near to each other are merged with the rows.
void objects_of(const Base& base, std::span<const TermId> subjects, Found& found) {
  std::uint32_t at = 0;
  std::array<Span, Base::kTogether> rows;
  for (std::size_t begin = 0; begin < subjects.size(); begin += Base::kTogether) {
    const Nodes nodes(subjects.subspan(begin));
    if (!nodes.near) {
      base.rows_of(nodes.all(), rows.data());
      for (std::size_t i = 0; i < nodes.count; ++i) {
        for (std::uint32_t row = rows[i].begin; row < rows[i].end; ++row) {
          if (!found.add(static_cast<std::uint32_t>(begin + i), base.object(row))) return;
        }
      }
      continue;
    }
    for (std::size_t i = 0; i < nodes.count; ++i) {
      const Node subject = nodes.nodes[i];
      at = first_row(base, subject, at);
      for (std::uint32_t row = at; row < base.size() && base.subject(row) == subject; ++row) {   // `at` stays: the next may be the same
        if (!found.add(static_cast<std::uint32_t>(begin + i), base.object(row))) return;
      }
    }
  }
  found.tell();
}

void objects_of(const Pairs& column, const LookUps& wanted, Found& found) {
  const Base* base = column.base();
  std::vector<RunFinger<Node, decltype(kSubjectOf)>> runs;
  for (const auto& run : column.runs()) runs.emplace_back(run->by_subject, kSubjectOf);
  const bool both = !wanted.objects.empty();
  if (runs.empty() && !both) {
    if (base != nullptr) objects_of(*base, wanted.subjects, found);
    return;
  }
  RowsAhead rows(base, wanted.subjects);
  RankFinger ranks(both ? base : nullptr);
  for (std::uint32_t i = 0; i < wanted.size(); ++i) {
    const Span span = rows.rows_of(i);
    if (!is_node(wanted.subjects[i])) continue;
    const Node subject = node_of(wanted.subjects[i]);
    const Changes changes = changes_of(runs, subject);
    const bool many = changes.several || changes.only.size() > kSteps;
    if (both && (many || span.size() > kSteps)) {
      if (column.contains({subject, wanted.objects[i]}) && !found.add(i, wanted.objects[i])) return;
      continue;
    }
    if (many) {
      for (SubjectCursor at = columns::rows_of(column, subject); !at.done(); at.advance()) {
        if (!found.add(i, at.head().object)) return;
      }
      continue;
    }
    if (both && span.size() > 0) {
      // Ranks lie beside the rows; the objects themselves lie anywhere.
      const std::uint32_t rank = ranks.rank_of(wanted.objects[i]);
      for (std::uint32_t row = span.begin; row < span.end; ++row) {
        if (base->rank(row) != rank || changes.mention({subject, wanted.objects[i]})) continue;
        if (!found.add(i, wanted.objects[i])) return;
      }
    } else {
      for (std::uint32_t row = span.begin; row < span.end; ++row) {
        const TermId object = base->object(row);
        if (!changes.only.empty() && changes.mention({subject, object})) continue;
        if (!found.add(i, object)) return;
      }
    }
    for (const Change& change : changes.only) {
      if (!change.added || (both && change.pair.object != wanted.objects[i])) continue;
      if (!found.add(i, change.pair.object)) return;
    }
  }
  found.tell();
}

void subjects_of(const Pairs& column, const LookUps& wanted, Found& found) {
  const Base* base = column.base();
  RankFinger ranks(base);
  std::vector<RunFinger<TermId, decltype(kObjectOf)>> runs;
  for (const auto& run : column.runs()) runs.emplace_back(run->by_object, kObjectOf);
  for (std::uint32_t i = 0; i < wanted.size(); ++i) {
    const TermId object = wanted.objects[i];
    const Changes changes = changes_of(runs, object);
    // Few changes beside many holders as a rule; else a merge is quicker than to look each holder up among them.
    if (changes.several || changes.only.size() > kSteps) {
      for (auto at = holders_of<false>(column, object, object); !at.done(); at.advance()) {
        if (!found.add(i, id_of(at.head().subject))) return;
      }
      continue;
    }
    const std::uint32_t rank = ranks.rank_of(object);
    const Span span = rank == ranks.size() ? Span{} : base->holders_of(rank);
    for (std::uint32_t place = span.begin; place < span.end; ++place) {
      const Node holder = base->holder(place);
      if (!changes.only.empty() && changes.mention({holder, object})) continue;
      if (!found.add(i, id_of(holder))) return;
    }
    for (const Change& change : changes.only) {
      if (change.added && !found.add(i, id_of(change.pair.subject))) return;
    }
  }
  found.tell();
}

}  // namespace

void look_up(const Pairs& column, const LookUps& wanted, const VisitFound& visit) {
  Found found(visit);
  if (wanted.subjects.empty()) {
    subjects_of(column, wanted, found);
  } else {
    objects_of(column, wanted, found);
  }
}

}  // namespace agiddi::ledger::columns
