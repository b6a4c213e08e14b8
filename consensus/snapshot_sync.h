// SnapshotSync: how a member that is far behind fetches the state of the ledger instead of all blocks. Which snapshot, from whom, what is believed,
// when to turn to somebody else. A value machine like BlockSync: no clock, disk or thread.
//
// A snapshot is believed when f + 1 members attest its id for a height (one of them is correct), and every part is checked at once: the manifest
// against the id, a chunk against its hash in the manifest. So whoever sends something else lies, and is never asked again. The world state is
// checked once more against the certified header when all is here (ledger/snapshot.h).
//
// Core lane only. Memory: two attestations a member, one manifest, and kPartsMax parts: those that were asked for and those that are not on disk yet.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <utility>

#include "consensus/messages.h"

namespace agiddi::consensus {

struct SnapshotSyncConfig {
  Height behind_min = 1000;              // a member that has hardly any blocks reaches nearer ones by blocks
  Height catch_up_min = 0;               // a member that has blocks takes only a snapshot at least so far above them; 0: none
  std::int64_t timeout_ms = 5000;        // for one part
  std::int64_t give_up_ms = 15'000;      // nobody gives parts of this snapshot any more: take another one
  bool believe_chunks = false;           // planted bugs, tests only: chunks are not checked,
  bool believe_one = false;              // and what a single member attests is believed
};

// What the driver must do with its folder, in this order: begin (and answer with begun()), store each chunk (and answer with stored()), finish.
struct SnapshotBegin {
  SnapshotManifest manifest;
  QuorumCertificate certificate;
};
struct SnapshotStore {
  Hash hash;
  Bytes chunk;
};
struct SnapshotFinish {
  Hash id;
};
using SnapshotStep = std::variant<SnapshotBegin, SnapshotStore, SnapshotFinish>;

struct SnapshotProgress {
  Height height = 0;
  std::size_t chunks = 0, chunks_here = 0;
  std::uint64_t bytes = 0, bytes_fetched = 0;   // of the snapshot; received for it in this run
};

class SnapshotSync {
 public:
  static constexpr std::size_t kPartsMax = 8, kPartsOfPeerMax = 2;

  // peer_slots: members and guests; only what members attest counts.
  SnapshotSync(SnapshotSyncConfig config, std::size_t members, std::size_t peer_slots, MemberIndex self);

  // What a member can serve (verified). Replaces what it said before.
  void offered(MemberIndex peer, const SnapshotOffers& offers);
  void peer_gone(MemberIndex peer);
  // At least f + 1 of the members, `self_id` among them if given, attest this id.
  bool attested(Height height, const Hash& id, bool by_self) const;
  // f + 1 others attest another id for this height than ours: our own state is not theirs.
  bool contradicted(Height height, const Hash& own_id) const;
  Height first_block(MemberIndex peer) const { return peers_[peer].offers.first_block; }

  // What to ask for now. wanted: blocks are no way to go on; complete: the height that is reached. A snapshot is begun when it lies at least
  // `gain` above that, and dropped when it is reached otherwise.
  std::vector<std::pair<MemberIndex, SnapshotRequest>> next(bool wanted, Height complete, const std::vector<bool>& connected, std::int64_t now_ms,
                                                            Height gain = 1);
  // A part came. The error says what is wrong with it; a liar is not asked again.
  Result<void> received(MemberIndex peer, SnapshotPart& part, std::int64_t now_ms);
  // The driver's folder holds these chunks of the manifest that was begun.
  void begun(const Hash& id, const std::set<Hash>& here);
  void stored();                         // one chunk more is on disk
  // All was there, and it does not hold: not this snapshot again.
  void failed(const Hash& id);
  std::vector<SnapshotStep> take_steps() { return std::exchange(steps_, {}); }

  bool active() const { return current_.has_value(); }   // fetching, or done and waiting for the installation
  bool finished() const { return current_ && current_->phase == Phase::finished; }
  std::optional<SnapshotProgress> progress() const;
  std::size_t liars() const;
  std::int64_t wake_at_ms() const { return wake_at_ms_; }
  std::size_t memory_bytes() const;

 private:
  struct Peer {
    SnapshotOffers offers;
    bool liar = false;
    std::set<Hash> lacks;                // it attested them, and does not have them any more
    std::int64_t avoid_until_ms = 0;
    std::int64_t penalty_ms = 0;
  };
  struct Asked {
    MemberIndex peer;
    std::int64_t deadline_ms;
  };
  enum class Phase { manifest, beginning, chunks, finished };
  struct Download {
    Height height = 0;
    Hash id;
    Phase phase = Phase::manifest;
    SnapshotManifest manifest;
    std::set<std::uint32_t> missing;     // indexes of chunks
    std::map<std::uint32_t, Asked> asked;  // by part
    std::uint64_t fetched_bytes = 0;
    std::int64_t fruitless_since_ms = -1;
  };

  bool has(MemberIndex peer, const Hash& id) const;
  std::optional<Download> choose(Height above) const;
  void expire(std::int64_t now_ms);
  void avoid(MemberIndex peer, std::int64_t now_ms);
  std::optional<MemberIndex> pick(const std::vector<bool>& connected, std::int64_t now_ms);

  SnapshotSyncConfig config_;
  std::size_t members_, faults_;
  MemberIndex self_;
  std::vector<Peer> peers_;
  std::optional<Download> current_;
  std::set<Hash> refused_;               // ids that did not hold
  std::vector<SnapshotStep> steps_;
  std::deque<std::size_t> unwritten_;    // sizes of the chunks that were given out and are not on disk yet
  MemberIndex last_peer_;
  std::int64_t wake_at_ms_ = 0;
};

}  // namespace agiddi::consensus
