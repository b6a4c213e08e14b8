#include "ledger/triple_source.h"

#include <algorithm>
#include <array>

#include "ledger/row_blocks.h"

namespace agiddi::ledger {

void TripleSource::look_up(const LookUps& wanted, const VisitFound& visit) const {
  std::vector<std::uint32_t> of;
  std::vector<TermId> found;
  bool goes_on = true;
  for (std::size_t i = 0; i < wanted.size() && goes_on; ++i) {
    const TriplePattern pattern{wanted.subjects.empty() ? kNoTerm : wanted.subjects[i], wanted.predicate, wanted.objects.empty() ? kNoTerm : wanted.objects[i]};
    const auto finds_nothing = [](TermId id) { return id == kNoTerm || tag_of(id) == TermTag::query; };
    if (wanted.predicate == kNoTerm || (!wanted.subjects.empty() && finds_nothing(pattern.subject)) || (!wanted.objects.empty() && finds_nothing(pattern.object))) continue;
    scan(pattern, [&](TermId s, TermId, TermId o) {
      of.push_back(static_cast<std::uint32_t>(i));
      found.push_back(wanted.subjects.empty() ? s : o);
      if (of.size() < kFoundMax) return true;
      goes_on = visit(of, found);
      of.clear();
      found.clear();
      return goes_on;
    });
  }
  if (goes_on && !of.empty()) visit(of, found);
}

bool TripleSource::scan_box(const Box&, const std::function<bool(TermId, TermId)>&) const { return false; }

bool TripleSource::scan_nearest(const Box&, const FarAtLeast&, const std::function<bool(TermId, double)>&) const { return false; }

std::optional<std::uint64_t> TripleSource::count_box(const Box&) const { return std::nullopt; }

void TripleSource::scan_rows(TermId predicate, const VisitRows& visit) const {
  RowBlocks rows(visit);
  bool wanted = true;
  scan({kNoTerm, predicate, kNoTerm}, [&](TermId s, TermId, TermId o) { return wanted = rows.add(s, o); });
  if (wanted) rows.tell();
}

void TripleSource::scan_range_rows(TermId predicate, const ValueRange& range, const VisitRows& visit) const {
  RowBlocks rows(visit);
  bool wanted = true;
  scan_range(predicate, range, [&](TermId s, TermId o) { return wanted = rows.add(s, o); });
  if (wanted) rows.tell();
}

std::optional<PredicateCounts> TripleSource::counts(TermId) const { return std::nullopt; }

bool TripleSource::sorts(TermId, ValueRange::Kind) const { return false; }

std::optional<std::uint64_t> TripleSource::count_range(TermId, const ValueRange&) const { return std::nullopt; }

std::span<const TermTag> ValueRange::tags() const {
  static constexpr std::array kNumbers = {TermTag::integer, TermTag::decimal6, TermTag::decimal9};
  static constexpr std::array kTimes = {TermTag::date_time};
  if (kind == Kind::time) return kTimes;
  return kNumbers;
}

void sort_range(const TripleSource& source, TermId predicate, const ValueRange& range, const std::function<bool(TermId s, TermId o)>& visit) {
  std::vector<std::pair<TermId, TermId>> values, others;   // subject, object
  const auto tags = range.tags();
  source.scan({kNoTerm, predicate, kNoTerm}, [&](TermId s, TermId, TermId o) {
    if (std::find(tags.begin(), tags.end(), tag_of(o)) != tags.end()) {
      const auto ids = inline_range(tag_of(o), range.low, range.high);
      if (ids && o >= ids->first && o <= ids->second) values.emplace_back(s, o);
    } else if (tag_of(o) == TermTag::literal) {
      others.emplace_back(s, o);
    }
    return true;
  });
  std::stable_sort(values.begin(), values.end(), [&](const auto& a, const auto& b) {
    const auto order = compare_inline(a.second, b.second);
    return range.descending ? order > 0 : order < 0;
  });
  values.insert(values.end(), others.begin(), others.end());
  for (const auto& [s, o] : values) {
    if (!visit(s, o)) return;
  }
}

}  // namespace agiddi::ledger
