// Replica: the PBFT core (Castro & Liskov, OSDI 1999) as a value machine. Messages, votes on headers, view changes; nothing else.
//
// No clock, socket, disk, thread, lock or log. Verified messages go in; a Ready comes out. Bodies of transactions, timers, block sync and
// encoding are the Engine's. Core lane only.
//
// Heights: `stable` is the highest certified height known (low watermark; own votes reach at most stable + kWindowHeights), `handed` the
// last height given to execution, `executed` the last one that came back. What is at or below min(stable, executed) is forgotten.
// A message of a later view or beyond the window is kept in bounded space and looked at again when its time comes.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <unordered_map>

#include "consensus/log_records.h"
#include "consensus/new_view_plan.h"
#include "consensus/signing.h"
#include "consensus/test_faults.h"

namespace agiddi::consensus {

struct ReplicaConfig {
  SigningContext context;
  MemberIndex self = 0;
  TimeMs genesis_timestamp = 0;
  // Whether a transaction stands in a committed block, as far as the caller remembers: a batch that repeats one gets no vote.
  std::function<bool(const Hash&)> is_committed = [](const Hash&) { return false; };
  std::int64_t heartbeat_interval_ms = 4000;
  TestFaults test_faults;
};

struct ReplicaStart {
  RestoredLog log;
  Height applied = 0;
  std::optional<CertifiedHeader> certified;
  std::vector<BlockHeader> uncertified;
  // In place of these two when log.stable lies above everything that was applied: the latest height up to which all is certified.
  std::optional<Height> complete = std::nullopt;
};

struct Message {
  std::optional<MemberIndex> to;        // nothing = every other member
  PeerFrame frame;
};

struct Ready {
  std::vector<LogWrite> persist;        // on disk before any of `messages` leaves
  std::vector<Message> messages;
  std::vector<Batch> need_bodies;       // answer with bodies_held() once all bodies are held, verified and in `persist`
  std::vector<Batch> committed;         // in height order, to execute
  std::vector<CertifiedHeader> certified;  // of executed heights
  std::vector<Height> forgotten;        // heights whose records were erased
  bool view_entered = false;            // proposals of former views are void
  bool view_change_started = false;
  std::optional<std::string> fatal;
};

class Replica {
 public:
  Replica(ReplicaConfig config, std::shared_ptr<const Authenticator> authenticator, ReplicaStart start, Now now);

  // Verified messages. A batch that breaks a rule (clock, order of timestamps, repeated transaction) gets no vote of this replica, but it
  // follows a quorum that votes for it.
  void receive(const PrePrepare& message, Now now);
  void receive(const Vote& message, Now now);
  void receive(const HeaderVote& message, Now now);
  void receive(const ViewChange& message, Now now);
  Result<void> receive(const NewView& message, Now now);    // an error: it does not follow from the messages in it
  void learn(const CertifiedHeader& certified, Now now);

  bool useful(const Vote& vote) const;                       // worth verifying
  bool useful(const HeaderVote& vote) const;
  bool can_propose() const;                                  // primary of an active view, inside the window, not behind
  bool heartbeat_allowed(Now now) const;                     // can_propose(), and an empty batch would get votes
  // The primary's next batch; empty for a heartbeat. Gives the batch that was proposed.
  Batch propose(std::vector<Hash> transactions, Now now);
  void bodies_held(Height height, const Hash& digest, Now now);
  void executed(const BlockHeader& header, Now now);         // the next height in order
  // The epoch ends with this height: nothing above it is voted on any more, and empty batches up to it need no pause between them.
  void end_at(Height last);
  // Up to this height empty batches need no pause between them: something that is decided waits for it. It may be known already.
  void hurry_to(Height last) { hurry_to_ = last; }
  void handed_by_sync(const CertifiedHeader& certified, Now now);  // the block handed() + 1 went to execution from block sync; with its certificate, if there is one
  void start_view_change(View view, Now now);                // view > this->view()

  // What a peer's status shows to be missing there: votes and PrePrepares that are older than min_age_ms, NewView or ViewChange.
  // Certificates that lack below the highest executed block with one will not come any more: that one stands for them, by the chain of hashes. Gives it
  // when there was a gap; the driver compares it with its block.
  std::optional<CertifiedHeader> skip_certificates(Now now);
  std::vector<PeerFrame> missing_at(const MemberStatus& peer, Now now, std::int64_t min_age_ms) const;
  MemberStatus status() const;                               // signed
  const ViewChange* pending_view_change() const { return !active_ && sent_ ? &*sent_ : nullptr; }

  Ready take_ready();

