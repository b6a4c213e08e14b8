// Snapshots as files: those that this node made or fetched, and the one that it is fetching. Also what a backup is: a copy of one of them.
//
//   <folder>/<height>-<id>/manifest, certificate, and each chunk under its hash
//   <folder>/<height>-<id>/member-change-<epoch>   what decided each member set after genesis: with them genesis alone tells whose the certificate is
//   <folder>/making/    an export under way; becomes one of the above by a rename
//   <folder>/incoming/  a download under way; chunks that are here survive a restart
//
// Threads: none of its own. make(), keep_latest() and the download belong to one thread; list(), chunk() and find() may run beside them (what was
// removed meanwhile is an error). Files that do not hold are errors, never trusted: a chunk is checked against its hash when it is read.
#pragma once

#include <atomic>
#include <set>
#include <string>

#include "ledger/snapshot.h"

namespace agiddi::ledger {

struct StoredSnapshot {
  SnapshotManifest manifest;
  QuorumCertificate certificate;   // of manifest.header; not covered by the id, since members hold different quorums
  Hash id;
  std::string path;
};

Result<StoredSnapshot> read_stored_snapshot(const std::string& path);                 // manifest and certificate
Result<Bytes> read_stored_chunk(const StoredSnapshot& snapshot, const Hash& chunk);   // with that hash, or an error
ChunkSource chunks_of(const StoredSnapshot& snapshot);                                // the snapshot must outlive it
// Of epochs 1, 2, ... as far as they are there; nothing of them is checked yet.
Result<std::vector<MemberChange>> read_stored_member_changes(const StoredSnapshot& snapshot);

class SnapshotFolder {
 public:
  explicit SnapshotFolder(std::string path, std::size_t chunk_bytes = limits::kSnapshotChunk_bytes);
  const std::string& path() const { return path_; }

  std::vector<StoredSnapshot> list() const;                                           // complete ones, the highest first
  // Exports `at`, whose header has this certificate. When one of its id is here already, that one is given. Stops with an error when stop is set.
  // member_changes: of epochs 1, 2, ... up to that of the header, and perhaps later ones.
  Result<StoredSnapshot> make(const LedgerSnapshot& at, const QuorumCertificate& certificate, const std::vector<MemberChange>& member_changes,
                              const std::atomic<bool>& stop);
  void keep_latest(std::size_t count);                                                // removes older ones, and what making left behind
  void remove(const StoredSnapshot& snapshot);
  std::uint64_t bytes() const;                                                        // on disk, downloads included

  // The download. One at a time.
  struct Incoming {
    SnapshotManifest manifest;
    QuorumCertificate certificate;
    std::set<Hash> chunks;         // here and verified
  };
  std::optional<Incoming> resume() const;                                             // what an earlier run left, every chunk verified again
  // Begins one; chunks of an older download that are in this one too are kept. Gives what is here already.
  Result<Incoming> begin(const SnapshotManifest& manifest, const QuorumCertificate& certificate);
  Result<void> put(const Hash& hash, BytesView chunk);
  Result<StoredSnapshot> finish(const std::vector<MemberChange>& member_changes);     // all chunks are here: it becomes a stored snapshot
  void drop_incoming();

 private:
  std::string path_;
  std::size_t chunk_bytes_;
};

}  // namespace agiddi::ledger
