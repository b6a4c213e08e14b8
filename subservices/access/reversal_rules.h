// receipt.reverse: an authority takes a receipt back, because what it had seen paid was not (a reorganised chain, a charge-back). Deterministic.
#pragma once

#include "subservices/rule_context.h"

namespace agiddi::subservices {

// {"authority","receipt","reason"}, signed by the authority (403). A receipt that was not used can be used no more. One that was: its payment's items end, each
// provider has what was earned until then (the authority vouched for it and owes it), and what would go back to the payer, or went back and is still there, ceases to
// exist. 409 when it was taken back before.
Result<RuleOutcome> receipt_reverse(RuleContext& context, const Transaction& transaction, const Json& body);

}  // namespace agiddi::subservices
