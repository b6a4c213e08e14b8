#include "ontology/sparql/memory_source.h"

#include "ledger/term_id.h"

namespace agiddi::ontology::sparql {

using ledger::kNoTerm;
using ledger::Term;
using ledger::TermId;
using ledger::TermTag;

TermId MemoryDictionary::find(const Term& term) const {
  if (const TermId id = ledger::inline_id(term); id != kNoTerm) return id;
  const auto found = ids_.find(term);
  return found == ids_.end() ? kNoTerm : found->second;
}

TermId MemoryDictionary::intern(const Term& term) {
  if (const TermId id = find(term); id != kNoTerm) return id;
  const TermTag tag = term.is_iri() ? TermTag::iri : term.is_literal() ? TermTag::literal : TermTag::blank;
  terms_.push_back(term);
  const TermId id = ledger::make_id(tag, terms_.size());
  ids_.emplace(term, id);
  return id;
}

Term MemoryDictionary::term(TermId id) const {
  return ledger::is_inline(id) ? ledger::inline_term(id) : terms_[static_cast<std::size_t>(ledger::payload_of(id) - 1)];
}

void MemorySource::add(const ledger::Triple& triple) {
  const TermId s = dictionary_->intern(triple.subject), p = dictionary_->intern(triple.predicate), o = dictionary_->intern(triple.object);
  spo_.emplace(s, p, o);
  pos_.emplace(p, o, s);
  osp_.emplace(o, s, p);
}

namespace {

using Key = std::tuple<TermId, TermId, TermId>;

// The keys that begin with first (and second, when given).
template <class Visit>
void walk(const std::set<Key>& index, TermId first, TermId second, Visit visit) {
  for (auto it = index.lower_bound({first, second, 0}); it != index.end(); ++it) {
    const auto& [a, b, c] = *it;
    if ((first != kNoTerm && a != first) || (second != kNoTerm && b != second)) return;
    if (!visit(a, b, c)) return;
  }
}

}  // namespace

void MemorySource::scan(const ledger::TriplePattern& t, const std::function<bool(TermId, TermId, TermId)>& visit) const {
  const bool s = t.subject != kNoTerm, p = t.predicate != kNoTerm, o = t.object != kNoTerm;
  if (s && p && o) {
    if (spo_.contains({t.subject, t.predicate, t.object})) visit(t.subject, t.predicate, t.object);
  } else if (s && !p && o) {
    walk(osp_, t.object, t.subject, [&](TermId a, TermId b, TermId c) { return visit(b, c, a); });
  } else if (s || !(p || o)) {
    walk(spo_, t.subject, t.predicate, [&](TermId a, TermId b, TermId c) { return visit(a, b, c); });
  } else if (p) {
    walk(pos_, t.predicate, t.object, [&](TermId a, TermId b, TermId c) { return visit(c, a, b); });
  } else {
    walk(osp_, t.object, kNoTerm, [&](TermId a, TermId b, TermId c) { return visit(b, c, a); });
  }
}

void MemorySource::scan_range(TermId predicate, const ledger::ValueRange& range, const std::function<bool(TermId, TermId)>& visit) const {
  ledger::sort_range(*this, predicate, range, visit);
}

std::uint64_t MemorySource::estimate(const ledger::TriplePattern& pattern) const {
  std::uint64_t count = 0;
  scan(pattern, [&](TermId, TermId, TermId) { return ++count < 10'000; });
  return count;
}

}  // namespace agiddi::ontology::sparql
