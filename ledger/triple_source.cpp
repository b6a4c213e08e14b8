#include "ledger/triple_source.h"

#include <algorithm>
#include <array>

#include "ledger/dictionary.h"
#include "ledger/layout.h"
#include "ledger/term_id.h"
#include "ledger/triple_store.h"
#include "protocol/check.h"

namespace agiddi::ledger {
namespace {

using Ids = std::array<TermId, 3>;

Ids ids_of(BytesView key) {
  AGIDDI_CHECK(key.size() == 24, "a triple key has 24 bytes");
  return {read_u64_be(key), read_u64_be(key.substr(8)), read_u64_be(key.substr(16))};
}

// The index that answers a pattern by a prefix of its key, and that prefix. place[i] says where subject, predicate, object stand in a key.
struct Plan {
  Column column;
  std::array<std::size_t, 3> place;
  Bytes prefix;
};

Plan plan_of(const TriplePattern& t) {
  const auto prefix = [](std::initializer_list<TermId> ids) {
    Bytes raw;
    for (const TermId id : ids) append_u64_be(raw, id);
    return raw;
  };
  constexpr std::array<std::size_t, 3> kSpo = {0, 1, 2}, kPos = {2, 0, 1}, kOsp = {1, 2, 0};
  const bool s = t.subject != kNoTerm, p = t.predicate != kNoTerm, o = t.object != kNoTerm;
  if (s && p && o) return {Column::spo, kSpo, prefix({t.subject, t.predicate, t.object})};
  if (s && p) return {Column::spo, kSpo, prefix({t.subject, t.predicate})};
  if (s && o) return {Column::osp, kOsp, prefix({t.object, t.subject})};
  if (p && o) return {Column::pos, kPos, prefix({t.predicate, t.object})};
  if (s) return {Column::spo, kSpo, prefix({t.subject})};
  if (p) return {Column::pos, kPos, prefix({t.predicate})};
  if (o) return {Column::osp, kOsp, prefix({t.object})};
  return {Column::spo, kSpo, {}};
}

// The (object, subject) pairs of one predicate and one range of object ids, fetched in growing portions so that several can be merged.
class RangeStream {
 public:
  RangeStream(const KvReader& reader, TermId predicate, TermId first, TermId last, bool descending)
      : reader_(&reader), from_(layout::triple(predicate, first, 0)), to_(layout::triple(predicate, last, UINT64_MAX)),
        descending_(descending) {
    fetch();
  }
  bool done() const { return at_ == pairs_.size(); }
  std::pair<TermId, TermId> head() const { return pairs_[at_]; }
  void advance() {
    if (++at_ == pairs_.size() && full_) fetch();
  }

 private:
  void fetch() {
    pairs_.clear();
    at_ = 0;
    Bytes last;
    const auto take = [&](BytesView key, BytesView) {
      const Ids ids = ids_of(key);
      pairs_.emplace_back(ids[1], ids[2]);
      if (pairs_.size() < portion_) return true;
      last = Bytes(key);
      return false;
    };
    // No id is UINT64_MAX (its tag is never stored), so to_ is exclusive without losing anything.
    if (descending_) {
      reader_->scan_reverse(Column::pos, from_, to_, take);
      if (!last.empty()) to_ = last;
    } else {
      reader_->scan(Column::pos, from_, to_, take);
      if (!last.empty()) from_ = last + '\0';
    }
    full_ = pairs_.size() == portion_;
    portion_ = std::min<std::size_t>(portion_ * 4, 4096);
  }

  const KvReader* reader_;
  Bytes from_, to_;
  bool descending_;
  bool full_ = false;
  std::size_t portion_ = 32, at_ = 0;
  std::vector<std::pair<TermId, TermId>> pairs_;
};

class StoredTriples final : public TripleSource {
 public:
  StoredTriples(const KvReader& reader, std::shared_ptr<TermCache> cache)
      : reader_(reader), cache_(std::move(cache)), next_term_(layout::meta_number(reader, layout::kNextTerm)) {}

