#include "ontology/sparql/small_graph.h"

#include <algorithm>
#include <bit>

#include "ledger/term_id.h"

namespace agiddi::ontology::sparql {
namespace {

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  a = (a ^ b) * 0x9e3779b97f4a7c15ULL;
  return a ^ (a >> 29);
}

std::uint64_t text_digest(const std::string& text) { return std::hash<std::string>{}(text); }

// Numbers and times that are one term to the store are one here, whatever their datatype's spelling.
bool same(const ledger::Term& a, const ledger::Term& b) {
  if (a == b) return true;
  const ledger::TermId id = ledger::inline_id(a);
  return id != ledger::kNoTerm && id == ledger::inline_id(b);
}

}  // namespace

std::uint64_t term_digest(const ledger::Term& term) {
  if (!term.is_literal()) return mix(text_digest(term.value), static_cast<std::uint64_t>(term.kind) + 2);
  if (const ledger::TermId id = ledger::inline_id(term); id != ledger::kNoTerm) return mix(id, 1);
  std::uint64_t out = mix(text_digest(term.value), static_cast<std::uint64_t>(term.kind) + 2);
  if (!term.datatype.empty()) out = mix(out, text_digest(term.datatype));
  if (!term.language.empty()) out = mix(out, text_digest(term.language) + 1);
  return out;
}

SmallGraph::SmallGraph(std::span<const ledger::TripleView> triples) : table_(std::bit_ceil(6 * triples.size() + 2), kNone) {
  terms_.reserve(3 * triples.size());
  entries_.reserve(triples.size());
  const ledger::Term* last = nullptr;
  for (const ledger::TripleView& triple : triples) {
    Entry entry;
    // A star is told subject by subject.
    entry.subject = last != nullptr && (triple.subject == last || *triple.subject == *last) ? entries_.back().subject : intern(*triple.subject);
    entry.predicate = intern(*triple.predicate);
    entry.object = intern(*triple.object);
    entries_.push_back(entry);
    last = triple.subject;
  }
  std::sort(entries_.begin(), entries_.end());
  entries_.erase(std::unique(entries_.begin(), entries_.end()), entries_.end());
}

std::span<const SmallGraph::Entry> SmallGraph::with(Index subject, Index predicate) const {
  const auto low = std::lower_bound(entries_.begin(), entries_.end(), Entry{subject, predicate, 0});
  auto high = low;
  while (high != entries_.end() && high->subject == subject && high->predicate == predicate) ++high;
  return {low, high};
}

SmallGraph::Index SmallGraph::find(const ledger::Term& term, std::uint64_t digest) const { return table_[place(term, digest)]; }

const Value& SmallGraph::value(Index term) const {
  const Entity& entity = terms_[term];
  if (!entity.value) entity.value = Value::of(*entity.term);
  return *entity.value;
}

std::size_t SmallGraph::place(const ledger::Term& term, std::uint64_t digest) const {
  std::size_t at = digest & (table_.size() - 1);
  while (table_[at] != kNone && !(terms_[table_[at]].digest == digest && same(*terms_[table_[at]].term, term))) at = (at + 1) & (table_.size() - 1);
  return at;
}

SmallGraph::Index SmallGraph::intern(const ledger::Term& term) {
  const std::uint64_t digest = term_digest(term);
  const std::size_t at = place(term, digest);
  if (table_[at] == kNone) {
    table_[at] = static_cast<Index>(terms_.size());
    terms_.push_back({&term, digest, std::nullopt});
  }
  return table_[at];
}

}  // namespace agiddi::ontology::sparql
