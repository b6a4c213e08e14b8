// The ledger: the chain of blocks, what each transaction came to, the world state and its triples, in one key-value store.
//
// One block is one atomic write: after a crash it is there as a whole or not at all, and never without the blocks before it. Heights are contiguous; genesis is height 0
// and has a header of its own whose previous hash is the genesis file's digest. Layouts: docs/FORMATS.md.
//
// Threads: apply() belongs to one thread (the apply lane). snapshot() and every other function may be called from any thread. A snapshot is
// immutable, may be read by many threads, and must not outlive the store. A broken invariant (a gap in heights, a header that does
// not continue the chain) aborts; damaged data found while reading aborts; a failed write or fsync aborts.
//
// A ledger need not hold all blocks: it may have begun with a snapshot (ledger/snapshot.h), and prune() drops the oldest. Genesis stays. What
// execution decides never depends on which blocks are here. What decided each member set is kept apart from the blocks: a MemberChange of this
// ledger's own, or one that a node that joins learned of an epoch that its state does not know yet.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "ledger/kv.h"
#include "ledger/state_digest.h"
#include "ledger/triple_store.h"
#include "ledger/world_state.h"
#include "protocol/block.h"
#include "protocol/genesis.h"
#include "protocol/proof.h"

namespace agiddi::ledger {

// A transaction on the ledger, with its outcome. A transaction id that came into a second block keeps its first outcome.
struct TransactionRecord {
  Transaction transaction;
  std::uint64_t height = 0;
  std::uint32_t index = 0;     // position in the block
  TimeMs timestamp = 0;        // the block's
  Receipt receipt;
};

namespace columns {
class Store;
}
class StateCache;

// One immutable state of the whole ledger, all of it at one height.
class LedgerSnapshot {
 public:
  // cache: of the ledger whose state this is; null: none.
  LedgerSnapshot(std::shared_ptr<const KvReader> reader, std::unique_ptr<const TripleSource> triples, std::shared_ptr<StateCache> cache = nullptr);
  ~LedgerSnapshot();
  LedgerSnapshot(const LedgerSnapshot&) = delete;
  LedgerSnapshot& operator=(const LedgerSnapshot&) = delete;

  std::uint64_t height() const { return height_; }
  const BlockHeader& header() const { return header_; }             // of height()
  const Hash& header_hash() const { return header_hash_; }
  std::optional<BlockHeader> header(std::uint64_t height) const;    // nothing above height()
  std::optional<Batch> batch(std::uint64_t height) const;
  std::optional<Block> block(std::uint64_t height) const;           // with bodies and receipts
  std::optional<QuorumCertificate> certificate(std::uint64_t height) const;
  std::optional<HeaderChain> header_proof(std::uint64_t height) const;   // its own certificate, or the nearest above it with the headers between; nothing for genesis
  std::uint64_t certified_height() const { return certified_; }     // every block from first_block() to it has a certificate, or lies below a skip; 0 = none
  std::uint64_t first_block() const { return first_; }              // lowest height above 0 whose block is here: 1 with the whole chain
  bool pruned(std::uint64_t height) const { return height > 0 && height < first_; }  // its block is not here any more, or never was
  // Of the blocks that are here.
  std::optional<TransactionRecord> transaction(const Hash& id) const;
  bool has_transaction(const Hash& id) const;                       // cheaper
  std::optional<MemberChange> member_change(std::uint64_t epoch) const;  // what decided the members of an epoch above 0
  std::vector<MemberChange> member_changes() const;                 // of epochs 1, 2, ... as far as they are here

  const KvReader& state() const { return cached_ ? *cached_ : *reader_; }   // read Column::state
  const TripleSource& triples() const { return *triples_; }
  StateDigest state_digest() const;                                 // the accumulator after height()

