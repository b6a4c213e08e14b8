#include "subservices/dispatch.h"

#include <algorithm>
#include <array>

#include "protocol/actions.h"
#include "protocol/check.h"
#include "protocol/limits.h"
#include "subservices/access/access_rules.h"
#include "subservices/access/access_wraps.h"
#include "subservices/access/count_rules.h"
#include "subservices/access/lease_rules.h"
#include "subservices/access/reversal_rules.h"
#include "subservices/door.h"
#include "subservices/governance/admission_rules.h"
#include "subservices/governance/governance_rules.h"
#include "subservices/payment/account_keys.h"
#include "subservices/payment/credit_rules.h"
#include "subservices/payment/payment_rules.h"
#include "subservices/registration/registration_rules.h"

namespace agiddi::subservices {
namespace {

using Rule = Result<RuleOutcome> (*)(RuleContext&, const Transaction&, const Json&);

struct Action {
  std::string_view name;
  Rule rule;
  bool member_only = false;
  std::uint32_t since_rules = 1;   // the rules version that brought the action
};

constexpr std::array kActions{
    Action{"device.register", device_register},
    Action{"device.update", device_update},
    Action{"device.retire", device_retire},
    Action{"payment.create", payment_create},
    Action{"integration.create", integration_create},
    Action{"integration.close", integration_close},
    Action{"integration.claim", integration_claim, true},
    Action{"usage.report", usage_report, true},
    Action{"usage.count", usage_count, false, kRulesWithCounts},
    Action{"lease.renew", lease_renew, true, kRulesWithLeases},
    Action{"credit.mint", credit_mint},
    Action{"credit.transfer", credit_transfer},
    Action{"credit.redeem", credit_redeem},
    Action{"receipt.reverse", receipt_reverse, false, kRulesWithAuthorities},
    Action{"access.rewrap", access_rewrap, true},
    Action{"account.rotate", account_rotate, false, 2},
    Action{"account.admit", account_admit, false, kRulesWithAdmission},
    Action{"governance.propose", governance_propose},
    Action{"governance.vote", governance_vote},
};

static_assert(kActions.size() == kLedgerActions.size() && std::all_of(kActions.begin(), kActions.end(), [](const Action& one) {
  return std::find(kLedgerActions.begin(), kLedgerActions.end(), one.name) != kLedgerActions.end();
}));

const Action* find_action(std::string_view name) {
  const auto found = std::find_if(kActions.begin(), kActions.end(), [&](const Action& action) { return action.name == name; });
  return found == kActions.end() ? nullptr : &*found;
}

}  // namespace

bool is_known_action(std::string_view action) { return find_action(action) != nullptr; }

bool is_member_action(std::string_view action) {
  const Action* found = find_action(action);
  return found && found->member_only;
}

Result<void> check_envelope(const Transaction& transaction, std::string_view network, TimeMs time, std::uint32_t rules_version) {
  if (transaction.header.network != network) return fail(Status::unauthorized, "the document was signed for another network");
  const Action* action = find_action(transaction.header.action);
  // To rules that came before an action it is none, as to the programs that knew no later ones; of the first actions that came later they know and say so.
  const bool to_come = action && action->since_rules > rules_version && action->since_rules >= kRulesWithLeases;
  if (!action || to_come) return fail(Status::unauthorized, "the document names no action of this network");
  if (!inside_window(transaction.header, time)) {
    return fail(Status::unauthorized, "the document is outside its time window, from 60 s before to 600 s after its iat");
  }
  return {};
}

std::optional<Error> not_yet(const std::string& name, std::uint32_t rules_version) {
  const Action* action = find_action(name);
  if (!action || action->since_rules <= rules_version) return std::nullopt;
  return Error{Status::invalid, name + " belongs to rules version " + std::to_string(action->since_rules) + "; this network runs version " + std::to_string(rules_version), {}};
}

Result<RuleOutcome> run_rule(RuleContext& context, const Transaction& transaction) {
  if (transaction.body.size() > limits::kBodyMax_bytes) return fail(Status::too_large, "a document has at most 4 MiB");
  const auto body = parse_json(transaction.body);
  if (!body) return tl::unexpected(body.error());
  const Action* action = find_action(transaction.header.action);
  AGIDDI_CHECK(action != nullptr, "the envelope was checked before");
  if (auto early = not_yet(transaction.header.action, context.rules_version)) return tl::unexpected(*std::move(early));
  const auto account = account_of_key(context.state, transaction.header.kid);
  if (!account) return tl::unexpected(account.error());
  if (*account == transaction.header.kid) return action->rule(context, transaction, *body);
  Transaction as_account = transaction;
  as_account.header.kid = *account;
  return action->rule(context, as_account, *body);
}

}  // namespace agiddi::subservices
