// Reading the store: triple patterns, VALUES, GRAPH.
#include "ledger/term_id.h"
#include "ontology/sparql/operators.h"

namespace agiddi::ontology::sparql {

namespace {

bool of_store(TermId id) { return ledger::tag_of(id) != ledger::TermTag::query; }

// Binds a slot unless it holds the same value already; undoes it at the end of its life.
class Binding {
 public:
  Binding(Execution& execution, Slot slot, TermId id) : row_(execution.row), slot_(slot) {
    if (slot == kNoSlot) return;
    if (row_[slot] == kNoTerm) {
      row_[slot] = id;
      bound_ = true;
    } else {
      agrees_ = row_[slot] == id;
    }
  }
  ~Binding() {
    if (bound_) row_[slot_] = kNoTerm;
  }
  Binding(const Binding&) = delete;
  Binding& operator=(const Binding&) = delete;
  bool agrees() const { return agrees_; }

 private:
  TermId* row_;
  Slot slot_;
  bool bound_ = false, agrees_ = true;
};

}  // namespace

bool ScanOperator::run(Execution& execution, Emit emit) {
  if (execution.graph == nullptr) return true;
  if ((s_.slot == kNoSlot && s_.id == kNoTerm) || (p_.slot == kNoSlot && p_.id == kNoTerm) || (o_.slot == kNoSlot && o_.id == kNoTerm)) return true;
  const ledger::TriplePattern pattern{s_.bound(execution), p_.bound(execution), o_.bound(execution)};
  if (!of_store(pattern.subject) || !of_store(pattern.predicate) || !of_store(pattern.object)) return true;
  bool wanted = true;
  auto visit = [&](TermId s, TermId p, TermId o) {
    ++execution.triples_read;
    if (!execution.tick()) return wanted = false;
    // A variable that stands twice in the pattern must agree with itself.
    const Binding subject(execution, s_.slot, s);
    if (!subject.agrees()) return true;
    const Binding predicate(execution, p_.slot, p);
    if (!predicate.agrees()) return true;
    const Binding object(execution, o_.slot, o);
    if (!object.agrees()) return true;
    return wanted = emit();
  };
  if (range_ && pattern.subject == kNoTerm && pattern.object == kNoTerm && pattern.predicate != kNoTerm) {
    auto visit_range = [&](TermId s, TermId o) { return visit(s, pattern.predicate, o); };
    if (!range_->across || !execution.graph->scan_box(range_->box(pattern.predicate), std::ref(visit_range))) {
      execution.graph->scan_range(pattern.predicate, range_->values(), std::ref(visit_range));
    }
  } else {
    execution.graph->scan(pattern, std::ref(visit));
  }
  return wanted;
}

void ScanOperator::rows(const Execution& execution, const ledger::VisitRows& visit) const {
  if (p_.id == kNoTerm) return;   // the store has no such term
  if (range_) {
    execution.graph->scan_range_rows(p_.id, range_->values(), visit);
  } else {
    execution.graph->scan_rows(p_.id, visit);
  }
}

std::string ScanOperator::describe() const {
  std::string out = !range_ ? "scan " : range_->ordered ? "ordered scan " : range_->across ? "box scan " : "range scan ";
  out += s_.shown + " " + p_.shown + " " + o_.shown;
  if (optional_) out.insert(0, "optional ");
  if (range_ && range_->descending) out += " downwards";
  const auto bounds = [](const auto& range) {
    return " in [" + (range.low ? range.low->value : std::string("-")) + ", " + (range.high ? range.high->value : std::string("-")) + "]";
  };
  if (range_ && (range_->low || range_->high)) out += bounds(*range_);
  if (range_ && range_->across) out += " with " + range_->across->shown + bounds(*range_->across);
  return out;
}

bool ValuesOperator::run(Execution& execution, Emit emit) {
  std::vector<Slot> bound;
  for (const auto& values : rows_) {
    if (!execution.tick()) return false;
    bool agrees = true;
    bound.clear();
    for (std::size_t i = 0; i < columns_.size() && agrees; ++i) {
      if (values[i] == kNoTerm) continue;
      TermId& cell = execution.row[columns_[i]];
      if (cell == kNoTerm) {
        cell = values[i];
        bound.push_back(columns_[i]);
      } else {
        agrees = cell == values[i];
      }
    }
    const bool wanted = !agrees || emit();
    for (Slot slot : bound) execution.row[slot] = kNoTerm;
    if (!wanted) return false;
  }
  return true;
}

bool GraphOperator::run_in(Execution& execution, const ledger::TripleSource* graph, TermId name, Emit emit) {
  const ledger::TripleSource* outer = execution.graph;
  std::optional<Binding> before;
  if (bind_first_ && graph_.is_variable()) {
    before.emplace(execution, graph_.slot, name);
    if (!before->agrees()) return true;
  }
  execution.graph = graph;
  const bool wanted = part_->run(execution, [&] {
    // What comes after this part reads the graph outside.
    execution.graph = outer;
    bool more = true;
    if (bind_first_ || !graph_.is_variable()) {
      more = emit();
    } else {
      const Binding after(execution, graph_.slot, name);
      more = !after.agrees() || emit();
    }
    execution.graph = graph;
    return more;
  });
  execution.graph = outer;
  return wanted;
}

bool GraphOperator::run(Execution& execution, Emit emit) {
  if (!graph_.is_variable()) {
    const auto found = execution.named.find(graph_.term.value);
    return found == execution.named.end() || run_in(execution, found->second, kNoTerm, emit);
  }
  for (const auto& [name, graph] : execution.named) {
    if (!execution.tick()) return false;
    if (!run_in(execution, graph, execution.intern(ledger::Term::iri(name)), emit)) return false;
  }
  return true;
}

}  // namespace agiddi::ontology::sparql
