// How many rows a pattern gives, from the store's estimates and a few samples.
#include <algorithm>
#include <set>

#include "ontology/sparql/planner.h"

namespace agiddi::ontology::sparql {

namespace {

constexpr std::size_t kSamples = 8;
constexpr std::size_t kRangeCounted = 256;  // a range scan is counted up to here; beyond, a fraction of all is assumed
constexpr double kFew = 0.001;

// With a join variable bound, a part gives far fewer rows than by itself; how many is anybody's guess.
double guess_of_part(double rows) { return std::max(rows / 100, std::min(rows, 1.0)); }

}  // namespace

const Planner::PredicateStatistics& Planner::statistics(TermId predicate) {
  const auto known = statistics_.find(predicate);
  if (known != statistics_.end()) return known->second;
  PredicateStatistics out;
  if (const auto counts = graph_->counts(predicate)) {
    out.count = std::max(1.0, counts->triples);
    out.per_subject = out.count / std::max(1.0, counts->subjects);
    out.per_object = out.count / std::max(1.0, counts->objects);
    return statistics_.emplace(predicate, out).first->second;
  }
  out.count = std::max(1.0, static_cast<double>(graph_->estimate({kNoTerm, predicate, kNoTerm})));
  std::set<TermId> subjects, objects;
  std::size_t seen = 0;
  auto sample = [&](TermId s, TermId, TermId o) {
    subjects.insert(s);
    objects.insert(o);
    return ++seen < kSamples;
  };
  graph_->scan({kNoTerm, predicate, kNoTerm}, std::ref(sample));
  auto average = [&](const std::set<TermId>& ids, bool subject) {
    double sum = 0;
    for (TermId id : ids) sum += static_cast<double>(graph_->estimate({subject ? id : kNoTerm, predicate, subject ? kNoTerm : id}));
    return ids.empty() ? 1.0 : std::max(1.0, sum / static_cast<double>(ids.size()));
  };
  out.per_subject = average(subjects, true);
  out.per_object = average(objects, false);
  return statistics_.emplace(predicate, out).first->second;
}

double Planner::value_of(TermId id) {
  if (const auto time = ledger::inline_time(id)) return static_cast<double>(*time);
  const auto& number = execution_.value(id).number;
  return number ? number->as_double() : 0;
}

double Planner::range_count(const PatternTriple& triple, double base) {
  const auto known = range_counts_.find(&triple);
  if (known != range_counts_.end()) return known->second;
  const ScanRange wanted = *range_of(triple);
  const ledger::ValueRange range = wanted.values();
  const TermId predicate = id_of(triple.predicate);
  const auto counted = wanted.across ? graph_->count_box(wanted.box(predicate)) : graph_->count_range(predicate, range);
  const double count = counted ? static_cast<double>(*counted) : sampled_range_count(predicate, range, base);
  range_counts_.emplace(&triple, count);
  return count;
}

double Planner::sampled_range_count(TermId predicate, const ledger::ValueRange& range, double base) {
  std::size_t seen = 0;
  TermId first = kNoTerm, last = kNoTerm, end = kNoTerm;
  auto visit = [&](TermId, TermId o) {
    if (seen == 0) first = o;
    last = o;
    return ++seen < kRangeCounted;
  };
  ledger::ValueRange upwards = range, downwards = range;
  upwards.descending = false;
  downwards.descending = true;
  graph_->scan_range(predicate, upwards, std::ref(visit));
  const double count = static_cast<double>(seen);
  if (seen < kRangeCounted) return count;
  // More than was counted: as densely as it began, up to the largest value of the range.
  auto visit_end = [&](TermId, TermId o) {
    end = o;
    return false;
  };
  graph_->scan_range(predicate, downwards, std::ref(visit_end));
  const double from = value_of(first), part = value_of(last) - from, whole = value_of(end) - from;
  const double guess = part > 0 && whole >= part ? count * whole / part : base / 3;
  return std::clamp(guess, count, std::max(count, base));
}

double Planner::estimate(const PatternTriple& triple, const SlotSet& bound) {
  if (graph_ == nullptr) return 0;
  const bool s_bound = triple.subject.is_variable() && bound.has(triple.subject.slot);
  const bool o_bound = triple.object.is_variable() && bound.has(triple.object.slot);
  if (triple.path) {
    const bool anchored = s_bound || o_bound || !triple.subject.is_variable() || !triple.object.is_variable();
    return anchored ? 20 : 4 * static_cast<double>(graph_->estimate({})) + 20;
  }
  const TermId s = id_of(triple.subject), p = id_of(triple.predicate), o = id_of(triple.object);
  if ((s == kNoTerm && !triple.subject.is_variable()) || (p == kNoTerm && !triple.predicate.is_variable()) ||
      (o == kNoTerm && !triple.object.is_variable())) {
    return 0;
  }
  const auto [known, is_new] = base_estimates_.try_emplace(&triple, 0.0);
  if (is_new) known->second = static_cast<double>(graph_->estimate({s, p, o}));
  const double base = known->second;
  if (base <= 0) return 0;
  double rows = base;
  if (p != kNoTerm && triple.object.is_variable() && s == kNoTerm && ranges_.contains(triple.object.slot)) {
    rows = std::min(rows, std::max(range_count(triple, base), kFew));
  }
  if (p == kNoTerm) {
    if (s_bound) rows = std::min(rows, 10.0);
    if (o_bound) rows = std::min(rows, 10.0);
    if (triple.predicate.is_variable() && bound.has(triple.predicate.slot)) rows /= 10;
    return rows;
  }
  if (s_bound || o_bound) {
    const PredicateStatistics& known_of = statistics(p);
    // What the other half of the rectangle has let through lies in this one.
    const auto box = boxes_.find(&triple);
    if (box != boxes_.end() && s_bound && bound.has(box->second.slot)) return known_of.per_subject;
    if (s_bound) rows *= known_of.per_subject / known_of.count;
    if (o_bound) rows *= known_of.per_object / known_of.count;
  }
  return std::max(rows, kFew);
}

double Planner::estimate(const Unit& unit, const SlotSet& bound) {
  if (unit.triple != nullptr) return estimate(*unit.triple, bound);
  if (unit.nearest) return range_count(*unit.nearest->latitude, 1);
  return estimate(*unit.node, bound);
}

double Planner::estimate(const Node& node, const SlotSet& bound) {
  const double rows = estimate(node);
  if (!analysis_.certain(node).meets(bound)) return rows;
  if (node.kind == Node::Kind::union_) {
    double sum = 0;
    for (const NodePtr& arm : node.children) {
      const bool one = arm->kind == Node::Kind::bgp && arm->triples.size() == 1;
      sum += one ? estimate(arm->triples[0], bound) : guess_of_part(estimate(*arm));
    }
    return sum;
  }
  return guess_of_part(rows);
}

double Planner::estimate(const Node& node) {
  const auto known = node_estimates_.find(&node);
  if (known != node_estimates_.end()) return known->second;
  double rows = 1;
  switch (node.kind) {
    case Node::Kind::bgp: {
      // The most selective pattern decides, each further one is taken to keep what it joins.
      if (!node.triples.empty()) {
        rows = estimate(node.triples[0], {});
        for (const PatternTriple& triple : node.triples) rows = std::min(rows, estimate(triple, {}));
      }
      break;
    }
    case Node::Kind::join:
      rows = estimate(*node.children[0]);
      for (const NodePtr& child : node.children) rows = std::min(rows, estimate(*child));
      break;
    case Node::Kind::union_:
      rows = 0;
      for (const NodePtr& child : node.children) rows += estimate(*child);
      break;
    case Node::Kind::values: rows = static_cast<double>(node.rows.size()); break;
    case Node::Kind::slice:
      rows = estimate(*node.children[0]);
      if (node.limit) rows = std::min(rows, static_cast<double>(*node.limit));
      break;
    case Node::Kind::group: rows = node.keys.empty() ? 1 : std::max(1.0, estimate(*node.children[0]) / 10); break;
    case Node::Kind::graph: rows = 100; break;
    case Node::Kind::filter: rows = estimate(*node.children[0]) / 2; break;
    default: rows = estimate(*node.children[0]); break;
  }
  node_estimates_.emplace(&node, rows);
  return rows;
}

}  // namespace agiddi::ontology::sparql
