// Sealed access after the members changed: the content key of a device version, wrapped again for a member that came or got another sealing key
// after the version was recorded. Members do it lazily, by transactions of their own; the ciphertext itself never changes.
//
// The rule is deterministic (apply lane, door); the rest reads.
#pragma once

#include "protocol/json.h"
#include "subservices/records.h"
#include "subservices/rule_context.h"

namespace agiddi::subservices {

inline constexpr std::size_t kWrapsMax = 256;   // in one document

// access.rewrap, by a member: {"wraps":[{"device","version","member","key"}],"unopenable":[{"device","version"}]}. A wrap that is not wanted (any more) is
// passed over: another member was faster. `unopenable` are those that the signer itself cannot open: another member wraps them anew.
Result<RuleOutcome> access_rewrap(RuleContext& context, const Transaction& transaction, const Json& body);

// The members in force at height that lack a key which they can open.
std::vector<Member> members_without_key(const StateView& state, const Hash& device, const records::DeviceVersion& version, std::uint64_t height);
// A recorded description whose recipients are those who can open it now.
Json with_wraps(const StateView& state, const Hash& device, std::uint32_t version, Json description);

}  // namespace agiddi::subservices
