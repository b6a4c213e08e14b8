// The node's store with everything that must be right before it is used: keys, genesis, a snapshot that waits to be installed.
#pragma once

#include <memory>

#include "ledger/snapshot_folder.h"
#include "node/config.h"
#include "node/node_keys.h"

namespace agiddi::node {

struct Installed {             // what a snapshot's installation at this start took
  std::uint64_t height = 0, bytes = 0, fetched_bytes = 0;
  std::int64_t fetch_ms = 0, install_ms = 0;
};

struct NodeStore {
  std::unique_ptr<NodeKeys> keys;
  std::unique_ptr<ledger::KvStore> store;
  std::unique_ptr<ledger::Ledger> ledger;
  std::optional<Installed> installed;
};

// Opens the data folder, finishes an installation that was asked for or interrupted, opens the ledger. The error is one sentence for the operator.
Result<NodeStore> open_node_store(const NodeConfig& config);

// Documents go unverified only where configuration and genesis both say so; else the error says which of them to change.
Result<void> check_unverified_clients(const NodeConfig& config, const Genesis& genesis);

// Genesis's members and each set after them, every one proven by the set before it (certificate, paths, receipt, heights). The error names the one
// that does not hold; where: the folder, for the error.
Result<std::vector<MemberEpoch>> check_member_changes(const Genesis& genesis, const std::vector<MemberChange>& changes, const std::string& where);

// Checks a stored snapshot against genesis, itself and these member sets, ascending from genesis: one of them must have certified it. Writes nothing.
Result<ledger::VerifiedSnapshot> check_stored(const Genesis& genesis, const ledger::StoredSnapshot& snapshot, const std::vector<MemberEpoch>& epochs);
// The store was begun with the same genesis.
Result<Installed> install_checked(ledger::KvStore& store, const ledger::VerifiedSnapshot& verified, const ledger::StoredSnapshot& snapshot);

}  // namespace agiddi::node
