// What a new view must re-propose, computed by its primary and by every receiver from the same ViewChanges (the set O of the PBFT paper,
// section 4.4). Pure and deterministic.
//
// For each height above the highest certified one the prepared certificate of the highest view counts; gaps get null batches with the previous
// timestamp. Two certificates that cannot stand in one chain (timestamps out of order, a transaction in both, an older certificate above a batch
// that was first proposed in a later view) cannot both be committed: the one of the lower view is dropped (proof in docs/CONSENSUS.md).
#pragma once

#include <map>

#include "consensus/messages.h"

namespace agiddi::consensus {

struct NewViewPlan {
  std::optional<CertifiedHeader> stable;   // the highest one that a ViewChange carries
  std::map<Height, Batch> batches;         // every height from stable + 1 to the highest that must be re-proposed
  Height stable_height() const { return stable ? stable->header.height : 0; }
  Height last() const { return batches.empty() ? stable_height() : batches.rbegin()->first; }
};

// members: the digest of the member set whose views these are; views of the epoch before, in the header of its last block, are another count.
// batch_of gives the batch of a prepared certificate (nullptr: it is missing, and the plan fails with Status::invalid).
// candidates, when given, receives the batch of every certificate that counted.
Result<NewViewPlan> plan_new_view(View view, const Hash& members, const std::vector<const ViewChange*>& view_changes, TimeMs genesis_timestamp,
                                  const std::map<Hash, const Batch*>& batch_of, std::vector<Batch>* candidates = nullptr);

}  // namespace agiddi::consensus
