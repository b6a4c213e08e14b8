#include "subservices/query/device_reader.h"

#include <algorithm>

#include "ontology/vocabulary.h"
#include "protocol/check.h"
#include "protocol/transaction.h"

namespace agiddi::subservices {

using ledger::Term;
using ledger::TermId;

DeviceReader::DeviceReader(const ledger::TripleSource& triples)
    : triples_(triples), hosts_(triples.find(Term::iri(std::string(ontology::ns::kSosa) + "hosts"))) {}

ontology::Triples DeviceReader::star(const std::string& urn) const {
  ontology::Triples star;
  const TermId device = triples_.find(Term::iri(urn));
  if (device == ledger::kNoTerm) return star;
  std::vector<TermId> sensors;
  copy(device, star, &sensors);
  for (const TermId sensor : sensors) copy(sensor, star, nullptr);
  return star;
}

Json DeviceReader::entry(const std::string& urn) const {
  const auto hash = device_from_urn(urn);
  AGIDDI_CHECK(hash.has_value(), "a device of the default graph has a device's id");
  const ontology::Triples found = star(urn);
  const std::string version_predicate = std::string(ontology::ns::kAgiddi) + "version";
  const auto version = std::find_if(found.begin(), found.end(), [&](const ledger::Triple& t) { return t.predicate.value == version_predicate; });
  AGIDDI_CHECK(version != found.end(), "a device of the default graph has a version");
  return Json::object({{"id", urn}, {"version", Json::number(version->object.value)}, {"metadata", ontology::metadata_from_triples(found, *hash)}});
}

void DeviceReader::copy(TermId subject, ontology::Triples& out, std::vector<TermId>* hosted) const {
  const Term node = triples_.term(subject);
  triples_.scan({subject, ledger::kNoTerm, ledger::kNoTerm}, [&](TermId, TermId predicate, TermId object) {
    out.push_back({node, triples_.term(predicate), triples_.term(object)});
    if (hosted && predicate == hosts_) hosted->push_back(object);
    return true;
  });
}

}  // namespace agiddi::subservices
