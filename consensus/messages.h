// What members say to each other, as values. consensus/frames.h turns them into bytes and back, consensus/verify.h checks signatures.
//
// A member is named by its index in the MemberSet in force. Heights are PBFT sequence numbers. A PrePrepare is a batch with the
// primary's own Prepare vote: so "prepared" is simply a quorum of Prepare votes for one digest (Castro & Liskov, OSDI 1999, section 4.2).
#pragma once

#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "protocol/block.h"
#include "protocol/limits.h"
#include "protocol/proof.h"
#include "protocol/snapshot.h"

namespace agiddi::consensus {

using Height = std::uint64_t;
using View = std::uint64_t;
using MemberIndex = std::uint32_t;
inline constexpr MemberIndex kNoMember = UINT32_MAX;            // of a node that is no member in an epoch
// Blocks in one sync answer, and its size (at least one block, whatever its size).
inline constexpr std::size_t kSyncBlocksMax = 64;
inline constexpr std::size_t kSyncAnswerMax_bytes = 8 * 1024 * 1024;

using TransactionPtr = std::shared_ptr<const Transaction>;

// The input that stands for the clocks: monotonic for timers, wall for batch timestamps.
struct Now {
  std::int64_t monotonic_ms = 0;
  TimeMs wall_ms = 0;
};

enum class Phase : std::uint8_t { prepare = 1, commit = 2 };

struct Vote {
  Phase phase = Phase::prepare;
  View view = 0;
  Height height = 0;
  Hash digest;              // of the batch
  MemberIndex sender = 0;
  Signature signature{};
};

struct PrePrepare {
  Batch batch;              // batch.view may be older than vote.view: a re-proposal changes nothing in the batch
  Vote vote;                // phase prepare, by the primary of vote.view
};

// "I executed this block": a quorum of them is the block's certificate and PBFT's stable checkpoint.
struct HeaderVote {
  BlockHeader header;
  MemberIndex sender = 0;
  Signature signature{};    // over header_vote_bytes(header, id of the sender)
};

struct CertifiedHeader {
  BlockHeader header;
  QuorumCertificate certificate;
};

struct MemberSignature {
  MemberIndex sender = 0;
  Signature signature{};
};

// A quorum of Prepare votes. The batch travels beside it in a ViewChange and is left out inside a NewView (which carries each batch once).
struct PreparedCertificate {
  View view = 0;
  Height height = 0;
  Hash digest;
  std::vector<MemberSignature> prepares;  // by sender, distinct
  std::optional<Batch> batch;
};

struct ViewChange {
  View view = 0;                                // the view that is asked for
  MemberIndex sender = 0;
  std::optional<CertifiedHeader> stable;        // nothing = genesis
  std::vector<PreparedCertificate> prepared;    // above stable, by height, the highest view of each height
  Signature signature{};

  Height stable_height() const { return stable ? stable->header.height : 0; }
};

struct NewView {
  View view = 0;
  MemberIndex sender = 0;                       // the primary of view
  std::vector<ViewChange> view_changes;         // at least a quorum, by sender, distinct; without batches
  std::vector<Batch> batches;                   // of every prepared certificate that counts, by height
  std::vector<Vote> prepares;                   // the primary's Prepare votes for what must be re-proposed, by height
  Signature signature{};
};

struct SlotStatus {
  Height height = 0;
  bool has_batch = false;
  bool prepared = false;
  bool committed = false;
};

// Where a member stands: on connect and every status_interval_ms. What the receiver has and the sender lacks is sent again.
struct MemberStatus {
  MemberIndex sender = 0;
  View view = 0;
  bool active = false;                          // false: waiting for the NewView of `view`
  Height executed = 0;
  Height first_uncertified = 0;                 // lowest executed height without certificate; 0 = none
  std::optional<CertifiedHeader> stable;        // its latest certified header
  std::vector<SlotStatus> slots;                // above stable, at most two windows
  Signature signature{};
};

struct Transactions {
  std::vector<TransactionPtr> items;
  bool answer = false;      // to a FetchTransactions: bodies of a proposed batch. Otherwise gossip
};
struct FetchTransactions { std::vector<Hash> ids; };
struct SyncRequest { Height from = 0; Height to = 0; };        // inclusive

struct SyncBlock {
  BlockHeader header;
  QuorumCertificate certificate;                // without signatures: none is known, and the block or header that follows names this one's hash
  Batch batch;
  std::vector<Transaction> transactions;        // in batch order
};
struct SyncResponse {                           // empty: "I cannot serve that"
  Height from = 0;
  std::vector<SyncBlock> blocks;
  HeaderChain chain{};                          // of a last block without a certificate
  Height first_block = 0;                       // the lowest height above 0 whose block the sender has; 0: it does not say
  bool cut = false;                             // by the receiver: blocks of members that it does not know yet (never on the wire)
};

// What a node holds, for nodes of another epoch and from nodes that are no members. A hint: what it leads to is proven by certificates.
struct Notice { Height certified = 0; };

// "Which member sets follow this epoch's?" and the answer: what decided each of them, which the one before it proves.
struct EpochRequest { std::uint64_t above = 0; };
inline constexpr std::size_t kEpochProofsMax = 16;
inline constexpr std::size_t kEpochProofsMax_bytes = 1024 * 1024;   // at least one proof, whatever its size
struct EpochProofs {
  std::uint64_t above = 0;
  std::vector<MemberChange> changes;            // of above + 1, above + 2, ...; empty: the sender has none
  std::optional<CertifiedHeader> head;          // its latest certified header; nothing = genesis
};

// "My ledger after this height has this snapshot": f + 1 of them include a correct member's.
struct SnapshotAttestation {
  Height height = 0;
  Hash id;
  MemberIndex sender = 0;
  Signature signature{};
};
inline constexpr std::size_t kSnapshotOffersMax = 2;
// What a member can serve: its latest snapshots, and the lowest height above 0 whose block it has. On connect, with each new snapshot, and every so often.
struct SnapshotOffers {
  Height first_block = 1;
  std::vector<SnapshotAttestation> attestations;  // the sender's own, the highest first
};
struct SnapshotRequest { Hash id; std::uint32_t part = 0; };      // part 0 is the manifest, part k the chunk k - 1
struct SnapshotPart {
  Hash id;
  std::uint32_t part = 0;
  Bytes data;                                   // empty: "I do not have that", or with busy "ask again in a moment"
  bool busy = false;
  QuorumCertificate certificate;                // beside a manifest: of its header
};

struct PeerFrame {
  std::variant<Transactions, FetchTransactions, PrePrepare, Vote, HeaderVote, ViewChange, NewView, MemberStatus, SyncRequest,
               SyncResponse, Notice, SnapshotOffers, SnapshotRequest, SnapshotPart, EpochRequest, EpochProofs> content;
  std::uint64_t epoch = 0;                      // of the sender; set when it is sent
};

// Whether a frame means something in its own epoch alone. What it says is signed with the epoch; blocks, bodies and hints mean the same in all.
bool is_epoch_bound(const PeerFrame& frame);

// The primary of a view among n members.
inline MemberIndex primary_of(View view, std::size_t members) { return static_cast<MemberIndex>(view % members); }

// One line for timelines and refusals: "Prepare v3 h17 4f2a… by 2".
std::string describe(const PeerFrame& frame);

}  // namespace agiddi::consensus
