// usage.count: what the application of an integration received, and what a device's provider sent, by their own signed word. Deterministic.
//
// The application's count takes part in the settlement (counted.h); the provider's is evidence and changes no money.
#pragma once

#include "subservices/access/counted.h"
#include "subservices/rule_context.h"

namespace agiddi::records {
class IntegrationDevice;
}

namespace agiddi::subservices {

inline constexpr std::uint32_t kRulesWithCounts = 6;

// {"integration","sequence","devices":[{"device","measurements","bytes"?,"activeMs"?}]}, signed by the integration's application, or by the provider of the devices named. Totals since
// the first claim, over all epochs; they never fall. What an application's first count holds of bytes and activeMs, all later ones hold. 403 another signer, 404, 409 an old sequence,
// a count that falls, ended, or not claimed under these rules, 422 more than was paid for.
Result<RuleOutcome> usage_count(RuleContext& context, const Transaction& transaction, const Json& body);

// What the node reported of a device, less what was lost in hand-overs.
Delivered reported_of(const records::IntegrationDevice& device);
// Nothing where the application has not counted.
std::optional<ApplicationCount> application_count(const records::IntegrationDevice& device);
// What its payment item is settled by.
Delivered settlement_of(const records::IntegrationDevice& device);

}  // namespace agiddi::subservices
