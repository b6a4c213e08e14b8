// A small TripleSource in memory: tests, the W3C runner, a graph that is checked before it is stored.
//
// Graphs of one dataset share a Dictionary. Filling is single-threaded; afterwards reading is thread-safe as for any TripleSource.
// Duplicate triples are kept once.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "ledger/triple_source.h"

namespace agiddi::ontology::sparql {

class MemoryDictionary {
 public:
  ledger::TermId intern(const ledger::Term& term);
  ledger::TermId find(const ledger::Term& term) const;
  ledger::Term term(ledger::TermId id) const;

 private:
  std::map<ledger::Term, ledger::TermId> ids_;
  std::vector<ledger::Term> terms_;
};

class MemorySource : public ledger::TripleSource {
 public:
  explicit MemorySource(std::shared_ptr<MemoryDictionary> dictionary = std::make_shared<MemoryDictionary>())
      : dictionary_(std::move(dictionary)) {}

  void add(const ledger::Triple& triple);
  std::size_t size() const { return spo_.size(); }

  ledger::TermId find(const ledger::Term& term) const override { return dictionary_->find(term); }
  ledger::Term term(ledger::TermId id) const override { return dictionary_->term(id); }
  void scan(const ledger::TriplePattern& pattern,
            const std::function<bool(ledger::TermId s, ledger::TermId p, ledger::TermId o)>& visit) const override;
  void scan_range(ledger::TermId predicate, const ledger::ValueRange& range, const std::function<bool(ledger::TermId, ledger::TermId)>& visit) const override;
  std::uint64_t estimate(const ledger::TriplePattern& pattern) const override;

 private:
  using Key = std::tuple<ledger::TermId, ledger::TermId, ledger::TermId>;
  std::shared_ptr<MemoryDictionary> dictionary_;
  std::set<Key> spo_, pos_, osp_;
};

}  // namespace agiddi::ontology::sparql
