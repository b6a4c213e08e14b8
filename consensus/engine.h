// Engine: everything that a member's consensus does, as one value machine: Replica + Mempool + gossip + fetch by id + block sync.
// The daemon and the simulator drive the same class.
//
// One thread (the core lane). No clock, socket, lock, disk or log inside: things go in by the verbs below, each with the current Now, and
// come out of take_output(). The driver must, for every Output and in this order:
//   1. if `fatal` is set: stop the process, after writing nothing more (this replica is wrong about the chain);
//   2. store `proven`, `skipped` and `certified`, unsynced, and then write `persist` to Column::log in one atomic batch and wait for the fsync (skip when empty). So
//      nothing that speaks of an epoch is on disk without the certificates of the epoch before, which nobody could make again;
//   3. only then send `sends`, queue `execute` for the apply lane, start `reads`; call tick() at `wake_at_ms`.
// The outputs of successive calls must keep their order. While a fsync runs, inputs may go on and later outputs queue behind it.
//
// Members change by epochs: executed() says which set is decided and from which height; when everything below it is executed and certified, the
// Engine begins the epoch by itself (Output::epoch_begun). From then on a MemberIndex means a member of the new set, and the driver announces
// its connections again. A node that is no member follows: it asks for blocks and votes on nothing. Guests are peers that are no members; their
// indexes come after the members', and they get blocks and hints alone.
// A node that is far behind need not go through all epochs: with EngineConfig::proven it asks its peers for what decided the member sets after
// those that it knows, checks each with the set before it (Output::proven), and begins the latest one when a certified header proves that it is in force.
//
// Foreign input that is refused comes back as an Error (Status::unauthorized or Status::invalid), is counted and changes nothing.
#pragma once

#include <map>
#include <set>
#include <unordered_map>

#include "consensus/block_sync.h"
#include "consensus/epoch_sync.h"
#include "consensus/mempool.h"
#include "consensus/replica.h"
#include "consensus/signing.h"
#include "consensus/snapshot_sync.h"
#include "consensus/suspicion.h"

