#include "ledger/columns/base.h"

#include <array>

namespace agiddi::ledger::columns {
namespace {

constexpr std::size_t kStepRows = 8;        // of a step, where ids lie evenly
constexpr std::size_t kRadixMin = 512;      // below, comparing is as fast

struct Row {
  TermId object;
  std::uint32_t row;
};

// By object, then by row: by one byte of the object after the other, from the last on, and not by those in which all are alike. Ids of one
// predicate's objects differ in few bytes, so this is several times faster than comparing.
std::vector<Row> sorted_by_object(const std::vector<TermId>& objects) {
  std::vector<Row> rows;
  rows.reserve(objects.size());
  TermId differing = 0;
  for (const TermId object : objects) {
    differing |= object ^ objects.front();
    rows.push_back({object, static_cast<std::uint32_t>(rows.size())});
  }
  if (rows.size() < kRadixMin) {
    std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.object < b.object; });
    return rows;
  }
  std::vector<Row> other(rows.size());
  for (int shift = 0; shift < 64; shift += 8) {
    if ((differing >> shift & 0xff) == 0) continue;
    std::array<std::uint32_t, 257> starts{};
    for (const Row& row : rows) ++starts[(row.object >> shift & 0xff) + 1];
    for (std::size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
    for (const Row& row : rows) other[starts[row.object >> shift & 0xff]++] = row;
    rows.swap(other);
  }
  return rows;
}

}  // namespace

template <class At>
void Base::Steps::build(std::size_t count, At at) {
  begins.clear();
  if (count == 0) return;
  first = at(0);
  const std::uint64_t width = at(count - 1) - first;
  // As many steps as there are rows for them; more would only be empty.
  const std::uint64_t wanted = count / kStepRows + 1;
  shift = 0;
  while (shift < 63 && (width >> shift) >= wanted) ++shift;   // ids of far tags may lie 2^63 apart and more
  begins.assign((width >> shift) + 2, static_cast<std::uint32_t>(count));
  std::uint64_t open = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t step = (at(i) - first) >> shift;
    for (; open <= step; ++open) begins[open] = static_cast<std::uint32_t>(i);
  }
}

Span Base::Steps::around(TermId id, std::uint32_t count) const {
  if (begins.empty() || id < first) return {0, 0};
  const std::uint64_t step = (id - first) >> shift;
  if (step + 1 >= begins.size()) return {count, count};
  return {begins[step], begins[step + 1]};
}

Base::Base(std::vector<Node> subjects, const std::vector<TermId>& objects) : subjects_(std::move(subjects)) {
  const std::size_t count = subjects_.size();
  AGIDDI_CHECK(count < UINT32_MAX && objects.size() == count, "a predicate has fewer than 2^32 triples, each with an object");
  subjects_.shrink_to_fit();
  by_subject_.build(count, [&](std::size_t i) { return TermId{subjects_[i]}; });

  // Rows come by subject and sorting keeps that order, so the holders of each value are in order as well.
  ranks_.resize(count);
  holders_.resize(count);
  const std::vector<Row> sorted = sorted_by_object(objects);
  for (std::size_t i = 0; i < count; ++i) {
    if (i == 0 || sorted[i].object != sorted[i - 1].object) {
      values_.push_back(sorted[i].object);
      starts_.push_back(static_cast<std::uint32_t>(i));
    }
    ranks_[sorted[i].row] = static_cast<std::uint32_t>(values_.size() - 1);
    holders_[i] = subjects_[sorted[i].row];
    distinct_subjects_ += i == 0 || subjects_[i] != subjects_[i - 1];
  }
  starts_.push_back(static_cast<std::uint32_t>(count));
  starts_.shrink_to_fit();
  values_.shrink_to_fit();
  by_value_.build(values_.size(), [&](std::size_t i) { return values_[i]; });
}

void Base::Steps::prefetch(TermId id) const {
  if (id >= first && ((id - first) >> shift) < begins.size()) __builtin_prefetch(&begins[(id - first) >> shift]);
}

std::uint32_t Base::lower_row(Node subject) const {
  const Span near = by_subject_.around(subject, size());
  return static_cast<std::uint32_t>(std::lower_bound(subjects_.begin() + near.begin, subjects_.begin() + near.end, subject) - subjects_.begin());
}

Span Base::rows_of(Node subject) const { return rows_of(subject, by_subject_.around(subject, size())); }

void Base::rows_of(std::span<const Node> subjects, Span* rows) const {
  AGIDDI_CHECK(subjects.size() <= kTogether, "not more together than there is room for");
  for (const Node subject : subjects) by_subject_.prefetch(subject);
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    rows[i] = by_subject_.around(subjects[i], size());
    if (rows[i].size() == 0) continue;
    __builtin_prefetch(&subjects_[rows[i].begin]);
    __builtin_prefetch(&ranks_[rows[i].begin]);
  }
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    rows[i] = rows_of(subjects[i], rows[i]);
    if (rows[i].size() > 0) __builtin_prefetch(&values_[ranks_[rows[i].begin]]);
  }
}

Span Base::rows_of(Node subject, Span near) const {
  const auto begin = subjects_.begin() + near.begin, end = subjects_.begin() + near.end;
  const auto from = std::lower_bound(begin, end, subject);
  auto to = from;
  // A subject has few objects as a rule.
  while (to != end && *to == subject && to - from < 8) ++to;
  if (to != end && *to == subject) to = std::upper_bound(to, end, subject);
  return {static_cast<std::uint32_t>(from - subjects_.begin()), static_cast<std::uint32_t>(to - subjects_.begin())};
}

std::uint32_t Base::lower_rank(TermId object) const {
  const Span near = by_value_.around(object, distinct_objects());
  return static_cast<std::uint32_t>(std::lower_bound(values_.begin() + near.begin, values_.begin() + near.end, object) - values_.begin());
}

std::uint32_t Base::upper_rank(TermId object) const {
  const Span near = by_value_.around(object, distinct_objects());
  return static_cast<std::uint32_t>(std::upper_bound(values_.begin() + near.begin, values_.begin() + near.end, object) - values_.begin());
}

bool Base::contains(const Pair& pair) const {
  const std::uint32_t rank = lower_rank(pair.object);
  if (rank == distinct_objects() || values_[rank] != pair.object) return false;
  const Span rows = rows_of(pair.subject);
  return std::binary_search(ranks_.begin() + rows.begin, ranks_.begin() + rows.end, rank);
}

std::size_t Base::memory_bytes() const {
  return (subjects_.capacity() + holders_.capacity() + ranks_.capacity() + starts_.capacity() + by_subject_.begins.capacity() +
          by_value_.begins.capacity()) * sizeof(std::uint32_t) + values_.capacity() * sizeof(TermId);
}

}  // namespace agiddi::ledger::columns
