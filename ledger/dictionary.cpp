#include "ledger/dictionary.h"

#include "ledger/layout.h"
#include "ledger/triple_store.h"
#include "protocol/check.h"
#include "protocol/crypto/crypto.h"

namespace agiddi::ledger {
namespace {

enum : char { kIri = 1, kBlank = 2, kPlain = 3, kTyped = 4, kTagged = 5 };

}  // namespace

Bytes encode_term(const Term& term) {
  Bytes raw;
  raw.reserve(5 + term.value.size() + term.datatype.size() + term.language.size());
  if (term.kind == TermKind::iri) {
    raw += kIri;
  } else if (term.kind == TermKind::blank) {
    raw += kBlank;
  } else if (!term.language.empty()) {
    raw += kTagged;
    append_u32_be(raw, static_cast<std::uint32_t>(term.language.size()));
    raw += term.language;
  } else if (!term.datatype.empty()) {
    raw += kTyped;
    append_u32_be(raw, static_cast<std::uint32_t>(term.datatype.size()));
    raw += term.datatype;
  } else {
    raw += kPlain;
  }
  raw += term.value;
  return raw;
}

TermTag tag_of_encoded(BytesView raw) {
  AGIDDI_CHECK(!raw.empty(), "a dictionary term is not empty");
  return raw.front() == kIri ? TermTag::iri : raw.front() == kBlank ? TermTag::blank : TermTag::literal;
}

bool is_encoded_term(BytesView raw) {
  if (raw.empty() || raw.front() < kIri || raw.front() > kTagged) return false;
  if (raw.front() != kTyped && raw.front() != kTagged) return true;
  return raw.size() >= 5 && raw.size() - 5 >= read_u32_be(raw.substr(1));
}

Term decode_term(BytesView raw) {
  AGIDDI_CHECK(!raw.empty(), "a dictionary term is not empty");
  const char kind = raw.front();
  raw.remove_prefix(1);
  if (kind == kIri) return Term::iri(Bytes(raw));
  if (kind == kBlank) return Term::blank(Bytes(raw));
  if (kind == kPlain) return Term::literal(Bytes(raw));
  AGIDDI_CHECK((kind == kTyped || kind == kTagged) && raw.size() >= 4 && raw.size() - 4 >= read_u32_be(raw), "a dictionary term is whole");
  const std::size_t length = read_u32_be(raw);
  Term term = Term::literal(Bytes(raw.substr(4 + length)));
  (kind == kTyped ? term.datatype : term.language) = Bytes(raw.substr(4, length));
  return term;
}

Bytes term_key(BytesView encoded) {
  return layout::key(layout::kIdOfTerm, tagged_hash("agiddi/term/1", {encoded}).view().substr(0, layout::kTermHash_bytes));
}

TermCache::TermCache(std::size_t terms_max) : by_id_(terms_max), by_term_(terms_max) {
  AGIDDI_CHECK(terms_max > 0, "the term cache has places");
}

std::size_t TermCache::place_of(TermId id) const { return payload_of(id) % by_id_.size(); }

std::size_t TermCache::place_of(BytesView encoded) const { return std::hash<BytesView>{}(encoded) % by_term_.size(); }

std::optional<TermId> TermCache::id(BytesView encoded) const {
  const std::size_t place = place_of(encoded);
  std::lock_guard lock(term_locks_[place % kStripes]);
  const Slot& slot = by_term_[place];
  if (slot.id == kNoTerm || slot.encoded != encoded) return std::nullopt;
  return slot.id;
}

std::optional<Term> TermCache::term(TermId id) const {
  const std::size_t place = place_of(id);
  std::lock_guard lock(id_locks_[place % kStripes]);
  const Slot& slot = by_id_[place];
  if (slot.id != id) return std::nullopt;
  return decode_term(slot.encoded);
}

void TermCache::put(TermId id, BytesView encoded) {
  if (encoded.size() > kTermMax_bytes) return;
  {
    const std::size_t place = place_of(id);
    std::lock_guard lock(id_locks_[place % kStripes]);
    by_id_[place] = {id, Bytes(encoded)};
  }
  const std::size_t place = place_of(encoded);
  std::lock_guard lock(term_locks_[place % kStripes]);
  by_term_[place] = {id, Bytes(encoded)};
}

std::shared_ptr<TermCache> make_term_cache(std::size_t terms_max) { return std::make_shared<TermCache>(terms_max); }

TermId lookup_term(const KvReader& reader, TermCache* cache, const Term& term) {
  if (const TermId id = inline_id(term); id != kNoTerm) return id;
  const Bytes encoded = encode_term(term);
  if (cache) {
    if (const auto id = cache->id(encoded)) return *id;
  }
  const auto raw = reader.get(Column::terms, term_key(encoded));
  if (!raw) return kNoTerm;
  AGIDDI_CHECK(raw->size() == 8, "a dictionary id has 8 bytes");
  const TermId id = read_u64_be(*raw);
  if (cache) cache->put(id, encoded);
  return id;
}

}  // namespace agiddi::ledger
