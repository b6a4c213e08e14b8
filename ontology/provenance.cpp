#include "ontology/provenance.h"

#include <algorithm>

#include "ontology/star.h"
#include "protocol/transaction.h"

namespace agiddi::ontology {

Triples transaction_triples(const TransactionFacts& facts) {
  Triples out;
  const std::string id = transaction_iri(facts.transaction);
  Star transaction(out, id);
  transaction.iri(ns::kRdf, "type", ns::kAgiddi, "Transaction");
  transaction.iri(ns::kRdf, "type", ns::kProv, "Activity");
  transaction.text(ns::kAgiddi, "action", facts.action);
  transaction.text(ns::kAgiddi, "outcome", facts.committed ? "committed" : "rejected");
  if (!facts.reason.empty()) transaction.text(ns::kAgiddi, "reason", facts.reason);
  transaction.iri(ns::kProv, "wasAssociatedWith", facts.signer);
  transaction.time(ns::kProv, "endedAtTime", facts.timestamp);
  transaction.integer(ns::kAgiddi, "recordedAtHeight", facts.height);
  Star(out, facts.signer).iri(ns::kRdf, "type", ns::kProv, "Agent");

  const auto specialises = [&](const DeviceVersionFacts& version) {
    Star star(out, version_iri(version.device, version.version));
    star.iri(ns::kRdf, "type", ns::kProv, "Entity");
    star.iri(ns::kProv, "specializationOf", device_urn(version.device));
    return star;
  };
  for (const DeviceVersionFacts& version : facts.generated) {
    Star star = specialises(version);
    star.iri(ns::kProv, "wasGeneratedBy", id);
    star.iri(ns::kProv, "wasAttributedTo", facts.signer);
    star.time(ns::kProv, "generatedAtTime", facts.timestamp);
    if (version.version > 1) star.iri(ns::kProv, "wasRevisionOf", version_iri(version.device, version.version - 1));
    transaction.iri(ns::kProv, "generated", version_iri(version.device, version.version));
  }
  for (const DeviceVersionFacts& version : facts.invalidated) {
    Star star = specialises(version);
    star.iri(ns::kProv, "wasInvalidatedBy", id);
    star.time(ns::kProv, "invalidatedAtTime", facts.timestamp);
    transaction.iri(ns::kProv, "invalidated", version_iri(version.device, version.version));
  }
  for (const std::string& entity : facts.entities) {
    Star(out, entity).iri(ns::kProv, "wasGeneratedBy", id);
    transaction.iri(ns::kProv, "generated", entity);
  }
  for (const std::string& activity : facts.activities) Star(out, activity).iri(ns::kProv, "wasInformedBy", id);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace agiddi::ontology