namespace agiddi::consensus {

inline constexpr std::size_t kGuestsMax = 32;

// Who this node is among the members of an epoch, and with which keys.
struct EpochIdentity {
  std::optional<MemberIndex> self;                  // nothing: no member
  std::shared_ptr<const Authenticator> authenticator;
};
using Identify = std::function<EpochIdentity(const MemberSet&)>;

struct EngineConfig {
  std::string network;
  // Every epoch of which a block is here or may still come, ascending, with the decided one that is not in force yet. Empty: `members` for ever.
  std::vector<MemberEpoch> epochs;
  MemberSet members;                                // in which the Engine is; taken from `epochs` when they are given
  MemberIndex self = 0;
  TimeMs genesis_timestamp = 0;                     // the previous timestamp of the first block
  std::int64_t request_timeout_ms = 1500;           // a held transaction that is not committed by then starts a view change
  std::int64_t view_change_timeout_ms = 1000;       // a quorum asked for a view and its NewView did not come
  std::int64_t timeout_cap_ms = 30'000;             // both double with each failed view, up to this
  std::int64_t status_interval_ms = 500;
  std::int64_t heartbeat_interval_ms = 4000;        // between blocks while heartbeats are wanted
  std::int64_t batch_delay_ms = 16;                 // how long a batch may wait to grow while another is under way; doubles with each further one
  std::size_t pipeline_max = 8;                     // own proposals in flight
  std::int64_t fetch_delay_ms = 15;                 // a PrePrepare waits so long for gossip before bodies are fetched
  std::int64_t sync_patience_ms = 300;              // behind a certified height for so long: ask for blocks
  std::int64_t sync_timeout_ms = 2000;
  std::int64_t stuck_help_ms = 10'000;              // a member that waits alone for a view is followed after this
  SnapshotSyncConfig snapshots;
  bool join_by_blocks = false;                      // however far behind: a snapshot only when nobody has the next block any more
  bool archive = false;                             // whoever keeps all blocks never gives up those that it has for a snapshot
  std::int64_t gone_patience_ms = 30'000;           // blocks or certificates that nobody gives for so long are gone: an archive may be away for a moment
  MempoolLimits mempool;
  TestFaults test_faults;                           // planted bugs that prove the simulator's checkers; never set by the daemon
  // The latest epoch e such that the driver holds what decided each of 1 to e; later ones are asked for. Nothing: this driver keeps no such proofs.
  std::optional<MemberEpoch> proven;
};

// What survives a restart, read by the driver from its store. All empty on a fresh store.
struct Restored {
  std::vector<LogRecord> log;                       // every record of Column::log that the Engine wrote (others are ignored)
  Height applied = 0;                               // last applied height; 0 = only genesis
  // The latest height up to which every applied block has a certificate (nothing = genesis), ...
  std::optional<CertifiedHeader> certified;
  // ... and the headers of the applied blocks above it, ascending.
  std::vector<BlockHeader> uncertified;
  // Transactions of the latest applied blocks, oldest first: as many as MempoolLimits::remembered are of use. A batch that repeats one gets no vote.
  std::vector<Hash> recent_transactions;
};

struct Send {
  std::optional<MemberIndex> to;                    // nothing = every other member; of the epoch below
  std::shared_ptr<const Bytes> frame;               // encoded PeerFrame
  std::uint64_t epoch = 0;                          // in whose member set `to` is an index
};

// A batch to execute: exactly once, in height order, asynchronously; the driver answers with executed().
struct CommittedBatch {
  Batch batch;
  std::vector<Transaction> transactions;            // in batch order
  // From block sync: the proven header that execution must reproduce.
  std::optional<BlockHeader> expected;
};

// A certificate to store beside its block, which is applied already. In no particular order, at most once a height and run.
struct CertifiedBlock {
  Height height = 0;
  CertifiedHeader certified;
};

// A peer asks for blocks from the store: read what is there from `from` on, at most `to` and kSyncBlocksMax, of those that a certificate proves,
// and answer with blocks_read() (an empty answer is fine).
struct ReadRequest {
  MemberIndex peer = 0;
  Height from = 0, to = 0;
};

// A peer asks for a part of a snapshot: answer with snapshot_read() (data empty when it is not here).
struct SnapshotRead {
  MemberIndex peer = 0;
  SnapshotRequest request;
};

// A peer asks what decided the member sets after an epoch: answer with epochs_read(); at most kEpochProofsMax of them are of use.
struct EpochRead {
  MemberIndex peer = 0;
  std::uint64_t above = 0;
};

// What decided a member set, from a peer, and verified. To store before `persist` is written: that may speak of this epoch.
struct ProvenEpoch {
  MemberEpoch epoch;
  MemberChange change;
};

struct Output {
  std::vector<Hash> expired;                        // transactions that were held, and that nobody may order any more
  std::optional<std::string> fatal;
  bool epoch_begun = false;                         // announce the connections again, with peer_connected()
  std::vector<ProvenEpoch> proven;                  // in order
  std::vector<LogWrite> persist;
  std::vector<Send> sends;
  std::vector<CommittedBatch> execute;
  std::vector<CertifiedBlock> certified;
  // The blocks below this one whose certificates lack here will never have them: nobody keeps these blocks any more. It must be the header of the
  // driver's own block, or the driver stops as for `fatal`. Stored before `certified`.
  std::optional<CertifiedHeader> skipped;
  std::vector<ReadRequest> reads;
  std::vector<SnapshotRead> snapshot_reads;
  std::vector<EpochRead> epoch_reads;
  std::vector<SnapshotStep> snapshot_steps;         // of a download, in this order; see SnapshotSync
  std::int64_t wake_at_ms = 0;                      // monotonic: call tick() then, or earlier
};

struct EngineStatus {
  View view = 0;
  MemberIndex primary = 0;
  bool in_view_change = false;
  bool syncing = false;                             // behind a certified height that it knows of
  bool has_quorum = false;                          // connected to enough members (itself counted) that were heard from lately
  bool heard_quorum = false;                        // and so many said where they stand since they connected: `syncing` can be believed
  Height executed = 0, certified = 0, committed = 0;  // committed: handed to the apply lane
  std::size_t mempool_transactions = 0, mempool_bytes = 0;
  std::size_t in_flight = 0;                        // heights above the last committed that have a batch
  std::vector<bool> connected;                      // by member; itself true
  std::optional<SnapshotProgress> snapshot;         // a download under way, or whole and not installed yet
  Height snapshot_attested = 0;                     // the highest own snapshot that f + 1 members attest, this one counted
  std::optional<Height> snapshot_contradicted;      // an own snapshot that f + 1 others attest differently: the state here is wrong
  std::size_t snapshot_liars = 0;                   // members that sent parts that do not hold
  std::uint64_t epoch_proofs_refused = 0;           // answers with a member set that is not proven
  std::uint64_t epoch = 0;
  bool is_member = true;
  bool blocks_gone = false;                         // the next blocks, or certificates, are at no connected member any more
  std::optional<Height> epoch_ends;                 // the last height of this epoch, when the next set is decided
};

struct EngineCounters {
  std::uint64_t frames_received = 0, frames_refused = 0, view_changes = 0, views_entered = 0, batches_proposed = 0;
  std::uint64_t batches_committed = 0, transactions_committed = 0, bodies_fetched = 0, blocks_synced = 0, retransmitted = 0;
  std::uint64_t frames_of_other_epochs = 0, epoch_proofs_refused = 0, epochs_learned = 0;
};

inline constexpr std::size_t kServedToPeerMax_bytes = 64 * 1024 * 1024;  // in a second
inline constexpr std::size_t kLateBodies_bytes = 8 * 1024 * 1024;           // of heights that are done here, kept for members that come a moment later

class Engine {
 public:
  Engine(EngineConfig config, Identify identify, Restored restored, Now now);
  // For members that never change: config.members and config.self.
  Engine(EngineConfig config, std::shared_ptr<const Authenticator> authenticator, Restored restored, Now now);

  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // A transaction of a client at this node: verified and not on the ledger (the driver checked both). Gossiped when accepted.
  Admission submit(Transaction transaction, Now now);
  // A frame from the member behind a connection. Its transactions are verified by the driver: signature, network and action always; what is
  // outside its window or on the ledger is left out of gossip, but not out of a Transactions frame with answer set, nor of blocks. verified: verify_frame() said yes already.
  Result<void> receive(MemberIndex peer, PeerFrame frame, Now now, bool verified = false);
  void peer_connected(MemberIndex peer, Now now);
  void peer_disconnected(MemberIndex peer, Now now);
  void tick(Now now);
  // The next height was applied durably and gave this header. Heights come in order, one call each.
  // next: the members that are decided after this block and in force only above it.
  void executed(const BlockHeader& header, Now now, const std::optional<MemberEpoch>& next = std::nullopt);
  // What is decided after block `known_at` (later rules, say) comes into force above `last`: empty batches take the chain there, as to the end of an epoch.
  void hurry_to(Height last, Height known_at, Now now);
  void blocks_read(MemberIndex peer, Height from, std::vector<SyncBlock> blocks, HeaderChain chain, Now now);
  void heartbeat_wanted(bool wanted, Now now);
  // What this member can serve: its latest snapshots, the highest first (at most kSnapshotOffersMax are of use), and its first block.
  void snapshots_here(std::vector<std::pair<Height, Hash>> snapshots, Height first_block, Now now);
  void snapshot_read(MemberIndex peer, SnapshotPart part, Now now);
  // Answers to Output::snapshot_steps: the chunks that are here already; that one chunk more is on disk (without this answer no more than kPartsMax are
  // asked for); and that a finished one does not hold. One that holds is installed by a restart.
  void snapshot_begun(const Hash& id, const std::set<Hash>& here, Now now);
  void snapshot_stored(Now now);
  void snapshot_failed(const Hash& id, Now now);
  // The answer to Output::epoch_reads; and that the driver holds what decided this epoch, from a block of its own.
  void epochs_read(MemberIndex peer, std::uint64_t above, std::vector<MemberChange> changes, Now now);
  void epoch_proven(const MemberEpoch& epoch);