  TermId find(const Term& term) const override {
    const TermId id = lookup_term(reader_, cache_.get(), term);
    // The cache may know terms of later blocks: they are not in this state.
    return id == kNoTerm || is_inline(id) || payload_of(id) < next_term_ ? id : kNoTerm;
  }

  Term term(TermId id) const override {
    if (is_inline(id)) return inline_term(id);
    if (cache_) {
      if (auto cached = cache_->term(id)) return *std::move(cached);
    }
    const auto raw = reader_.get(Column::terms, layout::key(layout::kTermOfId, id));
    AGIDDI_CHECK(raw.has_value(), "a term id is in the dictionary");
    if (cache_) cache_->put(id, *raw);
    return decode_term(*raw);
  }

  void scan(const TriplePattern& pattern, const std::function<bool(TermId, TermId, TermId)>& visit) const override {
    const Plan plan = plan_of(pattern);
    if (plan.prefix.size() == 24) {
      if (reader_.get(plan.column, plan.prefix)) visit(pattern.subject, pattern.predicate, pattern.object);
      return;
    }
    const auto [s, p, o] = plan.place;
    reader_.scan(plan.column, plan.prefix, prefix_end(plan.prefix), [&](BytesView key, BytesView) {
      const Ids ids = ids_of(key);
      return visit(ids[s], ids[p], ids[o]);
    });
  }

  void scan_range(TermId predicate, const ValueRange& range, const std::function<bool(TermId, TermId)>& visit) const override {
    std::vector<RangeStream> streams;
    for (const TermTag tag : range.tags()) {
      if (const auto ids = inline_range(tag, range.low, range.high)) {
        streams.emplace_back(reader_, predicate, ids->first, ids->second, range.descending);
        if (streams.back().done()) streams.pop_back();
      }
    }
    while (!streams.empty()) {
      auto best = streams.begin();
      for (auto it = best + 1; it != streams.end(); ++it) {
        const auto order = compare_inline(it->head().first, best->head().first);
        if (range.descending ? order > 0 : order < 0) best = it;
      }
      const auto [object, subject] = best->head();
      if (!visit(subject, object)) return;
      best->advance();
      if (best->done()) streams.erase(best);
    }
    reader_.scan(Column::pos, layout::triple(predicate, make_id(TermTag::literal, 0), 0),
                 layout::triple(predicate, make_id(TermTag::string, 0), 0), [&](BytesView key, BytesView) {
                   const Ids ids = ids_of(key);
                   return visit(ids[2], ids[1]);
                 });
  }

  bool sorts(TermId predicate, ValueRange::Kind kind) const override {
    const ValueRange all{kind};
    const Bytes begin = layout::triple(predicate, make_id(all.tags().front(), 0), 0);
    const Bytes end = prefix_end(layout::triple(predicate, make_id(all.tags().back(), kPayloadMask), UINT64_MAX));
    const Bytes whole = layout::triple(predicate, 0, 0), whole_end = layout::triple(predicate, UINT64_MAX, UINT64_MAX);
    bool others = false;
    const auto any = [&](BytesView, BytesView) {
      others = true;
      return false;
    };
    reader_.scan(Column::pos, whole, begin, any);
    if (!others) reader_.scan(Column::pos, end, whole_end, any);
    return !others;
  }

