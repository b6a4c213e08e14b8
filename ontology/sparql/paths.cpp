// Property paths (section 9, 18.4): one step at a time from a known end; * + ? by breadth-first search with a set of visited nodes.
#include <algorithm>
#include <unordered_set>
#include <vector>

#include "ledger/term_id.h"
#include "ontology/sparql/operators.h"

namespace agiddi::ontology::sparql {

namespace {

using Reach = FunctionRef<bool(TermId)>;          // a node that is reached; false: enough
using Pair = FunctionRef<bool(TermId, TermId)>;

class Walker {
 public:
  explicit Walker(Execution& execution) : execution_(execution) {}

  // Every node that the path leads to from a node; against the path's direction when backwards.
  bool from(const Path& path, TermId node, bool backwards, Reach reach) {
    switch (path.kind) {
      case Path::Kind::link: return step(find(path.iri), node, backwards, reach);
      case Path::Kind::inverse: return from(*path.parts[0], node, !backwards, reach);
      case Path::Kind::sequence: return sequence(path, backwards ? path.parts.size() : 0, node, backwards, reach);
      case Path::Kind::alternative:
        return std::all_of(path.parts.begin(), path.parts.end(), [&](const PathPtr& part) { return from(*part, node, backwards, reach); });
      case Path::Kind::zero_or_one: {
        std::unordered_set<TermId> seen{node};
        if (!reach(node)) return false;
        return from(*path.parts[0], node, backwards, [&](TermId next) { return !seen.insert(next).second || (hold() && reach(next)); });
      }
      case Path::Kind::zero_or_more:
      case Path::Kind::one_or_more: return closure(path, node, backwards, reach);
      case Path::Kind::negated: return negated(path, node, backwards, reach);
    }
    return true;
  }

  // Every pair, when neither end is known.
  bool pairs(const Path& path, Pair pair) {
    switch (path.kind) {
      case Path::Kind::link: {
        const TermId predicate = find(path.iri);
        if (predicate == kNoTerm) return true;
        return scan({kNoTerm, predicate, kNoTerm}, [&](TermId s, TermId, TermId o) { return pair(s, o); });
      }
      case Path::Kind::inverse: return pairs(*path.parts[0], [&](TermId a, TermId b) { return pair(b, a); });
      case Path::Kind::sequence:
        return pairs(*path.parts[0], [&](TermId a, TermId b) { return sequence(path, 1, b, false, [&](TermId c) { return pair(a, c); }); });
      case Path::Kind::alternative:
        return std::all_of(path.parts.begin(), path.parts.end(), [&](const PathPtr& part) { return pairs(*part, pair); });
      default: {
        for (TermId node : nodes()) {
          if (!from(path, node, false, [&](TermId other) { return pair(node, other); })) return false;
        }
        return true;
      }
    }
  }

  bool in_graph(TermId node) {
    if (!of_store(node)) return false;
    bool found = false;
    auto stop = [&](TermId, TermId, TermId) { return !(found = true); };
    scan({node, kNoTerm, kNoTerm}, stop);
    if (!found) scan({kNoTerm, kNoTerm, node}, stop);
    return found;
  }

  void release() { execution_.release(held_); }

 private:
  static constexpr std::size_t kHeldPerNode = 40;

  TermId find(const std::string& iri) const { return execution_.dataset.default_graph().find(ledger::Term::iri(iri)); }

  bool hold() {
    held_ += kHeldPerNode;
    return execution_.reserve(kHeldPerNode);
  }

  template <class Visit>
  bool scan(const ledger::TriplePattern& pattern, Visit visit) {
    bool wanted = true;
    auto visitor = [&](TermId s, TermId p, TermId o) {
      ++execution_.triples_read;
      return wanted = execution_.tick() && visit(s, p, o);
    };
    execution_.graph->scan(pattern, std::ref(visitor));
    return wanted;
  }

  static bool of_store(TermId id) { return ledger::tag_of(id) != ledger::TermTag::query; }

  bool step(TermId predicate, TermId node, bool backwards, Reach reach) {
    if (predicate == kNoTerm || !of_store(node)) return true;
    if (backwards) return scan({kNoTerm, predicate, node}, [&](TermId s, TermId, TermId) { return reach(s); });
    return scan({node, predicate, kNoTerm}, [&](TermId, TermId, TermId o) { return reach(o); });
  }

