// Planted bugs of the consensus core, for tests only: each must be found by the simulator (`agiddi-sim --bug NAME`, tools/sim/bugs.cpp). The daemon
// never sets one.
#pragma once

namespace agiddi::consensus {

struct TestFaults {
  bool quorum_too_small = false;          // one vote less than a quorum is enough
  bool forget_prepared = false;           // ViewChanges carry no prepared certificates
  bool repeats_accepted = false;          // batches that repeat a transaction get votes
  bool timestamps_unchecked = false;      // batches of any time get votes
  bool watermark_ignored = false;         // votes and proposals beyond the window
  bool second_batch_accepted = false;     // a later PrePrepare for the same view and height replaces the first
  bool vote_view_ignored = false;         // votes of earlier views count in this one
  bool signatures_unchecked = false;      // of votes
  bool new_view_unchecked = false;        // what the primary re-proposes in a NewView is believed
  bool header_votes_mixed = false;        // votes for different headers of a height make one certificate
  bool sync_unverified = false;           // certificates of synced blocks are not verified
  bool bodies_not_logged = false;         // a vote promises bodies that no disk holds
  bool view_not_logged = false;           // a member forgets in a crash that it left a view
  bool never_suspects = false;            // no view change for a primary that does nothing
  bool later_unbounded = false;           // messages of later views are kept without a bound
  bool members_unproven = false;          // what a peer says about later members is believed without the certificate of its block
  bool epoch_end_ignored = false;         // members that are decided change nothing for those before them
  bool stuck_after_sync = false;          // blocks are never asked for
  friend bool operator==(const TestFaults&, const TestFaults&) = default;
};

}  // namespace agiddi::consensus
