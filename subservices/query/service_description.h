// What GET /sparql answers without a query: SPARQL 1.1 Service Description (W3C Recommendation of 21 March 2013) with VoID statistics of the default
// graph (W3C Interest Group Note of 3 March 2011), which federating clients plan by. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "ledger/ledger.h"
#include "ontology/metadata.h"

namespace agiddi::subservices {

ontology::Triples service_description(const ledger::LedgerSnapshot& snapshot, const std::string& endpoint);

}  // namespace agiddi::subservices
