#include "ontology/sparql/named_graphs.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <unordered_map>

#include "ledger/term_id.h"

namespace agiddi::ontology::sparql {

using ledger::kNoTerm;
using ledger::Term;
using ledger::TermId;
using ledger::TermKind;
using ledger::TermTag;
using ledger::TriplePattern;

namespace {

using Clock = std::chrono::steady_clock;
using Ids = std::array<TermId, 3>;
using Visit = std::function<bool(TermId, TermId, TermId)>;

// No store numbers its terms so high.
constexpr std::uint64_t kOwn = std::uint64_t{1} << (ledger::kPayloadBits - 1);

bool is_own(TermId id) {
  const TermTag tag = ledger::tag_of(id);
  return (tag == TermTag::iri || tag == TermTag::blank || tag == TermTag::literal) && (ledger::payload_of(id) & kOwn) != 0;
}

TermTag dictionary_tag(TermKind kind) { return kind == TermKind::iri ? TermTag::iri : kind == TermKind::blank ? TermTag::blank : TermTag::literal; }

// The triples of one graph in three orders.
class Content {
 public:
  Content(std::vector<Ids> triples, std::size_t& live) : live_(live), spo_(std::move(triples)) {
    std::sort(spo_.begin(), spo_.end());
    spo_.erase(std::unique(spo_.begin(), spo_.end()), spo_.end());
    for (const auto& [s, p, o] : spo_) {
      pos_.push_back({p, o, s});
      osp_.push_back({o, s, p});
    }
    std::sort(pos_.begin(), pos_.end());
    std::sort(osp_.begin(), osp_.end());
    live_ += spo_.size();
  }
  ~Content() { live_ -= spo_.size(); }
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;
  std::size_t size() const { return spo_.size(); }

  void scan(const TriplePattern& t, const Visit& visit) const {
    const bool s = t.subject != kNoTerm, p = t.predicate != kNoTerm, o = t.object != kNoTerm;
    if (s && !p && o) {
      walk(osp_, {t.object, t.subject, kNoTerm}, [&](const Ids& k) { return visit(k[1], k[2], k[0]); });
    } else if (s || !(p || o)) {
      walk(spo_, {t.subject, t.predicate, t.object}, [&](const Ids& k) { return visit(k[0], k[1], k[2]); });
    } else if (p) {
      walk(pos_, {t.predicate, t.object, kNoTerm}, [&](const Ids& k) { return visit(k[2], k[0], k[1]); });
    } else {
      walk(osp_, {t.object, kNoTerm, kNoTerm}, [&](const Ids& k) { return visit(k[1], k[2], k[0]); });
    }
  }

 private:
  // The keys that begin as `prefix` does, up to its first empty place.
  template <class Take>
  static void walk(const std::vector<Ids>& index, const Ids& prefix, Take take) {
    std::size_t bound = 0;
    while (bound < 3 && prefix[bound] != kNoTerm) ++bound;
    for (auto it = std::lower_bound(index.begin(), index.end(), prefix); it != index.end(); ++it) {
      if (!std::equal(prefix.begin(), prefix.begin() + static_cast<std::ptrdiff_t>(bound), it->begin()) || !take(*it)) return;
    }
  }

  std::size_t& live_;
  std::vector<Ids> spo_, pos_, osp_;
};

}  // namespace

struct NamedGraphs::Impl {
  // The store with the terms of this dataset besides its own.
  class Store final : public ledger::TripleSource {
   public:
    Store(Impl& impl, const ledger::TripleSource& source) : impl_(impl), source_(source) {}
    TermId find(const Term& term) const override { return impl_.intern(term); }
    Term term(TermId id) const override { return is_own(id) ? impl_.own_terms[ledger::payload_of(id) & ~kOwn] : source_.term(id); }
    void scan(const TriplePattern& t, const Visit& visit) const override {
      if (impl_.may_read() && !foreign(t)) source_.scan(t, visit);
    }
    void scan_range(TermId predicate, const ledger::ValueRange& range, const std::function<bool(TermId, TermId)>& visit) const override {
      if (impl_.may_read() && !is_own(predicate)) source_.scan_range(predicate, range, visit);
    }
    std::optional<ledger::PredicateCounts> counts(TermId predicate) const override {
      return is_own(predicate) ? ledger::PredicateCounts{} : source_.counts(predicate);
    }
    bool sorts(TermId predicate, ledger::ValueRange::Kind kind) const override { return !is_own(predicate) && source_.sorts(predicate, kind); }
    std::optional<std::uint64_t> count_range(TermId predicate, const ledger::ValueRange& range) const override {
      return is_own(predicate) ? 0 : source_.count_range(predicate, range);
    }
    void look_up(const ledger::LookUps& wanted, const ledger::VisitFound& visit) const override {
      if (impl_.may_read() && !is_own(wanted.predicate)) source_.look_up(wanted, visit);   // own ids among what is looked up find nothing there
    }
    std::uint64_t estimate(const TriplePattern& t) const override { return foreign(t) ? 0 : source_.estimate(t); }

   private:
    static bool foreign(const TriplePattern& t) { return is_own(t.subject) || is_own(t.predicate) || is_own(t.object); }
    Impl& impl_;
    const ledger::TripleSource& source_;
  };

