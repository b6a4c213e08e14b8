#include "ontology/sparql/evaluator.h"

#include <set>
#include <unordered_set>

#include "ontology/sparql/execution.h"
#include "ontology/sparql/planner.h"
#include "ontology/sparql/union_source.h"

namespace agiddi::ontology::sparql {

namespace {

std::size_t result_footprint(const ledger::Term& term) { return sizeof(term) + term.value.size() + term.datatype.size() + term.language.size(); }

class Runner {
 public:
  Runner(const Query& query, Execution& execution) : body_(query.body()), execution_(execution) {
    result_.form = body_.form;
    result_.variables = query.variables();
  }

  Result<QueryResult> run() {
    const Plan plan = Planner(body_, execution_).make();
    if (!execution_.stopped()) {
      switch (body_.form) {
        case QueryForm::select: select(*plan.root); break;
        case QueryForm::ask:
          plan.root->run(execution_, [&] {
            result_.boolean = true;
            return false;
          });
          break;
        case QueryForm::construct: construct(*plan.root); break;
        case QueryForm::describe: describe(*plan.root); break;
      }
    }
    if (execution_.stopped()) return tl::unexpected(execution_.error());
    result_.triples_read = execution_.triples_read;
    result_.memory_peak_bytes = execution_.memory_peak();
    return std::move(result_);
  }

 private:
  bool room_for_another(std::size_t have) {
    if (have < execution_.limits().rows) return true;
    execution_.stop(Execution::Stop::rows);
    return false;
  }

  void select(Operator& root) {
    root.run(execution_, [&] {
      if (!room_for_another(result_.rows.size()) || !execution_.tick()) return false;
      std::vector<std::optional<ledger::Term>> row;
      row.reserve(body_.columns.size());
      std::size_t bytes = sizeof(row);
      for (const auto& column : body_.columns) {
        const TermId id = execution_.row[column.second];
        if (id == kNoTerm) {
          row.emplace_back();
        } else {
          row.emplace_back(execution_.term(id));
        }
        bytes += row.back() ? result_footprint(*row.back()) : sizeof(ledger::Term);
      }
      result_.rows.push_back(std::move(row));
      return execution_.reserve(bytes);
    });
  }

  bool add(ledger::Triple triple) {
    if (seen_.contains(triple)) return execution_.tick();
    if (!room_for_another(seen_.size())) return false;
    if (!execution_.reserve(2 * (result_footprint(triple.subject) + result_footprint(triple.predicate) + result_footprint(triple.object)) + 64)) return false;
    result_.triples.push_back(triple);
    seen_.insert(std::move(triple));
    return execution_.tick();
  }

  void construct(Operator& root) {
    std::uint64_t solution = 0;
    root.run(execution_, [&] {
      ++solution;
      auto fill = [&](const Atom& atom) -> std::optional<ledger::Term> {
        if (atom.is_variable()) {
          const TermId id = execution_.row[atom.slot];
          if (id == kNoTerm) return std::nullopt;
          return execution_.term(id);
        }
        if (atom.term.kind != ledger::TermKind::blank) return atom.term;
        // A blank node of the template is a new one in every solution.
        return ledger::Term::blank("c" + std::to_string(solution) + atom.term.value);
      };
      for (const PatternTriple& pattern : body_.construct) {
        auto s = fill(pattern.subject), p = fill(pattern.predicate), o = fill(pattern.object);
        if (!s || !p || !o || s->is_literal() || !p->is_iri()) continue;  // no valid triple: left out (16.2.1)
        if (!add({*std::move(s), *std::move(p), *std::move(o)})) return false;
      }
      return execution_.tick();
    });
  }

  void describe(Operator& root) {
    std::vector<TermId> resources;
    std::unordered_set<TermId> known;
    auto want = [&](TermId id) {
      if (id != kNoTerm && known.insert(id).second) {
        execution_.reserve(48);
        resources.push_back(id);
      }
    };
    root.run(execution_, [&] {
      for (const Atom& atom : body_.describe) {
        want(atom.is_variable() ? execution_.row[atom.slot] : execution_.dataset.default_graph().find(atom.term));
      }
      return execution_.tick();
    });
    // A resource's triples, and those of the blank nodes that they lead to.
    for (std::size_t i = 0; i < resources.size() && !execution_.stopped(); ++i) {
      if (execution_.graph == nullptr) break;
      std::vector<std::pair<TermId, TermId>> found;
      execution_.graph->scan({resources[i], kNoTerm, kNoTerm}, [&](TermId, TermId p, TermId o) {
        ++execution_.triples_read;
        found.emplace_back(p, o);
        return execution_.tick();
      });
      const ledger::Term subject = execution_.term(resources[i]);
      if (subject.is_literal()) continue;
      for (const auto& [p, o] : found) {
        ledger::Term object = execution_.term(o);
        if (object.kind == ledger::TermKind::blank) want(o);
        if (!add({subject, execution_.term(p), std::move(object)})) return;
      }
    }
  }

  const QueryBody& body_;
  Execution& execution_;
  QueryResult result_;
  std::set<ledger::Triple> seen_;
};

}  // namespace

Result<void> choose_graphs(const QueryBody& body, const Dataset& dataset, UnionSource& merged, Execution& execution) {
  if (body.from.empty() && body.from_named.empty()) return {};
  const auto& named = dataset.named_graphs();
  execution.named.clear();
  for (const std::string& iri : body.from) {
    const auto found = named.find(iri);
    if (found == named.end()) return fail(Status::invalid, "FROM names a graph that is not in this store: <" + iri + ">");
    merged.add(*found->second);
  }
  for (const std::string& iri : body.from_named) {
    const auto found = named.find(iri);
    if (found == named.end()) return fail(Status::invalid, "FROM NAMED names a graph that is not in this store: <" + iri + ">");
    execution.named.insert(*found);
  }
  execution.graph = &merged;
  return {};
}

Result<QueryResult> evaluate(const Query& query, const Dataset& dataset, const Limits& limits, CancelToken* cancel, TimeMs now) {
  const QueryBody& body = query.body();
  Execution execution(dataset, limits, cancel, now, body.slot_names.size());
  UnionSource merged(dataset.default_graph());
  if (auto chosen = choose_graphs(body, dataset, merged, execution); !chosen) return tl::unexpected(chosen.error());
  return Runner(query, execution).run();
}

}  // namespace agiddi::ontology::sparql
