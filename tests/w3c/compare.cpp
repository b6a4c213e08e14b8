#include "tests/w3c/compare.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "ontology/sparql/value.h"

namespace agiddi::tests {

using ledger::Term;
using ledger::TermKind;
using ontology::sparql::QueryForm;
using ontology::sparql::QueryResult;
using ontology::sparql::Value;

namespace {

using Row = std::vector<std::optional<Term>>;

class Matcher {
 public:
  Matcher(const std::vector<Row>& expected, const std::vector<Row>& got, bool ordered) : expected_(expected), got_(got), ordered_(ordered), used_(got.size()) {}
  bool all() { return expected_.size() == got_.size() && match(0); }

 private:
  bool same(const Term& a, const Term& b, std::vector<std::pair<std::string, std::string>>& bound) {
    if (a.kind != b.kind) return false;
    if (a.kind == TermKind::blank) {
      const auto to = names_.find(a.value);
      const auto from = back_.find(b.value);
      if (to != names_.end() || from != back_.end()) return to != names_.end() && to->second == b.value && from != back_.end();
      names_[a.value] = b.value;
      back_[b.value] = a.value;
      bound.emplace_back(a.value, b.value);
      return true;
    }
    if (a == b) return true;
    if (a.datatype != b.datatype || !a.language.empty() || a.datatype.empty()) return false;
    const Value x = Value::of(a), y = Value::of(b);
    if (!x.number || !y.number) return false;
    if (x.number->exact()) return compare(*x.number, *y.number) == 0;
    const double p = x.number->as_double(), q = y.number->as_double();
    return p == q || std::abs(p - q) <= 1e-9 * std::abs(p);
  }

  bool rows_match(const Row& a, const Row& b, std::vector<std::pair<std::string, std::string>>& bound) {
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (a[i].has_value() != b[i].has_value() || (a[i] && !same(*a[i], *b[i], bound))) return false;
    }
    return true;
  }

  bool match(std::size_t at) {
    if (at == expected_.size()) return true;
    if (++steps_ > 2'000'000) return false;
    for (std::size_t i = ordered_ ? at : 0; i < (ordered_ ? at + 1 : got_.size()); ++i) {
      if (used_[i]) continue;
      std::vector<std::pair<std::string, std::string>> bound;
      if (rows_match(expected_[at], got_[i], bound)) {
        used_[i] = true;
        if (match(at + 1)) return true;
        used_[i] = false;
      }
      for (const auto& [a, b] : bound) {
        names_.erase(a);
        back_.erase(b);
      }
    }
    return false;
  }

  const std::vector<Row>& expected_;
  const std::vector<Row>& got_;
  bool ordered_;
  std::vector<bool> used_;
  std::map<std::string, std::string> names_, back_;
  std::size_t steps_ = 0;
};

std::string shown(const std::vector<std::string>& variables, const std::vector<Row>& rows) {
  std::string out;
  for (const auto& name : variables) out += " ?" + name;
  std::size_t count = 0;
  for (const Row& row : rows) {
    out += "\n     ";
    for (const auto& term : row) out += " " + (term ? ledger::ntriples(*term) : std::string("-"));
    if (++count == 12) {
      out += "\n      ...";
      break;
    }
  }
  return out;
}

// Rows of got in the order of the expected variables.
std::vector<Row> arranged(const QueryResult& got, const std::vector<std::string>& variables) {
  std::vector<Row> out;
  for (const Row& row : got.rows) {
    Row next;
    for (const auto& name : variables) {
      const auto found = std::find(got.variables.begin(), got.variables.end(), name);
      next.push_back(found == got.variables.end() ? std::nullopt : row[static_cast<std::size_t>(found - got.variables.begin())]);
    }
    out.push_back(std::move(next));
  }
  return out;
}

std::vector<Row> as_rows(std::vector<ledger::Triple> triples) {
  std::sort(triples.begin(), triples.end());
  triples.erase(std::unique(triples.begin(), triples.end()), triples.end());
  std::vector<Row> out;
  for (const auto& triple : triples) out.push_back({triple.subject, triple.predicate, triple.object});
  return out;
}

}  // namespace

std::string difference(const QueryResult& expected, const QueryResult& got, bool ordered, bool lax) {
  if (got.form == QueryForm::construct || got.form == QueryForm::describe) {
    const auto a = as_rows(expected.triples), b = as_rows(got.triples);
    return Matcher(a, b, false).all() ? "" : "expected graph:" + shown({}, a) + "\n    got:" + shown({}, b);
  }
  if ((expected.form == QueryForm::ask) != (got.form == QueryForm::ask)) return "the wrong kind of result";
  if (got.form == QueryForm::ask) return expected.boolean == got.boolean ? "" : std::string("expected ") + (expected.boolean ? "true" : "false");
  auto names = expected.variables, others = got.variables;
  std::sort(names.begin(), names.end());
  std::sort(others.begin(), others.end());
  auto a = expected.rows, b = arranged(got, expected.variables);
  const std::string text = "expected:" + shown(expected.variables, a) + "\n    got:" + shown(got.variables, got.rows);
  if (names != others) return text;
  if (lax) {  // any number of duplicates between one and all: compare the sets
    const std::size_t most = a.size();
    if (b.size() > most) return text;
    for (auto* rows : {&a, &b}) {
      std::sort(rows->begin(), rows->end());
      rows->erase(std::unique(rows->begin(), rows->end()), rows->end());
    }
  }
  return Matcher(a, b, ordered).all() ? "" : text;
}

}  // namespace agiddi::tests
