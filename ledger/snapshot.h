// Snapshots of the ledger: exported at one height, verified as a whole, installed in place of whatever a store held.
//
// Installing needs the store for itself (no Ledger open on it): the daemon does it at start. Nothing is touched before the whole snapshot is
// verified; a crash in the middle leaves a mark, Ledger::open refuses the store until install_snapshot() has run again (or reset_store()).
// What stays: genesis, what decided each member set, the consensus log (promises outlive the state) and this node's own notes.
//
// Errors are the snapshot's: damaged, of another network, a state that does not have the digest of its header. Disk errors of the store abort.
#pragma once

#include <functional>

#include "ledger/ledger.h"
#include "ledger/snapshot_chunks.h"

namespace agiddi::ledger {

// The content of the ledger at `at`; take stores a chunk under its hash (and may fail, for lack of space). Any thread; blocks go on being applied.
// chunk_bytes is another one only in tests.
Result<SnapshotManifest> export_snapshot(const LedgerSnapshot& at, const std::function<Result<void>(const Hash& hash, const Bytes& chunk)>& take,
                                         std::size_t chunk_bytes = limits::kSnapshotChunk_bytes);

using ChunkSource = std::function<Result<Bytes>(const Hash& hash)>;

// What was read from a snapshot that holds: every chunk has its hash, keys ascend, terms and triples fit together, and the world state has the
// digest that the header states.
struct VerifiedSnapshot {
  SnapshotManifest manifest;
  StateDigest digest;
  std::uint64_t terms = 0, triples = 0, state_entries = 0;
};
Result<VerifiedSnapshot> verify_snapshot(const SnapshotManifest& manifest, const ChunkSource& chunks);

// certificate: of the manifest's header, verified by the caller. The store was begun with the same genesis.
std::uint64_t applied_height(const KvReader& store);   // 0 for an empty store too
Result<void> install_snapshot(KvStore& store, const VerifiedSnapshot& verified, const QuorumCertificate& certificate, const ChunkSource& chunks);

// The snapshot whose installation was begun and did not end.
std::optional<Hash> unfinished_install(const KvReader& store);
// Back to nothing but what decided each member set, the consensus log and this node's own notes; Ledger::open then begins with genesis again.
void reset_store(KvStore& store);

}  // namespace agiddi::ledger
