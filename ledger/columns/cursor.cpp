#include "ledger/columns/cursor.h"

namespace agiddi::ledger::columns {
namespace {

template <bool kDown, class Changes, class Before, class Behind>
std::vector<ChangeSlice<kDown>> slices(const Pairs& column, Changes changes_of, Before before, Behind behind) {
  std::vector<ChangeSlice<kDown>> out;
  for (const auto& run : column.runs()) {
    const std::vector<Change>& changes = changes_of(*run);
    if (changes.empty() || before(changes.back()) || behind(changes.front())) continue;   // most runs hold what came late, and little of that
    const auto begin = std::partition_point(changes.begin(), changes.end(), before);
    const auto end = std::partition_point(begin, changes.end(), [&](const Change& change) { return !behind(change); });
    if (begin == end) continue;
    const Change* first = changes.data() + (begin - changes.begin());
    const Change* last = changes.data() + (end - changes.begin());
    out.push_back(kDown ? ChangeSlice<kDown>{last - 1, first - 1} : ChangeSlice<kDown>{first, last});
  }
  return out;
}

}  // namespace

SubjectCursor all_rows(const Pairs& column) {
  return {BaseRows(column.base(), {0, column.base() ? column.base()->size() : 0}),
          slices<false>(column, [](const Run& run) -> auto& { return run.by_subject; }, [](const Change&) { return false; }, [](const Change&) { return false; })};
}

SubjectCursor rows_of(const Pairs& column, Node subject) {
  return {BaseRows(column.base(), column.base() ? column.base()->rows_of(subject) : Span{}),
          slices<false>(column, [](const Run& run) -> auto& { return run.by_subject; }, [&](const Change& change) { return change.pair.subject < subject; },
                        [&](const Change& change) { return change.pair.subject > subject; })};
}

template <bool kDown>
ObjectCursor<kDown> holders_of(const Pairs& column, TermId first, TermId last) {
  Span ranks;
  if (const Base* base = column.base(); base && first <= last) ranks = {base->lower_rank(first), base->upper_rank(last)};
  return {BaseHolders<kDown>(column.base(), ranks),
          slices<kDown>(column, [](const Run& run) -> auto& { return run.by_object; }, [&](const Change& change) { return change.pair.object < first; },
                        [&](const Change& change) { return change.pair.object > last; })};
}

template ObjectCursor<false> holders_of<false>(const Pairs&, TermId, TermId);
template ObjectCursor<true> holders_of<true>(const Pairs&, TermId, TermId);

}  // namespace agiddi::ledger::columns
