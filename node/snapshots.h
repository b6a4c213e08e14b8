// Snapshots: the lane that exports, serves, fetches and prunes, so that no lane which commits ever waits for it.
//
// At every height that is a multiple of snapshot_blocks the ledger's state is written to <data>/snapshots (ledger/snapshot_folder.h); the latest two
// are kept and offered to members that join. A download that is complete and holds is installed by a restart of the daemon's parts (`restart`).
// Pruning: blocks below the latest own snapshot that f + 1 members attest and older than keep_blocks and keep_minutes go, in small batches.
//
// Threads: one lane of its own; the methods may be called from any thread and return at once, except read(), which reads one file.
// Errors: a disk that fails while exporting is logged (there is no snapshot then); while fetching it ends the process, as for the store.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

#include "consensus/engine.h"
#include "ledger/snapshot_folder.h"
#include "node/config.h"
#include "node/lane.h"
#include "node/metrics.h"
#include "node/pending_install.h"

namespace agiddi::node {

class Snapshots {
 public:
  // Called from the lane; they post to the core lane.
  struct Hooks {
    std::function<void(std::vector<std::pair<std::uint64_t, Hash>> snapshots, std::uint64_t first_block)> here;
    std::function<void(const Hash& id, std::set<Hash> chunks)> begun;
    std::function<void()> stored;              // one chunk more is on disk
    std::function<void(const Hash& id)> failed;
    std::function<void()> restart;
  };

  // Ledger and metrics must outlive it.
  Snapshots(ledger::Ledger& ledger, std::string folder, LedgerConfig config, Metrics& metrics, Hooks hooks);
  ~Snapshots() { stop(); }
  void start();  // offers what is here
  void refresh() { start(); }  // what is here has changed
  void stop();

  void applied(const std::shared_ptr<const ledger::LedgerSnapshot>& at);  // the state after each block, in order
  // attested: the highest own snapshot that f + 1 members attest. After each block that was certified.
  void certified(std::uint64_t height, std::uint64_t attested);
  void take(consensus::SnapshotStep step);                                // of a download, in order
  consensus::SnapshotPart read(const consensus::SnapshotRequest& request) const;

 private:
  void make(const std::shared_ptr<const ledger::LedgerSnapshot>& at);
  void offer();
  void prune(std::uint64_t attested);
  std::uint64_t prune_limit(const ledger::LedgerSnapshot& view, std::uint64_t attested) const;
  void begin(consensus::SnapshotBegin& step);
  void store(const consensus::SnapshotStore& step);
  void finish(const consensus::SnapshotFinish& step);

  ledger::Ledger& ledger_;
  ledger::SnapshotFolder folder_;
  LedgerConfig config_;
  Hooks hooks_;
  Gauge &latest_height_, &folder_bytes_, &first_block_;
  Counter &fetched_bytes_, &pruned_blocks_;

  mutable std::mutex mutex_;                                         // of the next two
  std::shared_ptr<const ledger::LedgerSnapshot> due_;                // waits for its certificate
  std::vector<ledger::StoredSnapshot> offered_;                      // the highest first
  std::atomic<bool> stopping_{false}, making_{false}, pruning_{false};
  std::atomic<std::uint64_t> pruned_at_{0};                          // height of the last look at what can go
  // Lane only.
  std::uint64_t pruned_since_reclaim_ = 0, download_bytes_ = 0;
  std::int64_t download_began_ms_ = 0;
  Lane lane_;
};

std::string snapshot_folder_of(const std::string& data_folder);

}  // namespace agiddi::node
