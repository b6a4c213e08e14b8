// Leases: a member serves what it has claimed only while it renews its lease on the ledger, and reserves bytes there before it delivers them. So when it dies
// another member goes on from what was reserved, a limit is never passed, and what was reserved and never reported costs nobody. Deterministic.
//
// One lease for all that a member serves: its renewals cost the same, however much that is.
#pragma once

#include "subservices/access/integration_records.h"
#include "subservices/rule_context.h"

namespace agiddi::subservices {

inline constexpr std::uint32_t kRulesWithLeases = 4;

// How long a renewal holds.
TimeMs lease_term(const StateView& state);
// Until when the integration stays with its node, whatever that one does: for a term from the claim on, and while the node renews. Unclaimed, it waits a term for
// the node that was asked.
TimeMs leased_until(const StateView& state, const records::Integration& integration);

// {"node"}, signed by that member: its lease holds for one term from the block's time.
Result<RuleOutcome> lease_renew(RuleContext& context, const Transaction& transaction, const Json& body);

// A member that served owed a last report and has not given it: it stopped renewing, or let the time for it pass. From kRulesWithCounts on.
void count_missed_report(RuleContext& context, const std::string& node);
std::uint64_t missed_reports(const StateView& state, std::string_view member);

// What a node may deliver at first: a small part of what was bought, for a crash may cost all of it.
std::int64_t first_reservation(const records::IntegrationDevice& device);
// Takes the integration from the member that serves it: what that one reserved and never reported is lost to the limit and costs nobody. A device of which nothing remains ends. The caller
// checked that the lease has run out, stores the integration, and ends it when no device is open.
void release(RuleContext& context, const Hash& id, records::Integration& integration, const Hash& transaction);

}  // namespace agiddi::subservices
