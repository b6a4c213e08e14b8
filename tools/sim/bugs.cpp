#include "tools/sim/bugs.h"

#include <algorithm>

namespace agiddi::tools {

const std::vector<PlantedBug>& bug_table() {
  using O = SimOptions;
  static const std::vector<PlantedBug> table{
      {"quorum-too-small", "one vote less than a quorum is enough", "without a quorum", 50, "all", 0, [](O& o) { o.test_faults.quorum_too_small = true; }},
      {"forget-prepared", "ViewChanges carry no prepared certificates", "committed twice|another block than elsewhere", 200, "all", 0, [](O& o) { o.test_faults.forget_prepared = true; }},
      {"send-before-persist", "votes leave before their records are on disk", "on its disk", 50, "all", 0, [](O& o) { o.driver_faults.send_before_persist = true; }},
      {"log-unsynced", "records are written and not synced before votes leave", "on its disk", 50, "all", 0, [](O& o) { o.driver_faults.log_unsynced = true; }},
      {"bodies-not-logged", "a vote promises bodies that no disk holds", "on its disk", 50, "all", 0, [](O& o) { o.test_faults.bodies_not_logged = true; }},
      {"view-not-logged", "a member forgets in a crash that it left a view", "after it had asked for view", 200, "benign", 4, [](O& o) { o.test_faults.view_not_logged = true; }},
      {"repeats-accepted", "batches that repeat a transaction get votes", "which repeats transaction", 200, "invalid-batch", 4, [](O& o) { o.test_faults.repeats_accepted = true; }},
      {"repeats-executed", "a transaction that came before is executed again", "transaction", 200, "invalid-batch", 4,
       [](O& o) { o.test_faults.repeats_accepted = o.executor_faults.repeats_executed = true; }},
      {"timestamps-unchecked", "batches of any time get votes", "timestamp", 200, "invalid-batch", 4, [](O& o) { o.test_faults.timestamps_unchecked = true; }},
      {"window-unchecked", "documents outside their time window are executed", "outside its time window", 200, "invalid-batch", 4, [](O& o) { o.executor_faults.window_unchecked = true; }},
      {"watermark-ignored", "votes and proposals beyond the window", "beyond the window", 200, "overrun", 4, [](O& o) { o.test_faults.watermark_ignored = true; }},
      {"equivocation-accepted", "a second PrePrepare for a view and height replaces the first", "signed two different", 200, "equivocate", 4,
       [](O& o) { o.test_faults.second_batch_accepted = true; }},
      {"vote-view-ignored", "votes of earlier views count in this one", "not valid", 200, "all", 0, [](O& o) { o.test_faults.vote_view_ignored = true; }},
      {"signatures-unchecked", "the signatures of votes are not verified", "not valid", 200, "forge", 4, [](O& o) { o.test_faults.signatures_unchecked = true; }},
      {"new-view-unchecked", "what the primary of a new view re-proposes is believed", "does not follow from its", 200, "benign,bad-view-change", 4,
       [](O& o) { o.test_faults.new_view_unchecked = true; }},
      {"header-votes-mixed", "votes for different headers of a height make one certificate", "certif", 200, "wrong-digest", 4,
       [](O& o) { o.test_faults.header_votes_mixed = true; }},
      {"sync-unverified", "certificates of synced blocks are not verified", "not valid|does not reproduce the header", 200, "benign,lying-sync", 4, [](O& o) { o.test_faults.sync_unverified = true; }},
      {"chunks-unchecked", "parts of a snapshot are believed without their hashes", "it does not hold", 200, "members,snapshots,crash,partition,corrupt,power,lying-snapshots", 4,
       [](O& o) { o.driver_faults.chunks_unchecked = true; }},
      {"one-attestation", "a snapshot is believed when a single member attests it", "that no correct member made", 200, "benign,lying-snapshots", 4,
       [](O& o) { o.driver_faults.attested_by_one = true; }},
      {"members-unproven", "what a peer says about later members is believed without the certificate of its block", "a change of members that is not certified", 600,
       "members,snapshots,crash,partition,corrupt,power,lying-snapshots", 4, [](O& o) { o.test_faults.members_unproven = true; }},
      {"epoch-end-ignored", "members go on voting at heights of the next members", "which is not of epoch", 200, "members,crash,delay", 4,
       [](O& o) { o.test_faults.epoch_end_ignored = true; }},
      {"transactions-unverified", "signatures of clients are not verified", "was never signed", 200, "invalid-batch", 4,
       [](O& o) { o.driver_faults.transactions_unverified = true; }},
      {"money-from-nothing", "who transfers gets a micro-unit on top", "hold", 20, "all", 0, [](O& o) { o.executor_faults.money_from_nothing = true; }},
      {"executor-differs", "one member executes differently", "another block than elsewhere", 20, "all", 0, [](O& o) { o.executor_faults.differs = true; }},
      {"never-suspects", "a primary that does nothing is never replaced", "no convergence", 300, "benign,mute", 4, [](O& o) { o.test_faults.never_suspects = true; }},
      {"never-syncs", "missing blocks are never asked for", "no convergence", 50, "benign", 4, [](O& o) { o.test_faults.stuck_after_sync = true; }},
      {"later-unbounded", "messages of later views are kept without a bound", "buffers", 200, "flood", 4, [](O& o) { o.test_faults.later_unbounded = true; }},
  };
  return table;
}

bool plant(SimOptions& options, const std::string& name) {
  const auto& table = bug_table();
  const auto found = std::find_if(table.begin(), table.end(), [&](const PlantedBug& bug) { return bug.name == name; });
  if (found == table.end()) return false;
  options.bug = name;
  found->plant(options);
  return true;
}

}  // namespace agiddi::tools
