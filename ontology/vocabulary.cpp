#include "ontology/vocabulary.h"

#include <algorithm>
#include <set>

#include "ontology/rdf_io.h"
#include "protocol/check.h"

namespace agiddi::ontology {
namespace embedded {
std::string_view agiddi_ttl();
}

namespace {

using ledger::Triple;

std::string iri_of(std::string_view space, std::string_view local) { return std::string(space) + std::string(local); }

bool is_plain_local(std::string_view local) {
  if (local.empty()) return false;
  return std::all_of(local.begin(), local.end(), [&](char c) {
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    return letter || (c == '-' && &c != local.data());
  });
}

// What the ontology says, by subject and predicate.
class Statements {
 public:
  explicit Statements(const std::vector<Triple>& triples) {
    for (const Triple& triple : triples) objects_[{triple.subject.value, triple.predicate.value}].push_back(triple.object.value);
  }
  const std::vector<std::string>& of(const std::string& subject, const std::string& predicate) const {
    static const std::vector<std::string> kNone;
    const auto found = objects_.find({subject, predicate});
    return found == objects_.end() ? kNone : found->second;
  }
  std::string one(const std::string& subject, const std::string& predicate) const {
    const auto& all = of(subject, predicate);
    return all.empty() ? std::string() : all.front();
  }
  // Everything reached over `predicate` inside our namespace, nearest first.
  std::vector<std::string> ancestors(const std::string& subject, const std::string& predicate) const {
    std::vector<std::string> reached;
    std::vector<std::string> frontier{subject};
    while (!frontier.empty()) {
      std::vector<std::string> next;
      for (const auto& node : frontier) {
        for (const auto& parent : of(node, predicate)) {
          if (!parent.starts_with(ns::kAgiddi) || std::find(reached.begin(), reached.end(), parent) != reached.end()) continue;
          reached.push_back(parent);
          next.push_back(parent);
        }
      }
      frontier = std::move(next);
    }
    return reached;
  }

 private:
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> objects_;
};

// The IRI that a name of ours stands for; other prefixed names and plain text give nothing useful to look up.
std::string full_name(std::string_view name) {
  if (name.starts_with("agiddi:")) return iri_of(ns::kAgiddi, name.substr(7));
  if (name.find(':') != std::string_view::npos) return std::string(name);
  return iri_of(ns::kAgiddi, name);
}

}  // namespace

const std::vector<Prefix>& prefixes() {
  static const std::vector<Prefix> kPrefixes = {
      {"agiddi", ns::kAgiddi}, {"geo", ns::kGeo},       {"owl", ns::kOwl},   {"prov", ns::kProv},
      {"quantitykind", ns::kQuantityKind}, {"qudt", ns::kQudt}, {"rdf", ns::kRdf},   {"rdfs", ns::kRdfs},
      {"schema", ns::kSchema}, {"sd", ns::kSd}, {"sosa", ns::kSosa},     {"ssn-system", ns::kSsnSystem}, {"unit", ns::kUnit}, {"void", ns::kVoid},
      {"xsd", ns::kXsd}};
  return kPrefixes;
}

std::string compact_iri(std::string_view iri) {
  for (const Prefix& prefix : prefixes()) {
    if (!iri.starts_with(prefix.iri)) continue;
    const auto local = iri.substr(prefix.iri.size());
    if (is_plain_local(local)) return std::string(prefix.name) + ":" + std::string(local);
  }
  return ledger::ntriples(ledger::Term::iri(std::string(iri)));
}

Vocabulary::Vocabulary(std::string_view turtle) {
  const auto triples = parse_turtle(turtle);
  AGIDDI_CHECK(triples.has_value(), "the built-in ontology is Turtle");
  const Statements statements(*triples);
  const std::string type = iri_of(ns::kRdf, "type"), label = iri_of(ns::kRdfs, "label"), comment = iri_of(ns::kRdfs, "comment");
  const std::string sub_class = iri_of(ns::kRdfs, "subClassOf"), broader = iri_of(ns::kAgiddi, "broader");
  const std::string kind = iri_of(ns::kQudt, "hasQuantityKind");
  const std::string device = iri_of(ns::kAgiddi, "Device"), observable = iri_of(ns::kAgiddi, "ObservableProperty");

  std::set<std::string> subjects;
  for (const Triple& triple : *triples) {
    if (triple.subject.is_iri() && triple.subject.value.starts_with(ns::kAgiddi)) subjects.insert(triple.subject.value);
  }
  for (const std::string& subject : subjects) {
    const std::string name = subject.substr(ns::kAgiddi.size());
    const auto supers = statements.ancestors(subject, sub_class);
    if (subject == device || std::find(supers.begin(), supers.end(), device) != supers.end()) {
      types_[subject] = {name, subject, statements.one(subject, label), statements.one(subject, comment), supers};
    }
    const auto& types = statements.of(subject, type);
    if (std::find(types.begin(), types.end(), observable) == types.end()) continue;
    ObservedProperty property{name, subject, statements.one(subject, label), statements.one(subject, comment),
                              statements.ancestors(subject, broader), statements.of(subject, kind)};
    for (const auto& ancestor : property.ancestors) {
      if (property.quantity_kinds.empty()) property.quantity_kinds = statements.of(ancestor, kind);
    }
    properties_[subject] = std::move(property);
  }
  AGIDDI_CHECK(!types_.empty() && !properties_.empty(), "the built-in ontology has device types and observable properties");
}

const DeviceType* Vocabulary::device_type(std::string_view name) const {
  const auto found = types_.find(full_name(name));
  return found == types_.end() ? nullptr : &found->second;
}

const ObservedProperty* Vocabulary::observed_property(std::string_view name) const {
  const auto found = properties_.find(full_name(name));
  return found == properties_.end() ? nullptr : &found->second;
}

const Vocabulary& vocabulary() {
  static const Vocabulary kVocabulary(ontology_turtle());
  return kVocabulary;
}

std::string_view ontology_turtle() { return embedded::agiddi_ttl(); }

bool is_full_iri(std::string_view text) {
  constexpr std::size_t kMax_bytes = 512;
  if (text.empty() || text.size() > kMax_bytes) return false;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || std::string_view("<>\"{}|^`\\").find(c) != std::string_view::npos) return false;
  }
  const auto colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon + 1 == text.size()) return false;
  const auto scheme = text.substr(0, colon);
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (!letter(scheme.front())) return false;
  for (const char c : scheme) {
    if (!letter(c) && !(c >= '0' && c <= '9') && c != '+' && c != '-' && c != '.') return false;
  }
  const auto rest = text.substr(colon + 1);
  if (scheme == "urn" || scheme == "did" || scheme == "tag") return true;
  return rest.starts_with("//") && rest.size() > 2;
}

}  // namespace agiddi::ontology
