// Rules of integrations: create, claim, usage report, close, and what falls due (paper section 5.4, protocol step 4). Deterministic.
//
// An integration goes unclaimed -> active (a member's claim, or at once when the request names the node) -> [closing] -> ended. A grant is exclusive: a payment
// item belongs to one integration. T and S are fixed when the grant is made. When the lease of its node has run out (lease_rules.h) the same request makes it
// unclaimed again, or active at the node that it names: the same integration, one epoch later.
#pragma once

#include "subservices/rule_context.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {

inline constexpr std::uint32_t kRulesWithFormats = 6;   // from which on an application may ask for SenML, or for a link to the context

// {"application","payment","devices":[ids],"versions"?:[numbers beside devices],"node"?,"delivery":{"protocol","unit"?,"format"?,"context"?}}. 402 no such payment or used up, 403 not the payer or a device that
// was not paid for, 409 in use while its node's lease runs, or another version paid for.
Result<RuleOutcome> integration_create(RuleContext& context, const Transaction& transaction, const Json& body);
// {"integration","node","epoch"}, one above the last, signed by the member `node`. The first in block order wins; 409 afterwards.
Result<RuleOutcome> integration_claim(RuleContext& context, const Transaction& transaction, const Json& body);
// {"integration","epoch","sequence","final","devices":[{"device","bytes","activeMs","readings","measurements"?,"reserve"?,"silentMs"?,"ended"?}],"endedBecause"?}, signed by the serving member. Counts are totals of all epochs and never
// fall; bytes that were lost in a hand-over are among them. `reserve` is up to which total of bytes the node goes on delivering; `silentMs` how
// long the device was silent, which is not among activeMs; `measurements` what the readings held, one each where it is left out. `ended` settles that device's item; `final` all that are left, and ends the integration. 403 another signer, 409 an old sequence or epoch or already ended,
// 422 more bytes than were paid for or reserved.
Result<RuleOutcome> usage_report(RuleContext& context, const Transaction& transaction, const Json& body);
// {"integration"}, signed by the application. Forwarding stops at once; the money is settled by the serving node's final report, or after 30 s without one.
Result<RuleOutcome> integration_close(RuleContext& context, const Transaction& transaction, const Json& body);

// One entry of the expiry index that has fallen due. The second gives the number of devices that it ended.
void sweep_payment_item(RuleContext& context, const keys::Expiry& entry);
std::size_t sweep_integration(RuleContext& context, const keys::Expiry& entry);

}  // namespace agiddi::subservices
