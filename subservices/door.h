// The checks at the door: what the node that takes a request refuses before anything reaches the network, so that a refusal consumes
// nothing. The document runs against the current state in a throw-away overlay; only 400, 401, 413 and 422 refuse here. What others may
// decide differently by the time of the block (402, 403, 404, 409) passes and is decided there; a proposal that says the same as an open one is 409
// at the door already.
//
// Threads: any. The signature is not verified here.
#pragma once

#include "ledger/ledger.h"
#include "protocol/transaction.h"
#include "subservices/executor.h"

namespace agiddi::subservices {

// now: the node's clock, for the window (401). The caller has answered ids that the ledger knows before.
Result<void> check_at_door(const Executor& executor, const Transaction& transaction, const ledger::LedgerSnapshot& snapshot, TimeMs now);

// The world state remembers that this very document was executed, whether or not its block is on this node (until its window has passed).
bool came_before(const ledger::LedgerSnapshot& snapshot, const Transaction& transaction);

// The actions that this version executes, for 401 of an unknown act and for the HTTP layer (the path names the act).
bool is_known_action(std::string_view action);
// Those that only members sign (integration.claim, usage.report): HTTP refuses them from outside.
bool is_member_action(std::string_view action);

}  // namespace agiddi::subservices
