// Columns and dictionary as a store on disk has them: what a start reads. On all processors, because a node waits for it. Internal to the ledger.
#pragma once

#include "ledger/columns/state.h"
#include "ledger/columns/term_table.h"
#include "ledger/kv.h"

namespace agiddi::ledger::columns {

// terms is empty, and filled. The state has no height yet.
State load(const KvReader& reader, TermTable& terms);

}  // namespace agiddi::ledger::columns
