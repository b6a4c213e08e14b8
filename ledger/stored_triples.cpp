// Triples on disk as a source of queries, and the same in a store in memory.
#include <algorithm>
#include <array>

#include "ledger/dictionary.h"
#include "ledger/disk_indexes.h"
#include "ledger/layout.h"
#include "ledger/star.h"
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
    const auto& [s, p, o] = pattern;
    if (s != kNoTerm) {
      scan_star(pattern, visit);
    } else if (p != kNoTerm) {
      scan_holders(p, o, visit);
    } else if (o != kNoTerm) {
      for_each_predicate([&](TermId predicate) { return scan_holders(predicate, o, visit); });
    } else {
      scan_stars(reader_, visit);
    }
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
    const auto& [s, p, o] = pattern;
    if (s != kNoTerm) {
      std::uint64_t count = 0;
      scan_star(pattern, [&](TermId, TermId, TermId) { return ++count; });
      return count;
    }
    if (o == kNoTerm) return layout::meta_number(reader_, p == kNoTerm ? Bytes(layout::kTriples) : layout::predicate_count(p));
    if (p != kNoTerm) return estimate_holders(p, o);
    std::uint64_t count = 0;
    for_each_predicate([&](TermId predicate) {
      count += estimate_holders(predicate, pattern.object);
      return true;
    });
    return count;
  }

 private:
  static constexpr std::size_t kSample = 64;
  using Visit = std::function<bool(TermId, TermId, TermId)>;

  bool scan_star(const TriplePattern& pattern, const Visit& visit) const {
    const auto packed = reader_.get(Column::stars, layout::u64(pattern.subject));
    if (!packed) return true;
    StarWalk at(*packed);
    while (at.next()) {
      const auto& [p, o] = at.here();
      if (pattern.predicate != kNoTerm && p > pattern.predicate) return true;
      if ((pattern.predicate != kNoTerm && p != pattern.predicate) || (pattern.object != kNoTerm && o != pattern.object)) continue;
      if (!visit(pattern.subject, p, o)) return false;
    }
    AGIDDI_CHECK(!at.damaged(), "a stored star is whole");
    return true;
  }

  // Subjects with this predicate and object, or with any object.
  bool scan_holders(TermId predicate, TermId object, const Visit& visit) const {
    const Bytes prefix = layout::u64(predicate) + (object == kNoTerm ? Bytes() : layout::u64(object));
    bool more = true;
    reader_.scan(Column::pos, prefix, prefix_end(prefix), [&](BytesView key, BytesView) {
      const Ids ids = ids_of(key);
      return more = visit(ids[2], ids[0], ids[1]);
    });
    return more;
  }

  // Of a triple at least. The predicates of a store are few.
  void for_each_predicate(const std::function<bool(TermId)>& visit) const {
    const Bytes prefix(layout::kPredicatePrefix);
    reader_.scan(Column::meta, prefix, prefix_end(prefix), [&](BytesView key, BytesView) { return visit(read_u64_be(key.substr(prefix.size()))); });
  }

  struct Sample {
    std::uint64_t count = 0;
    TermId first = 0, last = 0;
    std::uint64_t extrapolate(std::uint64_t whole) const {
      const std::uint64_t span = std::max<std::uint64_t>(last - first, 1);
      return whole / span * count + whole % span * count / span;  // both factors of the last product are below 2^58
    }
  };

  Sample sample(const Bytes& from, const Bytes& end) const {
    Sample result;
    reader_.scan(Column::pos, from, end, [&](BytesView key, BytesView) {
      result.last = ids_of(key)[2];
      if (result.count == 0) result.first = result.last;
      return ++result.count < kSample;
    });
    return result;
  }

  std::uint64_t estimate_holders(TermId predicate, TermId object) const {
    const Bytes prefix = layout::u64(predicate) + layout::u64(object), end = prefix_end(prefix);
    const Sample start = sample(prefix, end);
    if (start.count < kSample) return start.count;
    TermId last = 0;
    reader_.scan_reverse(Column::pos, prefix, end, [&](BytesView key, BytesView) {
      last = ids_of(key)[2];
      return false;
    });
    const std::uint64_t whole = last - start.first;
    const Sample middle = sample(prefix + layout::u64(start.first + whole / 2), end);
    const std::uint64_t guess = (start.extrapolate(whole) + middle.extrapolate(whole)) / 2;
    return std::clamp(guess, start.count, layout::meta_number(reader_, layout::predicate_count(predicate)));
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

}  // namespace agiddi::ledger
