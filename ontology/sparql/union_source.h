// Several graphs of one dictionary read as one, for FROM: duplicates are given once. Internal.
#pragma once

#include <algorithm>
#include <set>
#include <tuple>
#include <vector>

#include "ontology/sparql/algebra.h"
#include "ontology/sparql/execution.h"

namespace agiddi::ontology::sparql {

class UnionSource final : public ledger::TripleSource {
 public:
  explicit UnionSource(const ledger::TripleSource& dictionary) : dictionary_(dictionary) {}
  void add(const ledger::TripleSource& part) {
    if (std::find(parts_.begin(), parts_.end(), &part) == parts_.end()) parts_.push_back(&part);
  }

  ledger::TermId find(const ledger::Term& term) const override { return dictionary_.find(term); }
  ledger::Term term(ledger::TermId id) const override { return dictionary_.term(id); }

  void scan(const ledger::TriplePattern& pattern,
            const std::function<bool(ledger::TermId, ledger::TermId, ledger::TermId)>& visit) const override {
    if (parts_.size() == 1) return parts_[0]->scan(pattern, visit);
    bool wanted = true;
    for (std::size_t i = 0; i < parts_.size() && wanted; ++i) {
      parts_[i]->scan(pattern, [&](ledger::TermId s, ledger::TermId p, ledger::TermId o) {
        return in_earlier(i, s, p, o) || (wanted = visit(s, p, o));
      });
    }
  }

  // Of one part, or sorted.
  void scan_range(ledger::TermId predicate, const ledger::ValueRange& range, const std::function<bool(ledger::TermId, ledger::TermId)>& visit) const override {
    if (parts_.size() == 1) return parts_[0]->scan_range(predicate, range, visit);
    ledger::sort_range(*this, predicate, range, visit);
  }
  std::optional<ledger::PredicateCounts> counts(ledger::TermId predicate) const override {
    return parts_.size() == 1 ? parts_[0]->counts(predicate) : std::nullopt;
  }
  bool sorts(ledger::TermId predicate, ledger::ValueRange::Kind kind) const override { return parts_.size() == 1 && parts_[0]->sorts(predicate, kind); }
  std::optional<std::uint64_t> count_range(ledger::TermId predicate, const ledger::ValueRange& range) const override {
    return parts_.size() == 1 ? parts_[0]->count_range(predicate, range) : std::nullopt;
  }

  void scan_rows(ledger::TermId predicate, const ledger::VisitRows& visit) const override {
    if (parts_.size() == 1) return parts_[0]->scan_rows(predicate, visit);
    TripleSource::scan_rows(predicate, visit);
  }
  bool scan_box(const ledger::Box& box, const std::function<bool(ledger::TermId, ledger::TermId)>& visit) const override {
    return parts_.size() == 1 && parts_[0]->scan_box(box, visit);
  }
  bool scan_nearest(const ledger::Box& box, const ledger::FarAtLeast& far_at_least, const std::function<bool(ledger::TermId, double)>& visit) const override {
    return parts_.size() == 1 && parts_[0]->scan_nearest(box, far_at_least, visit);
  }
  std::optional<std::uint64_t> count_box(const ledger::Box& box) const override {
    return parts_.size() == 1 ? parts_[0]->count_box(box) : std::nullopt;
  }

  void look_up(const ledger::LookUps& wanted, const ledger::VisitFound& visit) const override {
    if (parts_.size() == 1) return parts_[0]->look_up(wanted, visit);
    TripleSource::look_up(wanted, visit);
  }

  std::uint64_t estimate(const ledger::TriplePattern& pattern) const override {
    std::uint64_t sum = 0;
    for (const auto* part : parts_) sum += part->estimate(pattern);
    return sum;
  }

 private:
  bool in_earlier(std::size_t part, ledger::TermId s, ledger::TermId p, ledger::TermId o) const {
    bool found = false;
    for (std::size_t i = 0; i < part && !found; ++i) {
      parts_[i]->scan({s, p, o}, [&](ledger::TermId, ledger::TermId, ledger::TermId) {
        found = true;
        return false;
      });
    }
    return found;
  }

  const ledger::TripleSource& dictionary_;
  std::vector<const ledger::TripleSource*> parts_;
};

// What FROM and FROM NAMED choose: the active graph (`merged`, which must outlive the run) and those that GRAPH may name.
Result<void> choose_graphs(const QueryBody& body, const Dataset& dataset, UnionSource& merged, Execution& execution);

}  // namespace agiddi::ontology::sparql
