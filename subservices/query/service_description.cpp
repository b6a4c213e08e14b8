#include "subservices/query/service_description.h"

#include <set>

#include "ontology/rdf_io.h"
#include "ontology/vocabulary.h"
#include "protocol/check.h"
#include "subservices/query/ledger_dataset.h"

namespace agiddi::subservices {
namespace {

using ledger::kNoTerm;
using ledger::Term;
namespace ns = ontology::ns;

constexpr const char* kFormats = "http://www.w3.org/ns/formats/";
constexpr const char* kSimpleEntailment = "http://www.w3.org/ns/entailment/Simple";

Term iri(std::string_view space, std::string_view local) { return Term::iri(std::string(space) + std::string(local)); }

// The predicates that the default graph may hold: the ontology's own and those that it borrows.
const std::set<std::string>& predicates() {
  static const std::set<std::string> kAll = [] {
    std::set<std::string> all;
    const auto triples = ontology::parse_turtle(ontology::ontology_turtle());
    AGIDDI_CHECK(triples.has_value(), "the built-in ontology is Turtle");
    for (const ledger::Triple& triple : *triples) {
      const bool property = triple.object == iri(ns::kOwl, "ObjectProperty") || triple.object == iri(ns::kOwl, "DatatypeProperty");
      if (property && triple.subject.is_iri()) all.insert(triple.subject.value);
    }
    const auto borrow = [&](std::string_view space, std::initializer_list<const char*> names) {
      for (const char* name : names) all.insert(std::string(space) + name);
    };
    borrow(ns::kRdf, {"type"});
    borrow(ns::kSchema, {"name", "description", "priceCurrency"});
    borrow(ns::kGeo, {"lat", "long", "alt"});
    borrow(ns::kSosa, {"hosts", "observes"});
    borrow(ns::kQudt, {"hasUnit", "hasQuantityKind"});
    borrow(ns::kProv, {"wasAttributedTo", "wasRevisionOf", "generatedAtTime", "startedAtTime"});
    return all;
  }();
  return kAll;
}

class Description {
 public:
  Description(const ledger::LedgerSnapshot& snapshot, const std::string& endpoint) : store_(snapshot.triples()) {
    const Term service = Term::blank("service"), dataset = Term::blank("dataset"), current = Term::blank("current"), graphs = Term::blank("graphs"),
               named = Term::blank("named");
    add(service, ns::kRdf, "type", iri(ns::kSd, "Service"));
    add(service, ns::kSd, "endpoint", Term::iri(endpoint));
    add(service, ns::kSd, "supportedLanguage", iri(ns::kSd, "SPARQL11Query"));
    for (const char* format : {"SPARQL_Results_JSON", "SPARQL_Results_XML", "SPARQL_Results_CSV", "SPARQL_Results_TSV", "Turtle", "N-Triples", "JSON-LD", "RDF_XML"}) {
      add(service, ns::kSd, "resultFormat", iri(kFormats, format));
    }
    add(service, ns::kSd, "defaultEntailmentRegime", Term::iri(kSimpleEntailment));
    add(service, ns::kSd, "extensionFunction", iri(ns::kAgiddi, "distanceKm"));
    add(iri(ns::kAgiddi, "distanceKm"), ns::kRdf, "type", iri(ns::kSd, "Function"));
    add(service, ns::kSd, "defaultDataset", dataset);
    add(service, ns::kSd, "availableGraphs", graphs);

    add(dataset, ns::kRdf, "type", iri(ns::kSd, "Dataset"));
    add(dataset, ns::kRdfs, "comment",
        Term::literal("The default graph holds what is in force at the latest block. Each transaction has a named graph, urn:agiddi:transaction:<id>, with its "
                      "provenance and what it recorded; agiddi:recordedIn leads from a statement of the default graph to it."));
    add(dataset, ns::kSd, "defaultGraph", current);
    add(graphs, ns::kRdf, "type", iri(ns::kSd, "GraphCollection"));
    add(graphs, ns::kRdfs, "comment",
        Term::literal("Every transaction's graph, and the default graph by a name of its own, may be chosen by FROM, FROM NAMED, default-graph-uri and named-graph-uri."));
    add(graphs, ns::kSd, "namedGraph", named);
    add(named, ns::kRdf, "type", iri(ns::kSd, "NamedGraph"));
    add(named, ns::kSd, "name", Term::iri(std::string(kCurrentGraph)));
    add(named, ns::kSd, "graph", current);

    add(current, ns::kRdf, "type", iri(ns::kSd, "Graph"));
    add(current, ns::kRdf, "type", iri(ns::kVoid, "Dataset"));
    add(current, ns::kVoid, "triples", count(store_.estimate({})));
    for (const std::string_view vocabulary : {ns::kAgiddi, ns::kSosa, ns::kQudt, ns::kGeo, ns::kProv, ns::kSchema}) {
      add(current, ns::kVoid, "vocabulary", Term::iri(std::string(vocabulary)));
    }
    std::size_t k = 0;
    for (const std::string& predicate : predicates()) {
      const auto id = store_.find(Term::iri(predicate));
      const std::uint64_t triples = id == kNoTerm ? 0 : store_.estimate({kNoTerm, id, kNoTerm});
      if (triples == 0) continue;
      const Term part = Term::blank("property" + std::to_string(++k));
      add(current, ns::kVoid, "propertyPartition", part);
      add(part, ns::kVoid, "property", Term::iri(predicate));
      add(part, ns::kVoid, "triples", count(triples));
    }
  }

  ontology::Triples take() { return std::move(out_); }

 private:
  static Term count(std::uint64_t value) { return Term::typed(std::to_string(value), ledger::xsd::integer); }
  void add(const Term& subject, std::string_view space, std::string_view predicate, Term object) { out_.push_back({subject, iri(space, predicate), std::move(object)}); }

  const ledger::TripleSource& store_;
  ontology::Triples out_;
};

}  // namespace

ontology::Triples service_description(const ledger::LedgerSnapshot& snapshot, const std::string& endpoint) { return Description(snapshot, endpoint).take(); }

}  // namespace agiddi::subservices
