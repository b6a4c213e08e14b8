// What a rule may see and change: the state overlay of its transaction, the block's height and time, and what the block adds to the triples and
// events. Every change is rolled back with the transaction. Apply lane only (or one throw-away overlay at the door).
#pragma once

#include <string>
#include <vector>

#include "ledger/triple_store.h"
#include "ledger/world_state.h"
#include "protocol/genesis.h"
#include "protocol/transaction.h"
#include "subservices/executor.h"

namespace agiddi::records { class Admission; }

namespace agiddi::subservices {

struct RuleContext {
  ledger::StateOverlay& state;
  const MemberSet& members;
  const std::string& network;
  std::uint64_t height = 0;
  TimeMs timestamp = 0;
  ledger::TripleChanges& triples;
  std::vector<BlockEvent>& events;
  std::uint32_t rules_version = 1;        // in force at height
  const MemberSet* next_members = nullptr;  // decided, in force above height; nullptr = none
  const records::Admission* admission = nullptr;   // in force at height; nullptr = open to all, without quotas
  bool only_checks = false;   // at the door: what a rule would write is thrown away, so it need not make the triples
  bool refuse_at_door = false;            // set by a rule that only checks: this failure refuses there, whatever its status
};

// A rule's success: 200 or 201 and the durable part of the answer. Its failure is an Error with the status of the rejection.
struct RuleOutcome {
  Status status = Status::created;
  Json result;
};

}  // namespace agiddi::subservices
