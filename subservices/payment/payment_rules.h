// Rules of payment.create and of settlement (paper section 5.3; escrow and settlement: every block conserves the total). Deterministic.
#pragma once

#include "ontology/metadata.h"
#include "subservices/payment/quote.h"
#include "subservices/rule_context.h"

namespace agiddi::records {
class Payment;
class PaymentItem;
class IntegrationDevice;
}

namespace agiddi::subservices {

inline constexpr TimeMs kDataLapse_ms = 30LL * 24 * 3600 * 1000;   // a data payment nobody uses goes back after this
inline constexpr std::uint32_t kRulesWithEarnings = 4;             // from which on each device's earnings are summed up
inline constexpr TimeMs kSettleGrace_ms = 30'000;                  // for the last report after an end

// {"payer","items":[{"device","version","minutes"?,"kilobytes"?,"amount"}],"currency","total","method","authorization"?,"starts"?}. 403 when the signer is not the payer, 404, 409 stale
// version or retired, 422 an amount that is not the quoted one, 402 when funds lack.
Result<RuleOutcome> payment_create(RuleContext& context, const Transaction& transaction, const Json& body);

// What a payment's triples say, as its records tell it: nothing in them ever changes.
ontology::PaymentFacts recorded_payment_facts(const ledger::StateOverlay& state, const Hash& payment, const records::Payment& record);

// Ends an item: the payee gets what was earned by `active_ms` of service and `bytes` delivered, the payer the rest; its escrow is then zero.
void settle_item(RuleContext& context, const Hash& payment, std::uint32_t index, records::PaymentItem& item, std::int64_t active_ms, std::int64_t bytes,
                 std::string_view because, const Hash& transaction);
// Beside the earnings of the device: what its node, its application and its provider each counted of an item.
void add_counts(RuleContext& context, const Hash& payment, const records::IntegrationDevice& device);
// Moves an item's entry in the expiry index to `due` (0: removes it) and stores the item.
void reschedule_item(RuleContext& context, const Hash& payment, std::uint32_t index, records::PaymentItem& item, TimeMs due);

}  // namespace agiddi::subservices
