// Rules of money that comes, moves and goes without a purchase. Deterministic.
#pragma once

#include "subservices/rule_context.h"

namespace agiddi::subservices {

// {"to","currency","amount","authority"?}; redeem has no "to". mint makes credit and redeem takes the signer's own out of the world: issuers only (403). transfer:
// from the signer. 402 when funds lack. authority (from rules version 5 on, not for mint): money that this authority vouches for; the authority itself redeems what it
// was given, and pays it out on its own rail.
Result<RuleOutcome> credit_mint(RuleContext& context, const Transaction& transaction, const Json& body);
Result<RuleOutcome> credit_transfer(RuleContext& context, const Transaction& transaction, const Json& body);
Result<RuleOutcome> credit_redeem(RuleContext& context, const Transaction& transaction, const Json& body);

}  // namespace agiddi::subservices
