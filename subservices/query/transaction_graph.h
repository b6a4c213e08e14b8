// The named graph of a transaction: its provenance (ontology/provenance.h) and what it recorded, as it stood then. It is derived from the block and
// the world state when it is read, so it costs no store, and it never changes: later versions of a device stand in the graphs of their own transactions.
//
// Pure; any thread. A transaction whose block this node has pruned has no graph here.
#pragma once

#include <optional>
#include <string_view>

#include "ledger/ledger.h"
#include "ontology/metadata.h"

namespace agiddi::subservices {

// "urn:agiddi:transaction:<64 hexadecimal digits>", or nothing.
std::optional<Hash> transaction_of(std::string_view graph_iri);

// Empty when the ledger (here) has no such transaction.
ontology::Triples transaction_graph(const ledger::LedgerSnapshot& snapshot, const Hash& transaction);

}  // namespace agiddi::subservices
