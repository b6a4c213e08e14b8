// Executor: applies an agreed batch to the ledger. Deterministic: the batch, its transactions and the state before it decide every byte of
// the block, on every validator. No clock, no I/O, no randomness; the only time is the batch's.
//
// A block begins with a sweep of what has fallen due (kSweepMax bounds the work, in key order), then runs the transactions in order, each in
// a checkpoint of its own that a rejection rolls back. A rejection is an outcome, not an error: it is written into the receipt for ever.
//
// Threads: const and without mutable state; the apply lane uses one. Foreign input: only transactions, all of whose signatures were verified before.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ledger/ledger.h"
#include "protocol/block.h"
#include "protocol/genesis.h"
#include "protocol/limits.h"

namespace agiddi::subservices {

// What one block's sweep forgets or settles: documents, payment items and devices of integrations together, and the last integration whole. What is
// left falls to the next block; while anything is open, heartbeats bring one.
inline constexpr std::size_t kSweepMax = 2 * limits::kBatchTransactionsMax;

// Something that a block did, for the event stream and the data plane.
// kind "device":      state registered, updated, retired; subject = device id
// kind "payment":     state created, itemSettled; subject = payment id
// kind "integration": state created, claimed, counted, closing, deviceEnded, ended; subject = integration id. data has "node" and "epoch" once claimed; the data plane of that
//                     node then asks AccessService::task(id) for the rest.
struct BlockEvent {
  std::string kind;
  Hash subject;
  Hash transaction;   // the cause; zero for the sweep
  Json data;          // public: {"state", the subject's id, …}
};

struct ExecutedBlock {
  ledger::BlockToApply apply;        // the block, its state changes, digest and triples: for Ledger::apply
  std::vector<BlockEvent> events;    // in order of execution
  std::optional<MemberEpoch> next_members;  // after this block: decided and in force only above it
};

// Planted bugs, for tests only: each must be found by the simulator. The daemon never sets one.
struct ExecutorFaults {
  bool money_from_nothing = false;     // who transfers gets a micro-unit, and no check of conservation
  bool repeats_executed = false;       // a transaction that came before is executed again
  bool window_unchecked = false;       // documents outside their time window are executed
  bool differs = false;                // receipts come out differently (set it at one member)
};

class Executor {
 public:
  explicit Executor(Genesis genesis, ExecutorFaults faults = {});

  const Genesis& genesis() const { return genesis_; }

  // transactions: the batch's, in its order, signatures verified. parent: the ledger at batch.height - 1.
  ExecutedBlock execute(const Batch& batch, std::vector<Transaction> transactions, const ledger::LedgerSnapshot& parent) const;

 private:
  Genesis genesis_;
  ExecutorFaults faults_;
};

// Open escrows or leases: a block is wanted at least every 5 s, so that what falls due is swept.
bool heartbeat_wanted(const ledger::LedgerSnapshot& snapshot);

// The body of the HTTP answer (200/201) for a committed transaction, complete with what the ledger holds (metadata, templates) and never a
// secret. A rejection becomes its Error.
Result<Json> answer_for(const ledger::LedgerSnapshot& snapshot, const Transaction& transaction, const Receipt& receipt, std::uint64_t height,
                        TimeMs timestamp);
// The Error that a rejecting receipt holds (status, detail, fields).
Error error_from_receipt(const Receipt& receipt);

}  // namespace agiddi::subservices
