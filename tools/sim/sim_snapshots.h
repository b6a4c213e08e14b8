// SimSnapshots: the snapshot files of one simulated replica, as ledger/snapshot_folder.h keeps them on a disk: those that it made or fetched, and the
// download under way. What is in it survives a crash; a chunk is checked against its hash when it is read, and a damaged one is not here.
#pragma once

#include <set>

#include "consensus/engine.h"
#include "ledger/snapshot.h"
#include "tools/sim/random.h"

namespace agiddi::tools {

// How members of a network make snapshots and prune.
struct SnapshotPolicy {
  std::uint64_t every_blocks = 0;            // 0: never
  std::uint64_t keep_blocks = 0;             // 0: all
  std::uint64_t behind_min = 1000;           // who has hardly begun and is farther behind takes a snapshot
  std::uint64_t catch_up_min = 0;            // anybody who is so far behind does; 0: nobody
  std::size_t chunk_bytes = 0;
};

class SimSnapshots {
 public:
  struct Stored {
    SnapshotManifest manifest;
    QuorumCertificate certificate;
    Hash id;
    std::map<Hash, Bytes> chunks;
    ledger::ChunkSource source() const;      // `this` must outlive it
  };

  Hash make(const ledger::LedgerSnapshot& at, const QuorumCertificate& certificate, std::size_t chunk_bytes);
  std::vector<std::pair<consensus::Height, Hash>> list() const;   // the highest first
  const Stored* find(const Hash& id) const;
  void remove(const Hash& id);
  consensus::SnapshotPart read(const consensus::SnapshotRequest& request) const;

  // The download.
  std::set<Hash> begin(const consensus::SnapshotBegin& step);
  void put(const consensus::SnapshotStore& step);
  const Stored* finish(const Hash& id);

  void damage(Random& random);               // one byte of one chunk, if there is any
  void wipe();

 private:
  void keep(Stored one);
  std::vector<Stored> stored_;
  std::optional<Stored> incoming_;
};

}  // namespace agiddi::tools