  Output take_output();
  EngineStatus status() const;
  const EngineCounters& counters() const { return counters_; }
  bool holds(const Hash& transaction) const { return mempool_.find(transaction) != nullptr; }  // state "pending"
  const Replica& replica() const { return replica_; }
  // What the Engine buffers, in bytes, roughly, without the late bodies: those may always fill their own bound. For the simulator's memory check.
  std::size_t memory_bytes() const;
  std::size_t late_body_bytes() const { return late_bytes_; }                 // at most kLateBodies_bytes
  const SigningContext& signing_context() const { return context_; }          // changes with the epoch, and when the next one is decided
  std::shared_ptr<const Authenticator> authenticator() const { return authenticator_; }
  std::uint64_t epoch() const { return context_.members.epoch(); }
  bool is_member() const { return config_.self != kNoMember; }

 private:
  Result<void> on(MemberIndex peer, const Transactions& message, Now now);
  Result<void> on(MemberIndex peer, const FetchTransactions& message, Now now);
  Result<void> on(MemberIndex peer, const PrePrepare& message, Now now);
  Result<void> on(MemberIndex peer, const Vote& message, Now now);
  Result<void> on(MemberIndex peer, const HeaderVote& message, Now now);
  Result<void> on(MemberIndex peer, const ViewChange& message, Now now);
  Result<void> on(MemberIndex peer, const NewView& message, Now now);
  Result<void> on(MemberIndex peer, const MemberStatus& message, Now now);
  Result<void> on(MemberIndex peer, const SyncRequest& message, Now now);
  Result<void> on(MemberIndex peer, SyncResponse& message, Now now);
  void hand_over_held(Now now);
  void hand_over(SyncResponse& message, Now now);
  Result<void> on(MemberIndex peer, const SnapshotOffers& message, Now now);
  Result<void> on(MemberIndex peer, const SnapshotRequest& message, Now now);
  Result<void> on(MemberIndex peer, SnapshotPart& message, Now now);
  Result<void> on(MemberIndex peer, const Notice& message, Now now);
  Result<void> on(MemberIndex peer, const EpochRequest& message, Now now);
  Result<void> on(MemberIndex peer, const EpochProofs& message, Now now);
  Result<void> allowed(MemberIndex peer, const PeerFrame& frame) const;   // what needs no signature to be refused
  bool stale(const PeerFrame& frame) const;
  void help_stuck(const MemberStatus& message, Now now);

