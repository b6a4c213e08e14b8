#include "subservices/door.h"

#include <algorithm>

#include "subservices/dispatch.h"
#include "subservices/governance/admission_rules.h"
#include "subservices/governance/member_state.h"
#include "subservices/records.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

bool refuses_at_door(Status status) {
  return status == Status::bad_request || status == Status::unauthorized || status == Status::too_large || status == Status::invalid;
}

}  // namespace

Result<void> check_at_door(const Executor& executor, const Transaction& transaction, const ledger::LedgerSnapshot& snapshot, TimeMs now) {
  ledger::StateOverlay state(snapshot.state());
  const std::uint32_t rules = rules_at(state, snapshot.height() + 1);
  // A block's receipt is worded as by programs that know no such action: here it can be said.
  if (auto early = not_yet(transaction.header.action, rules); early && transaction.header.network == executor.genesis().network) return tl::unexpected(*std::move(early));
  if (auto valid = check_envelope(transaction, executor.genesis().network, now, rules); !valid) return valid;
  ledger::TripleChanges triples;
  std::vector<BlockEvent> events;
  const std::uint64_t height = snapshot.height() + 1;
  const MemberSet members = members_at(state, height).members;
  const auto next = decided_after(state, height);
  RuleContext context{state, members, executor.genesis().network, height, std::max(now, snapshot.header().timestamp + 1), triples, events,
                      rules, next ? &next->members : nullptr, nullptr, true};
  if (const auto policy = admission_of(state)) {
    if (auto admitted = admit(context, *policy, transaction, false); !admitted) return admitted;   // whatever its status: it costs nothing here
  }
  const auto outcome = run_rule(context, transaction);
  if (!outcome && (context.refuse_at_door || refuses_at_door(outcome.error().status))) return tl::unexpected(outcome.error());
  return {};
}

bool came_before(const ledger::LedgerSnapshot& snapshot, const Transaction& transaction) {
  const ledger::StateOverlay state(snapshot.state());
  if (state.contains(keys::seen_by_hash(keys::seen_hash("", transaction.id.view())))) return true;
  const auto seen = load<records::Seen>(state, keys::seen_by_hash(keys::seen_hash(transaction.header.kid, transaction.header.jti)));
  return seen && seen->transaction() == transaction.id.view();
}

}  // namespace agiddi::subservices
