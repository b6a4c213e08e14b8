// What lets queries read the disk: triples by predicate and object (pos), and ids by term. Both follow from the stars and the dictionary, which are
// the truth; where queries read columns in memory (ledger/columns) they are left out (docs/adr/0007).
//
// Not thread-safe: used before anything else uses the store. Internal to the ledger.
#pragma once

#include "ledger/kv.h"

namespace agiddi::ledger {

bool has_disk_indexes(const KvReader& reader);
// Makes them from all that is in the store, or erases them; nothing to do as a rule. An interruption leaves a store that is as good as before.
void keep_disk_indexes(KvStore& store, bool wanted);

}  // namespace agiddi::ledger
