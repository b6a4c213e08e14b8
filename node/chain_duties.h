// What a driver of consensus::Engine owes to ledger and rules, without its threads, clocks and sockets: the daemon (chain_driver.h) and the
// simulator (tools/sim) call the same functions.
//
// Pure but for the ledger that they are given. Threads: those of the ledger. A failed write aborts in the store.
#pragma once

#include <functional>

#include "consensus/engine.h"
#include "subservices/executor.h"

namespace agiddi::node {

// What the Engine must know of its former life. Certificates are not synced one by one, so the latest few may be missing.
consensus::Restored restored_from(const ledger::Ledger& ledger, const ledger::LedgerSnapshot& view);

// Output::persist: one atomic write, on disk when it returns.
void write_log(ledger::Ledger& ledger, std::vector<consensus::LogWrite> records);

// Output::skipped. The error says that the others' block is another one than this ledger's: the process must stop.
Result<void> skip_certificates(ledger::Ledger& ledger, const ledger::LedgerSnapshot& view, const consensus::CertifiedHeader& certified);

// The answer to Output::reads: blocks, and what proves the last one when it has no certificate of its own.
struct ReadBlocks {
  std::vector<consensus::SyncBlock> blocks;
  HeaderChain chain;
};
ReadBlocks read_blocks(const ledger::LedgerSnapshot& view, const consensus::ReadRequest& request);

// EngineConfig::epochs: of every block that may lack its certificate here, the decided one, and those that were learned from others.
std::vector<MemberEpoch> known_epochs(const ledger::LedgerSnapshot& view, const Genesis& genesis);

// Genesis's members and every set after them that can be proven from what the store keeps, ascending; the last one is EngineConfig::proven.
std::vector<MemberEpoch> proven_epochs(const ledger::KvReader& reader, const Genesis& genesis);

// Keeps what decided the epochs above `proven`, as far as their blocks are here and certified, and gives them, ascending (Engine::epoch_proven). To be
// called at start, and when certificates were stored while a later epoch is decided: before the block can be pruned.
std::vector<MemberEpoch> keep_member_changes(ledger::Ledger& ledger, const ledger::LedgerSnapshot& view, std::uint64_t proven);

// After ledger::reset_store(): what was promised binds this member still, unless it is of an epoch that cannot be known without the state. True when the
// log was dropped for that.
bool drop_foreign_log(ledger::KvStore& store, const Genesis& genesis);

// The answer to Output::epoch_reads.
std::vector<MemberChange> read_member_changes(const ledger::LedgerSnapshot& view, const consensus::EpochRead& request);

// Signature (with `verify`), network and action of every transaction in a peer's frame; false when one of them is not authentic. Gossip is also
// cleaned of what is outside its window at `now` or on the ledger already.
bool check_transactions(consensus::PeerFrame& frame, const ledger::LedgerSnapshot& view, std::string_view network, TimeMs now,
                        const std::function<bool(const Transaction&)>& verify);

// The next block, not applied yet. An error when it does not reproduce the header that others certified: the process must stop.
Result<subservices::ExecutedBlock> execute_committed(const subservices::Executor& executor, consensus::CommittedBatch batch,
                                                     const ledger::LedgerSnapshot& parent);

}  // namespace agiddi::node
