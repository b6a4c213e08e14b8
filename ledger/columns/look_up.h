// Blocks of look-ups in one column (TripleSource::look_up). Internal to the ledger.
//
// Look-ups come ascending as a rule, for a block was read from a sorted column: each begins where the last one ended and takes a few steps from there
// (a merge join), and only what lies further away is searched.
#pragma once

#include "ledger/columns/pairs.h"
#include "ledger/triple_source.h"

namespace agiddi::ledger::columns {

void look_up(const Pairs& column, const LookUps& wanted, const VisitFound& visit);

}  // namespace agiddi::ledger::columns
