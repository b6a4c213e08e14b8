#include "ledger/columns/places.h"

#include "ledger/columns/cursor.h"

namespace agiddi::ledger::columns {
namespace {

constexpr int kBits = 26;                                           // of a cell's number, each way
constexpr std::uint64_t kSide = std::uint64_t{1} << kBits;
constexpr Wide kEdge_nanos = Wide{180} * 1'000'000'000;
constexpr std::uint64_t kAcross = 8;                                // squares that a rectangle's longer side is covered with, and one more
constexpr std::size_t kNumbersMax = 4;                              // of one subject, each way
constexpr TermId kAnywhere = std::uint64_t{1} << (2 * kBits + 1);

std::uint64_t step_of(TermId number) {
  const Wide nanos = std::clamp(inline_nanos(number), -kEdge_nanos, kEdge_nanos);
  return std::min(static_cast<std::uint64_t>((nanos + kEdge_nanos) * static_cast<Wide>(kSide) / (2 * kEdge_nanos)), kSide - 1);
}

// Bits of both by turns.
std::uint64_t spread(std::uint64_t bits) {
  bits = (bits | bits << 16) & 0x0000ffff0000ffffULL;
  bits = (bits | bits << 8) & 0x00ff00ff00ff00ffULL;
  bits = (bits | bits << 4) & 0x0f0f0f0f0f0f0f0fULL;
  bits = (bits | bits << 2) & 0x3333333333333333ULL;
  return (bits | bits << 1) & 0x5555555555555555ULL;
}
std::uint64_t morton(std::uint64_t x, std::uint64_t y) { return spread(x) | spread(y) << 1; }
TermId cell(std::uint64_t x, std::uint64_t y) { return morton(x, y) + 1; }   // 0 is no id

struct Steps {
  std::uint64_t first = 0, last = kSide - 1;
};
Steps steps_of(const ValueRange& range) {
  Steps steps;
  const auto step = [](const Term* bound, std::uint64_t unbounded) {
    const TermId id = bound == nullptr ? kNoTerm : inline_id(*bound);
    return is_inline_number(id) ? step_of(id) : unbounded;
  };
  steps.first = step(range.low, 0);
  steps.last = step(range.high, kSide - 1);
  return steps;
}

std::vector<TermId> cells_of(const std::vector<TermId>& xs, const std::vector<TermId>& ys) {
  if (xs.empty() || ys.empty()) return {};
  const auto placed = [](const std::vector<TermId>& numbers) {
    return numbers.size() <= kNumbersMax && std::all_of(numbers.begin(), numbers.end(), is_inline_number);
  };
  if (!placed(xs) || !placed(ys)) return {kAnywhere};
  std::vector<TermId> cells;
  for (const TermId x : xs) {
    for (const TermId y : ys) cells.push_back(cell(step_of(x), step_of(y)));
  }
  std::sort(cells.begin(), cells.end());
  cells.erase(std::unique(cells.begin(), cells.end()), cells.end());
  return cells;
}

// The objects of a subject, whose rows are not before `at`, and where the next subject's rows may begin.
struct ObjectRows {
  std::vector<TermId> objects;
  std::uint32_t end = 0;
};
ObjectRows rows_from(const Base& base, std::uint32_t at, Node subject) {
  ObjectRows rows;
  while (at < base.size() && base.subject(at) < subject) ++at;
  for (; at < base.size() && base.subject(at) == subject; ++at) rows.objects.push_back(base.object(at));
  rows.end = at;
  return rows;
}

}  // namespace

std::vector<TermId> cells_of(const State& state, Node subject) {
  const auto objects_in = [&](TermId predicate) {
    std::vector<TermId> objects;
    if (const Pairs* column = state.find(predicate)) {
      for (SubjectCursor at = rows_of(*column, subject); !at.done(); at.advance()) objects.push_back(at.head().object);
    }
    return objects;
  };
  return cells_of(objects_in(state.x), objects_in(state.y));
}

std::vector<CellRange> cells_within(const ValueRange& x, const ValueRange& y) {
  const Steps across = steps_of(x), up = steps_of(y);
  std::vector<CellRange> ranges;
  if (across.first <= across.last && up.first <= up.last) {
    // Squares of cells, the largest of which only some meet the rectangle for nothing.
    int level = 0;
    while ((std::max(across.last - across.first, up.last - up.first) >> level) >= kAcross) ++level;
    for (std::uint64_t a = across.first >> level; a <= across.last >> level; ++a) {
      for (std::uint64_t b = up.first >> level; b <= up.last >> level; ++b) {
        const std::uint64_t first = morton(a, b) << (2 * level);
        ranges.push_back({first + 1, first + (std::uint64_t{1} << (2 * level))});
      }
    }
    std::sort(ranges.begin(), ranges.end(), [](const CellRange& one, const CellRange& other) { return one.first < other.first; });
    std::size_t kept = 0;
    for (const CellRange& range : ranges) {
      if (kept > 0 && ranges[kept - 1].last + 1 == range.first) {
        ranges[kept - 1].last = range.last;
      } else {
        ranges[kept++] = range;
      }
    }
    ranges.resize(kept);
  }
  ranges.push_back({kAnywhere, kAnywhere});
  return ranges;
}

std::shared_ptr<const Pairs> all_cells(const State& state) {
  std::vector<Node> subjects;
  std::vector<TermId> cells;
  const Pairs *x = state.find(state.x), *y = state.find(state.y);
  std::uint32_t b = 0;
  for (std::uint32_t a = 0; x != nullptr && y != nullptr && a < x->base()->size();) {
    const Node subject = x->base()->subject(a);
    const ObjectRows xs = rows_from(*x->base(), a, subject), ys = rows_from(*y->base(), b, subject);
    for (const TermId cell : cells_of(xs.objects, ys.objects)) {
      subjects.push_back(subject);
      cells.push_back(cell);
    }
    a = xs.end;
    b = ys.end;
  }
  return std::make_shared<const Pairs>(std::make_shared<const Base>(std::move(subjects), cells));
}

std::vector<Change> changed_cells(const State& before, const State& after, std::vector<Node> subjects) {
  std::sort(subjects.begin(), subjects.end());
  subjects.erase(std::unique(subjects.begin(), subjects.end()), subjects.end());
  std::vector<Change> changes;
  for (const Node subject : subjects) {
    const std::vector<TermId> then = cells_of(before, subject), now = cells_of(after, subject);
    const auto add = [&](const std::vector<TermId>& from, const std::vector<TermId>& without, bool added) {
      for (const TermId cell : from) {
        if (!std::binary_search(without.begin(), without.end(), cell)) changes.push_back({{subject, cell}, added});
      }
    };
    add(then, now, false);
    add(now, then, true);
  }
  return changes;
}

std::vector<Node> subjects_within(const Pairs& cells, const ValueRange& x, const ValueRange& y) {
  std::vector<Node> subjects;
  for (const CellRange& range : cells_within(x, y)) {
    for (auto at = holders_of<false>(cells, range.first, range.last); !at.done(); at.advance()) subjects.push_back(at.head().subject);
  }
  std::sort(subjects.begin(), subjects.end());
  subjects.erase(std::unique(subjects.begin(), subjects.end()), subjects.end());
  return subjects;
}

std::uint64_t count_within(const Pairs& cells, const ValueRange& x, const ValueRange& y) {
  std::uint64_t count = 0;
  for (const CellRange& range : cells_within(x, y)) count += cells.count_of_objects(range.first, range.last);
  return count;
}

}  // namespace agiddi::ledger::columns