  void work(Now now);                       // after every input
  void collect(Now now);                    // takes what the replica made ready
  void propose(Now now);
  std::size_t under_way() const;
  std::int64_t batch_delay_ms() const;
  bool batch_is_ripe(Now now) const;
  void suspect(Now now);
  void sync(Now now);
  void sync_snapshot(Now now);              // engine_snapshots.cpp
  void watch_gone(Now now);
  bool lacks_certificates(Now now);
  std::optional<Height> snapshot_gain() const;   // how far a snapshot must lie above the blocks that are here; nothing: none is wanted
  Height snapshot_floor() const { return std::max(replica_.complete(), replica_.executed_height()); }
  void sign_offers();
  void send_offers(std::optional<MemberIndex> to);
  void periodic(Now now);
  bool quorum_in_reach(std::int64_t quiet_max_ms) const;
  std::int64_t next_wake(Now now) const;

  void send(std::optional<MemberIndex> to, const PeerFrame& frame);
  void send_transactions(std::optional<MemberIndex> to, const std::vector<TransactionPtr>& transactions, bool answer = false);
  void send_status(std::optional<MemberIndex> to);
  bool gossip_is_ripe(Now now) const;
  void flush_gossip();

  // engine_bodies.cpp: the bodies of proposed batches.
  struct Wanted {                           // a batch that lacks bodies
    Batch batch;
    Hash digest;
    std::set<Hash> missing;
    std::int64_t next_fetch_ms = 0;
    unsigned attempts = 0;
  };
  struct BodySet {
    Hash digest;                            // of the batch
    std::vector<TransactionPtr> transactions;
  };
  struct IndexedBody {
    TransactionPtr transaction;
    Height height = 0;
  };
  void want(const Batch& batch, Now now);
  void body_arrived(const TransactionPtr& transaction);
  bool is_wanted(const Hash& id) const;
  void supply_bodies(Now now);
  void fetch_bodies(Now now);
  void keep_bodies(Height height, const Hash& digest, std::vector<TransactionPtr> transactions);
  void forget_bodies(Height height);
  TransactionPtr find_body(const Hash& id) const;
  void keep_late(const TransactionPtr& body);

  // engine_epochs.cpp
  bool epoch_is_over() const;
  void begin_epoch(Now now);
  void enter_epoch(const MemberEpoch& next, const CertifiedHeader& last, ReplicaStart start, Now now);
  void decided(const MemberEpoch& next);
  const MemberEpoch* known_epoch(std::uint64_t epoch) const;
  void tabulate_epochs();
  bool hurrying() const;                    // empty batches take the chain to the end of the epoch, or where hurry_to() says
  void frame_of_other_epoch(MemberIndex peer, PeerFrame frame, Now now);
  void send_notice(MemberIndex peer, Now now);
  void notice_all(Now now);
  Height noticed() const;                   // the highest height that a connected peer hints at: enough to ask for blocks, which prove themselves
  Height vouched() const;                   // a height that f + 1 connected members hint at or above
  bool far_behind() const;                  // so many peers hint at blocks above ours that one of them is honest
  std::size_t peer_slots() const { return context_.members.size() + kGuestsMax; }

