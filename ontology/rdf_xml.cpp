#include <map>
#include <set>

#include "ontology/rdf_io.h"
#include "ontology/sparql/xml.h"
#include "ontology/vocabulary.h"

namespace agiddi::ontology {
namespace {

using ledger::Term;
using ledger::TermKind;
using ledger::Triple;
using sparql::append_xml;

bool letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }

// Where the longest XML name at the end of the IRI begins; its size when there is none.
std::size_t local_name(std::string_view iri) {
  std::size_t begin = iri.size();
  for (std::size_t i = iri.size(); i-- > 0;) {
    const char c = iri[i];
    if (letter(c)) {
      begin = i;
    } else if (!((c >= '0' && c <= '9') || c == '-' || c == '.')) {
      break;
    }
  }
  return begin;
}

void attribute(std::string& out, std::string_view name, std::string_view value) {
  out += ' ';
  out += name;
  out += "=\"";
  append_xml(out, value);
  out += '"';
}

// Namespaces in use, each with its prefix: ours where we have one.
class Names {
 public:
  void need(std::string_view space) {
    const auto [entry, fresh] = names_.try_emplace(std::string(space));
    if (!fresh) return;
    for (const Prefix& prefix : prefixes()) {
      if (prefix.iri == space) entry->second = prefix.name;
    }
    if (entry->second.empty()) entry->second = "ns" + std::to_string(++made_);
  }
  std::string declarations() const {
    std::string out;
    for (const auto& [space, name] : names_) attribute(out, "xmlns:" + name, space);
    return out;
  }
  std::string name(std::string_view iri) const {
    const std::size_t split = local_name(iri);
    return names_.find(iri.substr(0, split))->second + ":" + std::string(iri.substr(split));
  }

 private:
  std::map<std::string, std::string, std::less<>> names_;
  std::size_t made_ = 0;
};

}  // namespace

Result<std::string> write_rdfxml(const std::vector<Triple>& triples) {
  Names names;
  names.need(ns::kRdf);
  std::map<Term, std::vector<const Triple*>> stars;
  for (const Triple& triple : triples) {
    const std::string& predicate = triple.predicate.value;
    const std::size_t split = local_name(predicate);
    if (split == predicate.size() || split == 0) {
      return fail(Status::not_acceptable, "RDF/XML cannot hold the predicate <" + predicate.substr(0, 512) + ">: ask for text/turtle, application/n-triples or application/ld+json.");
    }
    names.need(std::string_view(predicate).substr(0, split));
    stars[triple.subject].push_back(&triple);
  }
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rdf:RDF" + names.declarations() + ">\n";
  for (const auto& [subject, star] : stars) {
    out += "<rdf:Description";
    attribute(out, subject.is_iri() ? "rdf:about" : "rdf:nodeID", subject.value);
    out += ">\n";
    for (const Triple* triple : star) {
      const Term& object = triple->object;
      const std::string name = names.name(triple->predicate.value);
      out += "  <" + name;
      if (!object.is_literal()) {
        attribute(out, object.is_iri() ? "rdf:resource" : "rdf:nodeID", object.value);
        out += "/>\n";
        continue;
      }
      if (!object.language.empty()) {
        attribute(out, "xml:lang", object.language);
      } else if (!object.datatype.empty()) {
        attribute(out, "rdf:datatype", object.datatype);
      }
      out += '>';
      append_xml(out, object.value);
      out += "</" + name + ">\n";
    }
    out += "</rdf:Description>\n";
  }
  return out + "</rdf:RDF>\n";
}

}  // namespace agiddi::ontology
