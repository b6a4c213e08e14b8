#include "subservices/door.h"

#include <algorithm>

#include "subservices/dispatch.h"
#include "subservices/governance/member_state.h"

namespace agiddi::subservices {
namespace {

bool refuses_at_door(Status status) {
  return status == Status::bad_request || status == Status::unauthorized || status == Status::too_large || status == Status::invalid;
}

}  // namespace

Result<void> check_at_door(const Executor& executor, const Transaction& transaction, const ledger::LedgerSnapshot& snapshot, TimeMs now) {
  if (auto valid = check_envelope(transaction, executor.genesis().network, now); !valid) return valid;
  ledger::StateOverlay state(snapshot.state());
  ledger::TripleChanges triples;
  std::vector<BlockEvent> events;
  const std::uint64_t height = snapshot.height() + 1;
  const MemberSet members = members_at(state, height).members;
  const auto next = decided_after(state, height);
  RuleContext context{state, members, executor.genesis().network, height, std::max(now, snapshot.header().timestamp + 1), triples, events,
                      rules_at(state, height), next ? &next->members : nullptr, true};
  const auto outcome = run_rule(context, transaction);
  if (!outcome && refuses_at_door(outcome.error().status)) return tl::unexpected(outcome.error());
  return {};
}

}  // namespace agiddi::subservices
