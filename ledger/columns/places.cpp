#include "ledger/columns/places.h"

#include <limits>
#include <unordered_set>

#include "ledger/columns/cursor.h"

namespace agiddi::ledger::columns {
namespace {

constexpr int kBits = 26;                                           // of a cell's number, each way
constexpr std::uint64_t kSide = std::uint64_t{1} << kBits;
constexpr Wide kEdge_nanos = Wide{180} * 1'000'000'000;
constexpr std::uint64_t kAcross = 8;                                // squares that a rectangle's longer side is covered with, and one more
constexpr std::uint64_t kNearestAcross = 32;                        // the same where they are visited one by one, the nearest first
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

// A square of 2^level cells each way, and its cells' numbers, inclusive.
struct Square {
  std::uint64_t a = 0, b = 0;   // its number among those of its size, each way
  int level = 0;
  TermId first() const { return (morton(a, b) << (2 * level)) + 1; }
  TermId last() const { return first() + (std::uint64_t{1} << (2 * level)) - 1; }

  // What lies beyond the edge counts to the cells at the edge.
  Rectangle rectangle() const {
    const auto degrees = [&](std::uint64_t number) {
      const std::uint64_t step = number << level;
      if (step == 0) return -std::numeric_limits<double>::infinity();
      return step >= kSide ? std::numeric_limits<double>::infinity() : static_cast<double>(step) * 360.0 / static_cast<double>(kSide) - 180.0;
    };
    return {degrees(a), degrees(a + 1), degrees(b), degrees(b + 1)};
  }
};

// Those that meet the rectangle, at most `across` and one more each way: the largest that are so few.
std::vector<Square> squares_within(const ValueRange& x, const ValueRange& y, std::uint64_t across) {
  const Steps wide = steps_of(x), high = steps_of(y);
  std::vector<Square> squares;
  if (wide.first > wide.last || high.first > high.last) return squares;
  int level = 0;
  while ((std::max(wide.last - wide.first, high.last - high.first) >> level) >= across) ++level;
  for (std::uint64_t a = wide.first >> level; a <= wide.last >> level; ++a) {
    for (std::uint64_t b = high.first >> level; b <= high.last >> level; ++b) squares.push_back({a, b, level});
  }
  return squares;
}

struct CellRange {
  TermId first = 0, last = 0;   // inclusive
};

// Of all cells that the rectangle meets, and some around it.
std::vector<CellRange> cells_within(const ValueRange& x, const ValueRange& y) {
  std::vector<CellRange> ranges;
  for (const Square& square : squares_within(x, y, kAcross)) ranges.push_back({square.first(), square.last()});
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
  ranges.push_back({kAnywhere, kAnywhere});
  return ranges;
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

void nearest_within(const Pairs& cells, const ValueRange& x, const ValueRange& y, const FarAtLeast& far_at_least,
                    const std::function<bool(Node, double)>& visit) {
  struct Stop {
    double at_least = 0;
    CellRange cells;
  };
  std::vector<Stop> stops{{0, {kAnywhere, kAnywhere}}};
  for (const Square& square : squares_within(x, y, kNearestAcross)) stops.push_back({far_at_least(square.rectangle()), {square.first(), square.last()}});
  std::sort(stops.begin(), stops.end(), [](const Stop& a, const Stop& b) { return a.at_least < b.at_least; });
  std::unordered_set<Node> in_several;   // a subject with several cells is told of once, where it is nearest
  for (const auto& [at_least, range] : stops) {
    for (auto at = holders_of<false>(cells, range.first, range.last); !at.done(); at.advance()) {
      const Node subject = at.head().subject;
      if (cells.count_of_subject(subject) > 1 && !in_several.insert(subject).second) continue;
      if (!visit(subject, at_least)) return;
    }
  }
}

std::uint64_t count_within(const Pairs& cells, const ValueRange& x, const ValueRange& y) {
  std::uint64_t count = 0;
  for (const CellRange& range : cells_within(x, y)) count += cells.count_of_objects(range.first, range.last);
  return count;
}

}  // namespace agiddi::ledger::columns
