// The triples that follow from the world state alone: current versions of devices, payments, accesses. Usage reports are records of the past: they
// stand in the triples only. For the check of a store, which compares them with what execution wrote.
//
// Threads: any; reads an immutable state. Our own records: damage aborts.
#pragma once

#include "ledger/check_store.h"

namespace agiddi::subservices {

ledger::TripleRules triple_rules();

}  // namespace agiddi::subservices
