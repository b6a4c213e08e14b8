// Governance: how the members change their own set and the rules in force. A member proposes, members vote, and a quorum of those in force
// decides: the block that holds the deciding vote fixes from which height the change is in force, at the earliest one window above it
// (docs/adr/0004).
//
// Deterministic; apply lane (and the door, on a throw-away overlay).
#pragma once

#include "subservices/records.h"
#include "subservices/rule_context.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {

inline constexpr std::size_t kProposalsOpenMax = 16;
inline constexpr std::size_t kProposalsOpenMax_member = 4;
inline constexpr std::int64_t kProposalMinutesMax = 30 * 24 * 60;
inline constexpr std::int64_t kProposalMinutesDefault = 7 * 24 * 60;
inline constexpr std::uint64_t kFromHeightMax_ahead = 1'000'000;

// governance.propose: {"change":"add","id","did","sealingKey","address","possession"}, {"change":"remove","id"},
//   {"change":"rotate","id","did"?,"sealingKey"?,"possession"}, {"change":"address","id","address"}, {"change":"rules","version"};
//   with each "fromHeight"? and "expiresMinutes"?. It counts as its proposer's vote.
// governance.vote: {"proposal","vote":"yes" or "no"}
Result<RuleOutcome> governance_propose(RuleContext& context, const Transaction& transaction, const Json& body);
Result<RuleOutcome> governance_vote(RuleContext& context, const Transaction& transaction, const Json& body);
void sweep_proposal(RuleContext& context, const keys::Expiry& entry);

// needed: how many yes decide, or decided, it; nothing when that is not known any more.
Json proposal_json(const Hash& id, const records::Proposal& proposal, std::optional<std::size_t> needed);
// A proposal as GET /v1/proposals shows it in the state after the block at height: with the quorum in force, or of a closed one that of its end.
Json shown_proposal(const StateView& state, std::uint64_t height, const Hash& id, const records::Proposal& proposal);

}  // namespace agiddi::subservices