 private:
  std::shared_ptr<const KvReader> reader_;
  std::unique_ptr<const TripleSource> triples_;
  std::unique_ptr<const KvReader> cached_;   // reader_ with the cache before it
  std::uint64_t height_ = 0;
  std::uint64_t certified_ = 0;
  std::uint64_t first_ = 1;
  BlockHeader header_;
  Hash header_hash_;
};

// Everything that one block does. The executor makes it: overlay over snapshot.state(), digest = snapshot.state_digest() with changes applied.
struct BlockToApply {
  Block block;               // header complete
  StateChanges changes;      // StateOverlay::changes()
  StateDigest digest;        // the accumulator after the changes; its digest() is header.state_digest
  TripleChanges triples;     // in the order of execution
};

// What height 0 holds: the changes are against an empty state (StateOverlay over empty_reader()).
struct GenesisState {
  StateChanges changes;
  TripleChanges triples;
};
BlockHeader genesis_header(const Genesis& genesis, const Hash& state_digest);

// One record of the consensus log.
struct LogWrite {
  Bytes key;
  std::optional<Bytes> value;  // nothing = erase
};
struct LogRecord {
  Bytes key, value;
};

// For readers of a store that no Ledger is open on: the consensus log; what decided an epoch (nothing: it is not here).
std::vector<LogRecord> read_log(const KvReader& store);
std::optional<MemberChange> read_member_change(const KvReader& reader, std::uint64_t epoch);

struct LedgerOptions {
  std::size_t cached_terms = 1 << 17;     // of the dictionary, from the store (80 bytes a place, and the texts)
  std::optional<Coordinates> coordinates = std::nullopt;   // with columns: what lies in a rectangle of these is found by an index
  std::size_t cached_state_bytes = 32u << 20;   // of the world state, what was used lately
  bool columns = false;                   // triples and dictionary are held in memory (ledger/columns) and queries read them there
};

class Ledger {
 public:
  // Writes genesis into an empty store, or checks that the store belongs to this genesis. Errors: another network, a newer format, another
  // genesis state. The store must outlive the ledger.
  static Result<std::unique_ptr<Ledger>> open(KvStore& store, const Genesis& genesis, const GenesisState& initial, const LedgerOptions& options = {});
  ~Ledger();

  std::uint64_t height() const { return height_.load(std::memory_order_acquire); }
  std::size_t columns_bytes() const;                        // memory of the triples and the dictionary that queries read; 0 without columns
  std::shared_ptr<const LedgerSnapshot> snapshot() const;

  // The next block. Returns when it is on disk; with Sync::later it is so after the next sync() or synced write of anything.
  enum class Sync : bool { now, later };
  void apply(const BlockToApply& block, Sync sync = Sync::now);
  void sync();
  // Of blocks that were applied; verified by the caller. One thread. One write, not synced: what is lost comes again from the peers.
  void store_certificates(const std::vector<std::pair<std::uint64_t, const QuorumCertificate*>>& certificates);
  void store_certificate(std::uint64_t height, const QuorumCertificate& certificate) { store_certificates({{height, &certificate}}); }

  // The same of a block that binds all below it by the chain of hashes, where some have no certificate and will never have one.
  void skip_certificates(std::uint64_t height, const QuorumCertificate& certificate);

  // What decided the members of an epoch; verified by the caller. Kept for ever, whatever becomes of its block. Not synced.
  void store_member_change(std::uint64_t epoch, const MemberChange& change);

  // Drops the oldest blocks (with their certificates, receipts and transactions), the first of them first, up to a height, at most `blocks_max`
  // of them: one atomic write, not synced. Gives how many; 0 = nothing left to drop. Only below certified_height(). Any one thread.
  std::size_t prune(std::uint64_t up_to, std::size_t blocks_max);
  // Gives the disk space of pruned blocks back, until stop is set. Slow: off the lanes that commit.
  void reclaim(std::atomic<bool>& stop);

  // The consensus log: one atomic write; with sync everything written before it, by whomever, is on disk too when it returns.
  void log_write(const std::vector<LogWrite>& writes, bool sync);
  std::vector<LogRecord> log_read_all() const;              // by key

  // This node's own notes (meters, sessions), never on the ledger. Not synced: they survive the death of the process (kill -9), but
  // a power loss may take the latest ones, up to the next synced write of anything.
  std::optional<Bytes> local_get(BytesView key) const;
  void local_put(BytesView key, BytesView value);
  void local_erase(BytesView key);
  std::vector<std::pair<Bytes, Bytes>> local_scan(BytesView prefix) const;

 private:
  Ledger(KvStore& store, std::string network, const LedgerOptions& options);
  void serve_columns(const KvReader& reader, std::uint64_t height);
  std::unique_ptr<const TripleSource> triples_at(const std::shared_ptr<const KvReader>& reader) const;  // null: columns went on meanwhile
  void write(const BlockToApply& block, Sync sync);  // one batch

  KvStore& store_;
  const LedgerOptions options_;
  std::shared_ptr<TermCache> cache_;
  std::shared_ptr<StateCache> state_cache_;
  TripleWriter triples_;
  std::shared_ptr<columns::Store> columns_;   // null: not wanted
  std::atomic<std::uint64_t> height_{0};
  Hash last_hash_;
  std::string network_;
};

}  // namespace agiddi::ledger
