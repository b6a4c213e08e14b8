// What a transaction's named graph says of the transaction itself, in W3C PROV-O: who signed it, when and where it was recorded, what came of it, and
// which versions of devices, payments, accesses and reports it brought or ended. The rest of the graph is what it recorded: metadata.h.
//
// Threads: pure functions of values. Errors: none, the facts are the ledger's own.
#pragma once

#include <string>
#include <vector>

#include "ontology/metadata.h"

namespace agiddi::ontology {

struct DeviceVersionFacts {
  Hash device;
  std::uint64_t version = 1;
};

struct TransactionFacts {
  Hash transaction;
  std::string action;                             // "device.register"
  std::string signer;                             // DID
  std::uint64_t height = 0;
  TimeMs timestamp = 0;                           // of its block
  bool committed = true;                          // false: rejected in its block
  std::string reason;                             // of the rejection
  std::vector<DeviceVersionFacts> generated;      // versions that it recorded
  std::vector<DeviceVersionFacts> invalidated;    // versions that it ended: replaced or retired
  std::vector<std::string> entities;              // other entities that it brought (usage reports)
  std::vector<std::string> activities;            // activities that it began (payments, accesses)
};

// Sorted and unique. Subjects: the transaction's IRI, its signer, the versions.
Triples transaction_triples(const TransactionFacts& facts);

}  // namespace agiddi::ontology
