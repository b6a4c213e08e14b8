// Payment authorities on the ledger, and what makes one of their receipts good for a payment (rules version 5; protocol/payment_receipt.h). Validators look at the
// receipt alone and ask nobody outside. Deterministic.
#pragma once

#include "protocol/payment_receipt.h"
#include "subservices/payment/quote_items.h"
#include "subservices/rule_context.h"

namespace agiddi::subservices {

// Removed ones too: what they vouched for is still there.
std::optional<records::Authority> find_authority(const StateView& state, std::string_view id);
// By id: all that there were, at most kAuthoritiesMax; and those that give receipts.
std::vector<std::pair<std::string, records::Authority>> authorities_on_record(const StateView& state);
std::vector<std::pair<std::string, records::Authority>> authorities_in_force(const StateView& state);
Json authority_json(std::string_view id, const records::Authority& authority);   // {"id","did","currencies"}

// What a payment says that a receipt must say too.
struct PaidByReceipt {
  const std::string& payer;
  const Quote& quote;
};

// Checks `authorization` and puts what it vouches for into the payer's purse; gives the receipt's id. 402 with the reason: not this authority's, of another network,
// payer, items, currency or total, expired, used before, or taken back.
Result<std::string> accept_receipt(RuleContext& context, const std::string& id, const records::Authority& authority, const std::string& authorization,
                                   const PaidByReceipt& paid);
// On record that the receipt paid this payment.
void record_receipt(RuleContext& context, const std::string& authority, const std::string& receipt, const Hash& payment, const Quote& quote);

}  // namespace agiddi::subservices
