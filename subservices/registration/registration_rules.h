// Rules of device.register, device.update and device.retire (paper section 5.1). Deterministic, run by every validator.
#pragma once

#include "subservices/rule_context.h"

namespace agiddi::subservices {

// From this rules version on the document of a registration or an update may be a Thing Description (ontology/thing_description.h).
inline constexpr std::uint32_t kRulesWithThings = 3;

// {"devices":[1 to 1000]}: version 1 of each, found by queries from this block on. 422 also for sealed access that another provider recorded first.
Result<RuleOutcome> device_register(RuleContext& context, const Transaction& transaction, const Json& body);
// One device with "id" and the "version" that it replaces. 404 unknown, 403 not the provider of version 1, 409 stale or retired.
Result<RuleOutcome> device_update(RuleContext& context, const Transaction& transaction, const Json& body);
// {"id","version"}: leaves the queries, stays readable, takes no new payments.
Result<RuleOutcome> device_retire(RuleContext& context, const Transaction& transaction, const Json& body);

}  // namespace agiddi::subservices
