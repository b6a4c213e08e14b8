#include "subservices/door.h"

#include <algorithm>

#include "subservices/dispatch.h"

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
  RuleContext context{state,  executor.members(), executor.genesis().network, snapshot.height() + 1, std::max(now, snapshot.header().timestamp + 1),
                      triples, events, true};
  const auto outcome = run_rule(context, transaction);
  if (!outcome && refuses_at_door(outcome.error().status)) return tl::unexpected(outcome.error());
  return {};
}

}  // namespace agiddi::subservices