  class Graph final : public ledger::TripleSource {
   public:
    Graph(Impl& impl, std::string iri) : impl_(impl), iri_(std::move(iri)) {}
    TermId find(const Term& term) const override { return impl_.intern(term); }
    Term term(TermId id) const override { return impl_.store.term(id); }
    void scan(const TriplePattern& t, const Visit& visit) const override {
      if (const auto held = impl_.content(*this)) held->scan(t, visit);
    }
    void scan_range(TermId predicate, const ledger::ValueRange& range, const std::function<bool(TermId, TermId)>& visit) const override {
      ledger::sort_range(*this, predicate, range, visit);
    }
    std::uint64_t estimate(const TriplePattern& t) const override {
      std::uint64_t count = 0;
      scan(t, [&](TermId, TermId, TermId) { return ++count < 1000; });
      return count;
    }

   private:
    friend struct Impl;
    Impl& impl_;
    std::string iri_;
    mutable std::shared_ptr<const Content> content_;   // while it is cached
  };

  Impl(const ledger::TripleSource& source, Load given, const NamedGraphLimits& bounds)
      : base(source), load(std::move(given)), limits(bounds), deadline(Clock::now() + std::chrono::milliseconds(bounds.time_ms)), store(*this, source), dataset(store) {}

  TermId find(const Term& term) const {
    // Names of graphs are asked for again and again by GRAPH with a variable.
    const auto name = term.is_iri() ? names.find(term.value) : names.end();
    if (name != names.end() && name->second != kNoTerm) return name->second;
    TermId id = base.find(term);
    if (id == kNoTerm) {
      const auto own = own_ids.find(term);
      if (own != own_ids.end()) id = own->second;
    }
    return id;
  }

  // Every term that is asked for has an id at once: a graph that is read later may bring it, and must bring it under the same one.
  TermId intern(const Term& term) {
    if (const TermId id = find(term); id != kNoTerm) return id;
    if (failure) return kNoTerm;
    if (terms_bytes > limits.terms_bytes) {
      fail("the query passed its memory limit: it makes or reads too many terms that the default graph does not have");
      return kNoTerm;
    }
    terms_bytes += 2 * (sizeof(Term) + term.value.size() + term.datatype.size() + term.language.size()) + 64;
    const TermId id = ledger::make_id(dictionary_tag(term.kind), kOwn | own_terms.size());
    own_terms.push_back(term);
    own_ids.emplace(term, id);
    return id;
  }

  void fail(std::string what) {
    if (!failure) failure = Error{Status::unavailable, std::move(what), {}};
  }

  bool may_read() {
    if (!failure && (++reads & 31u) == 0) check_time();
    return !failure;
  }
  void check_time() {
    if (Clock::now() > deadline) fail("the query passed its time limit of " + std::to_string(limits.time_ms) + " ms");
  }

  std::shared_ptr<const Content> content(const Graph& graph) {
    if (!may_read()) return nullptr;
    if (graph.content_) return graph.content_;
    check_time();
    if (failure) return nullptr;
    std::vector<Ids> ids;
    for (const ledger::Triple& triple : load(graph.iri_)) ids.push_back({intern(triple.subject), intern(triple.predicate), intern(triple.object)});
    if (failure) return nullptr;
    if (live + ids.size() > limits.triples_live) evict(limits.triples_live - std::min(limits.triples_live, ids.size()));
    if (live + ids.size() > limits.triples_live) {
      fail("the query passed its memory limit: the named graphs that it reads at a time are too large");
      return nullptr;
    }
    auto made = std::make_shared<const Content>(std::move(ids), live);
    graph.content_ = made;
    cached.push_back(&graph);
    evict(limits.triples_cached);
    return made;
  }

  // The oldest go first. What a scan holds lives on until it ends.
  void evict(std::size_t wanted) {
    while (live > wanted && !cached.empty()) {
      cached.front()->content_.reset();
      cached.pop_front();
    }
  }

  const ledger::TripleSource& base;
  const Load load;
  const NamedGraphLimits limits;
  const Clock::time_point deadline;
  std::optional<Error> failure;
  std::size_t live = 0, terms_bytes = 0;       // live: counted by Content, so it is destroyed after the graphs
  std::uint32_t reads = 0;
  std::map<Term, TermId> own_ids;
  std::deque<Term> own_terms;
  std::unordered_map<std::string, TermId> names;
  std::deque<const Graph*> cached;
  std::deque<Graph> graphs;
  Store store;
  Dataset dataset;
};

NamedGraphs::NamedGraphs(const ledger::TripleSource& store, Load load, const NamedGraphLimits& limits)
    : impl_(std::make_unique<Impl>(store, std::move(load), limits)) {}
NamedGraphs::~NamedGraphs() = default;

void NamedGraphs::add(const std::string& iri) {
  const auto [name, fresh] = impl_->names.try_emplace(iri, kNoTerm);
  if (!fresh) return;
  name->second = impl_->intern(Term::iri(iri));
  impl_->graphs.emplace_back(*impl_, iri);
  impl_->dataset.add_graph(iri, impl_->graphs.back());
}

void NamedGraphs::add_store(const std::string& iri) { impl_->dataset.add_graph(iri, impl_->store); }

std::size_t NamedGraphs::size() const { return impl_->dataset.named_graphs().size(); }
const Dataset& NamedGraphs::dataset() const { return impl_->dataset; }
const std::optional<Error>& NamedGraphs::failure() const { return impl_->failure; }

}  // namespace agiddi::ontology::sparql