  // engine_learning.cpp
  bool learn_epochs(Now now);               // true: members that nobody here knows are asked for, and nothing else is
  Result<void> learn(const MemberChange& change);
  bool skips_epochs(Height target) const;
  const MemberEpoch* later_epoch() const;   // to begin in place of going through all blocks
  void enter_later_epoch(Now now);
  bool behind_its_epoch() const;

  Identify identify_;
  EngineConfig config_;
  SigningContext context_;
  std::shared_ptr<const Authenticator> authenticator_;
  RestoredLog restored_log_;                // empty after the constructor
  Mempool mempool_;
  Replica replica_;
  Suspicion suspicion_;
  BlockSync block_sync_;
  SnapshotSync snapshot_sync_;
  EpochSync epoch_sync_;
  std::optional<MemberEpoch> proven_;
  std::int64_t gone_since_ms_ = -1;                                // nobody gives the next block since then
  bool gone_ = false;
  std::int64_t certificates_lack_since_ms_ = -1;                   // some up to this height, which has one
  Height certificates_lack_to_ = 0;
  std::optional<CertifiedHeader> head_;                            // the highest that came with proofs
  std::vector<std::pair<Height, Hash>> own_snapshots_;
  SnapshotOffers own_offers_;                                      // the same, signed in this epoch
  std::int64_t next_offers_ms_ = 0;
  std::vector<bool> connected_;

  std::map<Height, Wanted> wanted_;
  std::map<Height, BodySet> bodies_;
  std::unordered_map<Hash, IndexedBody, HashHasher> body_index_;   // what bodies_ and the log hold, by id
  struct LoggedBodies {
    std::set<Hash> ids;
    std::vector<Bytes> keys;              // of the records
  };
  std::map<Height, LoggedBodies> logged_bodies_;                   // what the log holds
  // Of heights that are done here: for members that come a moment later. Bounded by kLateBodies_bytes; the oldest goes first.
  std::deque<TransactionPtr> late_bodies_;
  std::unordered_map<Hash, TransactionPtr, HashHasher> late_index_;
  std::size_t late_bytes_ = 0;
  std::map<Hash, TransactionPtr> spare_bodies_;                    // wanted, but the mempool does not take them
  std::vector<TransactionPtr> gossip_;              // not sent yet, ...
  std::int64_t gossip_since_ms_ = 0;                // ... the first of them since then

  struct Peer {
    std::int64_t budget_since_ms = 0;       // what was served to it in this second
    std::size_t served_bytes = 0;
    bool heard = false;                     // its status came since it connected
    std::int64_t heard_ms = 0;              // when it connected or last said anything in this epoch
    std::int64_t stuck_since_ms = -1;       // it waits for a later view than ours
    std::int64_t well_since_ms = -1;        // it does not; -1: it does, or has said nothing yet
    std::int64_t help_after_ms = 0;
    Height noticed = 0;                     // its latest hint
    std::int64_t next_notice_ms = 0;
  };
  struct Early {                            // of the next epoch, which has not begun here
    std::string sender;                     // member id
    PeerFrame frame;
  };
  std::vector<Peer> peers_;
  bool within_budget(MemberIndex peer, std::size_t bytes, Now now);

  std::int64_t now_ms_ = 0;                                        // of the latest verb
  bool reaches_quorum_ = false;                                    // says quorum_in_reach() for doubts
  std::int64_t next_status_ms_ = 0;
  std::int64_t last_block_ms_ = 0;
  bool heartbeat_wanted_ = false;
  std::optional<MemberEpoch> next_;                                // decided
  Height next_known_at_ = 0;                                       // the block after which it was
  Height hurry_to_ = 0, hurry_known_at_ = 0;
  std::deque<Early> early_;
  std::map<Height, SyncResponse> held_;                            // blocks that came before those below them
  Height resume_sync_at_ = 0;                                      // blocks of unknown members came: execute up to here first
  Output output_;
  EngineCounters counters_;
};

}  // namespace agiddi::consensus