  // Exact where a counter or a short count says it; else extrapolated from how densely the subjects lie at the start and in the middle
  // of the index run. Subjects are numbered in the order they came, so the density is even enough for a plan.
  std::uint64_t estimate(const TriplePattern& pattern) const override {
    const bool s = pattern.subject != kNoTerm, p = pattern.predicate != kNoTerm, o = pattern.object != kNoTerm;
    if (!s && !p && !o) return layout::meta_number(reader_, layout::kTriples);
    if (p && !s && !o) return layout::meta_number(reader_, layout::predicate_count(pattern.predicate));
    const Plan plan = plan_of(pattern);
    if (plan.prefix.size() == 24) return reader_.get(plan.column, plan.prefix) ? 1 : 0;
    const Bytes end = prefix_end(plan.prefix);
    const Sample start = sample(plan, plan.prefix, end, s ? kCountMax : kSample);
    if (s || start.count < kSample) return start.count;
    TermId last = 0;
    reader_.scan_reverse(plan.column, plan.prefix, end, [&](BytesView key, BytesView) {
      last = ids_of(key)[plan.place[0]];
      return false;
    });
    const std::uint64_t whole = last - start.first;
    const Sample middle = sample(plan, plan.prefix + layout::u64(start.first + whole / 2), end, kSample);
    const std::uint64_t guess = (start.extrapolate(whole) + middle.extrapolate(whole)) / 2;
    return std::clamp(guess, start.count, layout::meta_number(reader_, layout::kTriples));
  }

 private:
  static constexpr std::size_t kCountMax = 1000;
  static constexpr std::size_t kSample = 64;

  struct Sample {
    std::uint64_t count = 0;
    TermId first = 0, last = 0;
    std::uint64_t extrapolate(std::uint64_t whole) const {
      const std::uint64_t span = std::max<std::uint64_t>(last - first, 1);
      return whole / span * count + whole % span * count / span;  // both factors of the last product are below 2^58
    }
  };

  Sample sample(const Plan& plan, const Bytes& from, const Bytes& end, std::size_t limit) const {
    Sample result;
    reader_.scan(plan.column, from, end, [&](BytesView key, BytesView) {
      result.last = ids_of(key)[plan.place[0]];
      if (result.count == 0) result.first = result.last;
      return ++result.count < limit;
    });
    return result;
  }

  const KvReader& reader_;
  std::shared_ptr<TermCache> cache_;
  std::uint64_t next_term_;
};

// Owns its store and reads its last snapshot.
class MemoryTriples final : public TripleSource {
 public:
  explicit MemoryTriples(const std::vector<Triple>& triples) : store_(make_memory_store()), cache_(make_term_cache(1 << 10)) {
    TripleChanges changes;
    changes.reserve(triples.size());
    for (const auto& triple : triples) changes.push_back({triple, true});
    KvBatch batch;
    TripleWriter(*store_, cache_).encode(changes, batch);
    store_->write(batch, true);
    reader_ = store_->snapshot();
    source_ = make_triple_source(*reader_, cache_);
  }
  TermId find(const Term& term) const override { return source_->find(term); }
  Term term(TermId id) const override { return source_->term(id); }
  void scan(const TriplePattern& pattern, const std::function<bool(TermId, TermId, TermId)>& visit) const override {
    source_->scan(pattern, visit);
  }
  void scan_range(TermId predicate, const ValueRange& range, const std::function<bool(TermId, TermId)>& visit) const override {
    source_->scan_range(predicate, range, visit);
  }
  bool sorts(TermId predicate, ValueRange::Kind kind) const override { return source_->sorts(predicate, kind); }
  std::uint64_t estimate(const TriplePattern& pattern) const override { return source_->estimate(pattern); }

 private:
  std::unique_ptr<MemoryStore> store_;
  std::shared_ptr<TermCache> cache_;
  std::shared_ptr<const KvReader> reader_;
  std::unique_ptr<const TripleSource> source_;
};

}  // namespace

std::unique_ptr<const TripleSource> make_triple_source(const KvReader& reader, std::shared_ptr<TermCache> cache) {
  return std::make_unique<StoredTriples>(reader, std::move(cache));
}

std::shared_ptr<const TripleSource> make_memory_triples(const std::vector<Triple>& triples) {
  return std::make_shared<MemoryTriples>(triples);
}

std::uint64_t triple_count(const KvReader& reader) { return layout::meta_number(reader, layout::kTriples); }

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
