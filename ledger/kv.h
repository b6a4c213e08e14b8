// The key-value interface that the ledger stands on: RocksDB in the daemon, a deterministic in-memory store with sync and crash
// semantics in the simulator and in tests. Keys are ordered bytewise; integers in keys are big-endian.
//
// Threads: a KvStore may be read and written by any number of threads; each batch is atomic, and concurrent batches take some order. A
// snapshot is immutable, cheap, never blocks a writer, and may outlive later writes but not the store. A failed write or fsync aborts
// the process (a node must not go on without its disk); reads of damaged data abort likewise.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/bytes.h"

namespace agiddi::ledger {

enum class Column : std::uint8_t {
  meta,          // format version, network, applied height, set-hash accumulator
  blocks,        // height -> header, batch, certificate
  transactions,  // transaction id -> record, height, index, receipt; pending bodies too
  state,         // the world state: the only column that the state digest covers
  terms,         // RDF dictionary; both ways where queries read the disk
  stars,         // triples: those of one subject in one record (ledger/star.h)
  pos,           // the same by predicate, object and subject, where queries read the disk
  log,           // consensus write-ahead records
  local,         // this node's own: meters, broker sessions; never on the ledger
};
inline constexpr std::size_t kColumns = 9;

struct KvWrite {
  Column column;
  Bytes key;
  std::optional<Bytes> value;  // nothing = erase
};
using KvBatch = std::vector<KvWrite>;  // atomic; later entries win

class KvReader {
 public:
  virtual ~KvReader() = default;
  virtual std::optional<Bytes> get(Column column, BytesView key) const = 0;
  // Calls visit for keys in [from, to) in order (to empty: to the column's end) until it returns false.
  virtual void scan(Column column, BytesView from, BytesView to, const std::function<bool(BytesView key, BytesView value)>& visit) const = 0;
  // The same downwards: keys in [from, to), the largest first.
  virtual void scan_reverse(Column column, BytesView from, BytesView to, const std::function<bool(BytesView key, BytesView value)>& visit) const = 0;
};

class KvStore : public KvReader {
 public:
  virtual void write(const KvBatch& batch, bool sync) = 0;  // with sync all earlier batches are on disk too, when it returns
  virtual std::shared_ptr<const KvReader> snapshot() const = 0;
  // Erases keys in [from, to) (to empty: to the column's end). Not synced, and not atomic: a crash may leave some of them.
  virtual void erase_range(Column column, BytesView from, BytesView to);
  // Gives the disk space of erased keys back, until stop is set. Slow; other threads go on reading and writing.
  virtual void reclaim(Column, BytesView /*from*/, BytesView /*to*/, std::atomic<bool>& /*stop*/) {}
  // Reads the files that no one may have read for long, at a gentle rate, and compares their checksums; one sentence that names the first
  // damaged one, nothing when there is none or `stopping` became true. A store in memory has no files.
  virtual std::optional<std::string> find_damage(const std::atomic<bool>& stopping) const {
    (void)stopping;
    return std::nullopt;
  }
};

// The smallest key above every key that begins with prefix; empty when there is none.
Bytes prefix_end(BytesView prefix);

// What a store may hold in memory, apart from what iterators and snapshots pin.
struct StoreMemory {
  std::size_t block_cache_bytes = 128u << 20;    // data, indexes and filters
  std::size_t write_buffers_bytes = 64u << 20;   // of all columns together; a start after a crash reads so much again
};

// Opens (or makes) the RocksDB store in a folder and locks it. The error says what to do (already locked by another process, no permission, …).
Result<std::unique_ptr<KvStore>> open_rocks_store(const std::string& path, const StoreMemory& memory = {});

// In memory, ordered. sync=false writes are lost by crash(); a snapshot stays valid.
class MemoryStore : public KvStore {
 public:
  virtual void crash() = 0;  // back to the last synced state
};
std::unique_ptr<MemoryStore> make_memory_store();

}  // namespace agiddi::ledger
