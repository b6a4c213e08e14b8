#include <algorithm>
#include <map>
#include <unordered_map>

#include "ledger/dictionary.h"
#include "ledger/layout.h"
#include "ledger/star.h"
#include "ledger/triple_store.h"
#include "protocol/check.h"

namespace agiddi::ledger {
namespace {

using Op = TripleIdChange;

auto key_of(const Op& op) { return std::tie(op.subject, op.predicate, op.object); }

// Terms to ids for one block: allocates what is new, and remembers what this block has already asked for.
class Interner {
 public:
  Interner(const KvReader& store, TermCache& cache, const std::function<TermId(BytesView)>& find, DiskIndexes indexes, std::uint64_t next, KvBatch& batch)
      : store_(store), cache_(cache), find_(find), indexes_(indexes), next_(next), first_new_(next), batch_(batch) {}

  TermId id(const Term& term, bool allocate) {
    if (const TermId inlined = inline_id(term); inlined != kNoTerm) return inlined;
    Bytes encoded = encode_term(term);
    if (const auto known = block_.find(encoded); known != block_.end()) return known->second;
    if (const TermId found = known_id(encoded); found != kNoTerm) {
      block_.emplace(std::move(encoded), found);
      return found;
    }
    if (!allocate) return kNoTerm;
    const TermTag tag = term.is_iri() ? TermTag::iri : term.is_literal() ? TermTag::literal : TermTag::blank;
    const TermId made = make_id(tag, next_++);
    batch_.push_back({Column::terms, layout::key(layout::kTermOfId, made), encoded});
    if (indexes_ == DiskIndexes::kept) batch_.push_back({Column::terms, term_key(encoded), layout::u64(made)});
    if (!find_) cache_.put(made, encoded);
    new_terms_.push_back(encoded);
    block_.emplace(std::move(encoded), made);
    return made;
  }

  // A term of this block: no triple with it can be in the store.
  bool is_new(TermId id) const { return id != kNoTerm && tag_of(id) <= TermTag::literal && payload_of(id) >= first_new_; }
  std::uint64_t next() const { return next_; }
  std::vector<Bytes> take_new_terms() { return std::move(new_terms_); }

 private:
  TermId known_id(const Bytes& encoded) const {
    if (find_) return find_(encoded);
    if (const auto cached = cache_.id(encoded)) return *cached;
    const auto raw = store_.get(Column::terms, term_key(encoded));
    if (!raw) return kNoTerm;
    const TermId found = read_u64_be(*raw);
    cache_.put(found, encoded);
    return found;
  }

  const KvReader& store_;
  TermCache& cache_;
  const std::function<TermId(BytesView)>& find_;
  const DiskIndexes indexes_;
  std::uint64_t next_;
  const std::uint64_t first_new_;
  KvBatch& batch_;
  std::unordered_map<Bytes, TermId> block_;
  std::vector<Bytes> new_terms_;
};

}  // namespace

TripleWriter::TripleWriter(const KvReader& store, std::shared_ptr<TermCache> cache, DiskIndexes indexes)
    : store_(store), cache_(std::move(cache)), indexes_(indexes), next_term_(std::max<std::uint64_t>(1, layout::meta_number(store, layout::kNextTerm))) {
  AGIDDI_CHECK(cache_, "the writer has a term cache");
}

TripleIdChanges TripleWriter::encode(const TripleChanges& changes, KvBatch& batch) {
  if (changes.empty()) return {};
  batch.reserve(batch.size() + changes.size() * (indexes_ == DiskIndexes::kept ? 3 : 1));
  Interner interner(store_, *cache_, find_, indexes_, next_term_, batch);
  std::vector<Op> ops;
  ops.reserve(changes.size());
  const Term* last_subject = nullptr;
  TermId subject = kNoTerm;
  for (const auto& [triple, added] : changes) {
    AGIDDI_CHECK(!triple.subject.is_literal() && triple.predicate.is_iri(), "a triple's subject is no literal, its predicate an IRI");
    if (subject == kNoTerm || *last_subject != triple.subject) {
      subject = interner.id(triple.subject, added);
      last_subject = &triple.subject;
    }
    const Op op{subject, interner.id(triple.predicate, added), interner.id(triple.object, added), added};
    if (op.subject != kNoTerm && op.predicate != kNoTerm && op.object != kNoTerm) ops.push_back(op);
  }

  // Equal triples come together in their order of execution, and the last one counts. Sorted keys also go faster into the store.
  std::stable_sort(ops.begin(), ops.end(), [](const Op& a, const Op& b) { return key_of(a) < key_of(b); });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (i + 1 == ops.size() || key_of(ops[i]) != key_of(ops[i + 1])) ops[kept++] = ops[i];
  }
  ops.resize(kept);

  kept = 0;
  for (std::size_t i = 0; i < ops.size();) {
    std::size_t end = i + 1;
    while (end < ops.size() && ops[end].subject == ops[i].subject) ++end;
    const Star before = interner.is_new(ops[i].subject) ? Star() : read_star(store_, ops[i].subject);
    const std::size_t first = kept;
    Star after;
    after.reserve(before.size() + end - i);
    auto old = before.begin();
    for (; i < end; ++i) {
      const Op op = ops[i];
      const PredicateObject one{op.predicate, op.object};
      while (old != before.end() && *old < one) after.push_back(*old++);
      const bool there = old != before.end() && *old == one;
      if (there) ++old;
      if (op.added) after.push_back(one);
      if (there != op.added) ops[kept++] = op;
    }
    after.insert(after.end(), old, before.end());
    if (kept != first) batch.push_back({Column::stars, layout::u64(ops[first].subject), after.empty() ? std::nullopt : std::optional(pack_star(after))});
  }
  ops.resize(kept);

  std::map<TermId, std::int64_t> counts;
  for (const Op& op : ops) counts[op.predicate] += op.added ? 1 : -1;
  if (indexes_ == DiskIndexes::kept) {
    std::sort(ops.begin(), ops.end(), [](const Op& a, const Op& b) { return std::tie(a.predicate, a.object, a.subject) < std::tie(b.predicate, b.object, b.subject); });
    for (const Op& op : ops) {
      batch.push_back({Column::pos, layout::triple(op.predicate, op.object, op.subject), op.added ? std::optional<Bytes>(Bytes()) : std::nullopt});
    }
  }

  std::int64_t total = 0;
  for (const auto& [predicate, count] : counts) {
    if (count == 0) continue;
    total += count;
    const Bytes key = layout::predicate_count(predicate);
    const auto now = static_cast<std::uint64_t>(static_cast<std::int64_t>(layout::meta_number(store_, key)) + count);
    batch.push_back({Column::meta, key, now == 0 ? std::nullopt : std::optional<Bytes>(layout::u64(now))});
  }
  if (total != 0) {
    const auto now = static_cast<std::int64_t>(layout::meta_number(store_, layout::kTriples)) + total;
    batch.push_back({Column::meta, Bytes(layout::kTriples), layout::u64(static_cast<std::uint64_t>(now))});
  }
  if (interner.next() != next_term_) {
    next_term_ = interner.next();
    batch.push_back({Column::meta, Bytes(layout::kNextTerm), layout::u64(next_term_)});
  }
  return {interner.take_new_terms(), std::move(ops)};
}

}  // namespace agiddi::ledger
