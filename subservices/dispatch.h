// From an action to its rule, and the checks that come before every rule.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "subservices/rule_context.h"

namespace agiddi::subservices {

// Network, action and window: 401.
Result<void> check_envelope(const Transaction& transaction, std::string_view network, TimeMs time, std::uint32_t rules_version);
// Of an action that later rules than these bring: which ones. Nothing of any other.
std::optional<Error> not_yet(const std::string& action, std::uint32_t rules_version);
// Parses the body and runs the action's rule. On failure the caller rolls back what the rule changed.
Result<RuleOutcome> run_rule(RuleContext& context, const Transaction& transaction);

}  // namespace agiddi::subservices
