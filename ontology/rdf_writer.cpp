#include <algorithm>
#include <map>
#include <set>

#include "ontology/rdf_io.h"
#include "ontology/vocabulary.h"

namespace agiddi::ontology {
namespace {

using ledger::Term;
using ledger::TermKind;
using ledger::Triple;

const std::string kRdfType = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";

bool digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Whether a literal may stand in Turtle without quotes and still be read as the same literal.
bool is_bare(const Term& literal) {
  std::string_view text = literal.value;
  if (literal.datatype == ledger::xsd::boolean) return text == "true" || text == "false";
  if (literal.datatype != ledger::xsd::integer && literal.datatype != ledger::xsd::decimal) return false;
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  if (literal.datatype == ledger::xsd::integer) return digits(text);
  const auto point = text.find('.');
  return point != std::string_view::npos && digits(text.substr(0, point)) && digits(text.substr(point + 1));
}

class TurtleWriter {
 public:
  std::string run(const std::vector<Triple>& triples) {
    group(triples);
    for (const Term* subject : subjects_) write_subject(*subject);
    std::string head;
    for (const Prefix& prefix : prefixes()) {
      if (used_.count(prefix.name)) head += "@prefix " + std::string(prefix.name) + ": <" + std::string(prefix.iri) + "> .\n";
    }
    return head.empty() ? body_ : head + "\n" + body_;
  }

 private:
  using Objects = std::vector<const Term*>;
  using Predicates = std::vector<std::pair<const Term*, Objects>>;

  void group(const std::vector<Triple>& triples) {
    for (const Triple& triple : triples) {
      auto [entry, fresh] = stars_.try_emplace(triple.subject);
      if (fresh) subjects_.push_back(&entry->first);
      Predicates& predicates = entry->second;
      auto& known = index_[&entry->first];
      const auto [at, first] = known.try_emplace(triple.predicate.value, predicates.size());
      if (first) predicates.push_back({&triple.predicate, {}});
      predicates[at->second].second.push_back(&triple.object);
    }
  }

  void write_subject(const Term& subject) {
    if (!body_.empty()) body_ += '\n';
    body_ += text(subject);
    Predicates predicates = stars_.at(subject);
    // The type reads best first.
    std::stable_partition(predicates.begin(), predicates.end(), [](const auto& entry) { return entry.first->value == kRdfType; });
    for (std::size_t p = 0; p < predicates.size(); ++p) {
      body_ += p == 0 ? " " : " ;\n    ";
      body_ += predicates[p].first->value == kRdfType ? "a" : text(*predicates[p].first);
      for (std::size_t o = 0; o < predicates[p].second.size(); ++o) {
        body_ += o == 0 ? " " : ", ";
        body_ += text(*predicates[p].second[o]);
      }
    }
    body_ += " .\n";
  }

  std::string iri(const std::string& value) {
    std::string compact = compact_iri(value);
    if (compact.front() != '<') used_.insert(compact.substr(0, compact.find(':')));
    return compact;
  }

  std::string text(const Term& term) {
    if (term.is_iri()) return iri(term.value);
    if (!term.is_literal() || term.datatype.empty()) return ledger::ntriples(term);
    if (is_bare(term)) return term.value;
    return ledger::ntriples(Term::literal(term.value)) + "^^" + iri(term.datatype);
  }

  std::map<Term, Predicates> stars_;
  std::map<const Term*, std::map<std::string_view, std::size_t>> index_;
  std::vector<const Term*> subjects_;
  std::set<std::string, std::less<>> used_;
  std::string body_;
};

}  // namespace

std::string write_turtle(const std::vector<Triple>& triples) { return TurtleWriter().run(triples); }

std::string write_ntriples(const std::vector<Triple>& triples) {
  std::string out;
  for (const Triple& triple : triples) {
    out += ledger::ntriples(triple);
    out += '\n';
  }
  return out;
}

}  // namespace agiddi::ontology