  // The rest of a sequence: parts [at, end), or backwards the parts below at.
  bool sequence(const Path& path, std::size_t at, TermId node, bool backwards, Reach reach) {
    if (at == (backwards ? 0 : path.parts.size())) return reach(node);
    const Path& part = *path.parts[backwards ? at - 1 : at];
    return from(part, node, backwards, [&](TermId next) { return sequence(path, backwards ? at - 1 : at + 1, next, backwards, reach); });
  }

  bool closure(const Path& path, TermId start, bool backwards, Reach reach) {
    std::unordered_set<TermId> seen;
    std::vector<TermId> found;  // also the queue
    if (path.kind == Path::Kind::zero_or_more) {
      seen.insert(start);
      if (!reach(start)) return false;
    }
    TermId node = start;
    for (std::size_t next = 0;; node = found[next++]) {
      const bool wanted = from(*path.parts[0], node, backwards, [&](TermId other) {
        if (!seen.insert(other).second) return true;
        found.push_back(other);
        return hold() && reach(other);
      });
      if (!wanted) return false;
      if (next == found.size()) return true;
    }
  }

  bool negated(const Path& path, TermId node, bool backwards, Reach reach) {
    if (!of_store(node)) return true;
    auto listed = [&](const std::vector<std::string>& iris, TermId predicate) {
      return std::any_of(iris.begin(), iris.end(), [&](const std::string& iri) { return find(iri) == predicate; });
    };
    auto outward = [&](const std::vector<std::string>& iris) {
      return scan({node, kNoTerm, kNoTerm}, [&](TermId, TermId p, TermId o) { return listed(iris, p) || reach(o); });
    };
    auto inward = [&](const std::vector<std::string>& iris) {
      return scan({kNoTerm, kNoTerm, node}, [&](TermId s, TermId p, TermId) { return listed(iris, p) || reach(s); });
    };
    if (!path.forward.empty() || path.backward.empty()) {
      if (!(backwards ? inward(path.forward) : outward(path.forward))) return false;
    }
    if (!path.backward.empty()) return backwards ? outward(path.backward) : inward(path.backward);
    return true;
  }

  // The subjects and objects of the active graph.
  std::vector<TermId> nodes() {
    std::unordered_set<TermId> seen;
    std::vector<TermId> out;
    auto add = [&](TermId id) {
      if (!seen.insert(id).second) return true;
      out.push_back(id);
      return hold();
    };
    scan({}, [&](TermId s, TermId, TermId o) { return add(s) && add(o); });
    return out;
  }

  Execution& execution_;
  std::size_t held_ = 0;
};

}  // namespace

bool PathOperator::run(Execution& execution, Emit emit) {
  if (execution.graph == nullptr) return true;
  // A constant that no triple has still begins a path of length zero.
  auto known = [&](const Atom& atom) { return atom.is_variable() ? execution.row[atom.slot] : execution.intern(atom.term); };
  const TermId subject = known(subject_), object = known(object_);
  Walker walker(execution);
  // Between two variables even a path of length zero stays within the graph's nodes. What an EXISTS substitutes counts as a constant.
  auto free = [&](const Atom& atom) { return atom.is_variable() && execution.base[atom.slot] == kNoTerm; };
  if (free(subject_) && free(object_)) {
    if (subject != kNoTerm && !walker.in_graph(subject)) return !execution.stopped();
    if (object != kNoTerm && !walker.in_graph(object)) return !execution.stopped();
  }
  auto bind_one = [&](Slot slot, TermId id) {
    execution.row[slot] = id;
    const bool more = emit();
    execution.row[slot] = kNoTerm;
    return more;
  };
  bool wanted = true;
  if (subject != kNoTerm && object != kNoTerm) {
    wanted = walker.from(*path_, subject, false, [&](TermId id) { return id != object || emit(); });
  } else if (subject != kNoTerm) {
    wanted = walker.from(*path_, subject, false, [&](TermId id) { return bind_one(object_.slot, id); });
  } else if (object != kNoTerm) {
    wanted = walker.from(*path_, object, true, [&](TermId id) { return bind_one(subject_.slot, id); });
  } else if (subject_.slot == object_.slot) {
    wanted = walker.pairs(*path_, [&](TermId a, TermId b) { return a != b || bind_one(subject_.slot, a); });
  } else {
    wanted = walker.pairs(*path_, [&](TermId a, TermId b) {
      execution.row[subject_.slot] = a;
      const bool more = bind_one(object_.slot, b);
      execution.row[subject_.slot] = kNoTerm;
      return more;
    });
  }
  walker.release();
  return wanted;
}

}  // namespace agiddi::ontology::sparql
