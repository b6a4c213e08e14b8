#include "ledger/columns/base.h"

#include <bit>

namespace agiddi::ledger::columns {
namespace {

constexpr std::size_t kStepRows = 8;        // of a step, where ids lie evenly

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

Base::Base(const std::vector<Pair>& sorted) {
  const std::size_t count = sorted.size();
  AGIDDI_CHECK(count < UINT32_MAX, "a predicate has fewer than 2^32 triples");
  subjects_.reserve(count);
  values_.reserve(count);
  for (const Pair& pair : sorted) {
    if (subjects_.empty() || subjects_.back() != pair.subject) ++distinct_subjects_;
    subjects_.push_back(pair.subject);
    values_.push_back(pair.object);
  }
  std::sort(values_.begin(), values_.end());
  values_.erase(std::unique(values_.begin(), values_.end()), values_.end());
  values_.shrink_to_fit();
  by_subject_.build(count, [&](std::size_t i) { return TermId{subjects_[i]}; });
  by_value_.build(values_.size(), [&](std::size_t i) { return values_[i]; });

  // Subjects come in order, so counting gives the holders of each value in order as well.
  ranks_.reserve(count);
  starts_.assign(values_.size() + 1, 0);
  for (const Pair& pair : sorted) {
    ranks_.push_back(lower_rank(pair.object));
    ++starts_[ranks_.back() + 1];
  }
  for (std::size_t i = 1; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
  holders_.resize(count);
  std::vector<std::uint32_t> next(starts_.begin(), starts_.end() - 1);
  for (std::size_t i = 0; i < count; ++i) holders_[next[ranks_[i]]++] = subjects_[i];
}

Span Base::rows_of(Node subject) const {
  const Span near = by_subject_.around(subject, size());
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
