// The signing key of an account. A DID names an account for ever; its key may change (account.rotate, from rules version 2 on). After that the new
// key signs with its own DID as kid and acts as the account: its devices, money and rights. The former key signs for nothing any more.
//
// Deterministic; apply lane and door.
#pragma once

#include "subservices/rule_context.h"

namespace agiddi::subservices {

// The account that a key acts for: itself when nothing was rotated. Status::forbidden for a key that was rotated away.
Result<std::string> account_of_key(const ledger::StateOverlay& state, const std::string& key_did);

// The account that money for a DID belongs to: the one that the key signs or signed for. Nobody could ever spend it under the key's own name.
std::string account_to_credit(const ledger::StateOverlay& state, const std::string& did);

// account.rotate {"account","newKey","possession"}: signed by the account's present key; possession is the new key's signature over
// "agiddi/account-key/1" 0x00 len(4) network, len(4) account, len(4) new key's DID.
Result<RuleOutcome> account_rotate(RuleContext& context, const Transaction& transaction, const Json& body);

}  // namespace agiddi::subservices
