// The world state at height 0, made from the genesis file: network, members, issuers, funded accounts and currency totals.
// A pure function: every node starts from the same bytes.
#pragma once

#include "ledger/ledger.h"
#include "protocol/genesis.h"

namespace agiddi::subservices {

// For Ledger::open. Status::invalid when the funded accounts overflow a currency's total.
Result<ledger::GenesisState> genesis_state(const Genesis& genesis);

}  // namespace agiddi::subservices