  View view() const { return view_; }
  bool active() const { return active_; }
  MemberIndex primary() const { return primary_of(view_, size()); }
  bool is_primary() const { return primary() == config_.self; }
  bool is_voting() const { return config_.self != kNoMember; }  // false: this node is no member and only follows
  const std::optional<CertifiedHeader>& stable_certificate() const { return stable_; }
  Height stable() const { return stable_ ? stable_->header.height : 0; }
  Height handed() const { return handed_; }
  Height executed_height() const { return executed_; }
  Height next_proposal() const { return next_proposal_; }     // where propose() would put a batch
  Height complete() const { return complete_; }              // every height up to it is handed and certified
  Height certified_here() const;                             // the highest executed block that has a certificate; at least complete() where that is executed
  bool has_certificate(Height height) const;
  Height uncertified_to(Height end) const;                   // the heights above complete() that lack a certificate, up to the first that has one, or `end`
  bool window_full() const;                                  // everything up to the high watermark is committed
  std::size_t uncommitted_proposals() const;                 // batches of this view above handed()
  std::optional<std::int64_t> oldest_in_flight_ms() const;   // when the first uncommitted batch of this view came
  bool view_change_quorum() const;                           // a quorum (with us) asks for this view or a later one
  std::optional<View> view_change_of(MemberIndex member) const;
  std::optional<TimeMs> timestamp_of(Height height) const;   // final, or of the accepted batch of this view
  bool in_flight(const Hash& transaction) const;             // stands in a batch of this view
  std::size_t memory_bytes() const;

 private:
  enum class Standing : std::uint8_t { none, waiting, refused, accepted };  // waiting: for the batch one height below

  struct CastVote {
    Hash digest;
    Signature signature{};
  };
  struct Slot {
    // Of the current view.
    std::optional<PrePrepare> pre_prepare;
    Standing standing = Standing::none;
    bool bodies = false;
    bool voted_prepare = false, voted_commit = false;
    bool prepared = false, committed = false;
    std::map<MemberIndex, CastVote> prepares, commits;
    std::int64_t since_ms = 0;                               // the batch came
    // Of all views.
    std::optional<PreparedCertificate> best;
    std::optional<Hash> final_digest;                        // handed to execution
  };
  struct KnownCertificate {
    CertifiedHeader certified;
    bool published = false;
  };
  struct OwnHeaderVote {
    HeaderVote vote;
    std::int64_t since_ms = 0;
  };
  struct Later {                                             // messages of later views, by sender
    std::deque<std::variant<PrePrepare, Vote>> messages;
    std::size_t bytes = 0;
  };

  std::size_t size() const { return config_.context.members.size(); }
  std::size_t quorum() const { return config_.context.quorum(); }
  std::size_t faults() const { return config_.context.members.faults(); }
  Height window_end() const { return std::min(stable() + limits::kWindowHeights * (config_.test_faults.watermark_ignored ? 2 : 1), last_); }
  bool inside_buffer(Height height) const;

  void keep_for_later(MemberIndex sender, std::variant<PrePrepare, Vote> message, std::size_t bytes);
  void replay_later(Now now);

  // normal_case.cpp
  void place(const PrePrepare& message, Now now);
  bool fresh_batch_allowed(const Batch& batch, Now now) const;     // what needs no predecessor: clock, form
  std::int64_t heartbeat_gap_ms(Height height) const;
  bool follows_predecessor(const Batch& batch) const;              // timestamp and no repeated transaction
  void advance(Now now);                                           // everything that has become possible, over all slots
  void advance_slot(Height height, Slot& slot, Now now);
  void cast(Phase phase, Height height, Slot& slot);
  void accept(Height height, Slot& slot);
  void hand_over();
  void forget();

  // header_votes.cpp
  HeaderVote own_header_vote(const BlockHeader& header) const;
  void count_header_votes(Height height, Now now);
  void adopt(const CertifiedHeader& certified, Now now);
  void publish_certificates();
  void fail_if_different(const BlockHeader& own, const BlockHeader& certified);

  // view_change.cpp, new_view.cpp
  ViewChange make_view_change(View view) const;
  void consider_joining(Now now);
  void try_new_view(Now now);
  void enter(const NewView& message, const NewViewPlan& plan, Now now);
  Result<NewViewPlan> plan_of(const NewView& message) const;
  void install(const NewView& message, const NewViewPlan& plan, Now now);   // the re-proposals into the slots
  void restore(ReplicaStart start, Now now);

  ReplicaConfig config_;
  std::shared_ptr<const Authenticator> authenticator_;

  Height last_ = UINT64_MAX;                                 // of this epoch, once it is decided
  View view_ = 0;
  bool active_ = true;
  std::optional<ViewChange> sent_;                           // our ViewChange for view_, while it is not active
  std::optional<NewView> new_view_;                          // what view_ stands on
  std::map<Height, Hash> planned_;                           // digests that the NewView fixed
  Height hurry_to_ = 0;
  Height plan_last_ = 0;
  Height next_proposal_ = 1;

  std::map<Height, Slot> slots_;
  std::unordered_map<Hash, Height, HashHasher> view_transactions_;  // of the accepted batches of this view
  std::optional<CertifiedHeader> stable_;
  Height handed_ = 0, executed_ = 0, complete_ = 0;
  std::map<Height, TimeMs> final_timestamps_;                // of handed heights and of stable
  std::map<Height, KnownCertificate> certificates_;          // above complete, or not published yet
  std::map<Height, std::map<MemberIndex, HeaderVote>> header_votes_;
  std::map<Height, OwnHeaderVote> own_header_votes_;         // the latest, for those who missed them
  std::map<MemberIndex, ViewChange> view_changes_;           // the highest view of each member
  std::map<MemberIndex, Later> later_;
  Ready ready_;
};

}  // namespace agiddi::consensus
