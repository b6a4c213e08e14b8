// Reads a whole store and compares everything that can be derived: header chain, roots, receipts, state digest, the three triple indexes with
// each other and with their counters, the dictionary, and the triples with what the world state says they must be. A store that was pruned or
// began with a snapshot is checked from its first block on.
//
// Threads: any one; the reader must not change meanwhile (a stopped node's store, or a snapshot). Findings are sentences, not errors.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ledger/kv.h"
#include "ledger/term.h"

namespace agiddi::ledger {

// What the rules say of the triples; the ledger does not know the rules.
struct TripleRules {
  // Calls visit for every triple that follows from the world state alone.
  std::function<void(const KvReader& state, const std::function<void(const Triple&)>& visit)> derive;
  // Whether a subject may have triples that do not follow from the world state (reports of the past).
  std::function<bool(const Term& subject)> is_record;
};

// At most 100 findings; empty = sound. For `--check-store`.
std::vector<std::string> check_store(const KvReader& reader, const TripleRules& rules = {});

}  // namespace agiddi::ledger
