#include "consensus/new_view_plan.h"

#include <algorithm>
#include <set>

namespace agiddi::consensus {
namespace {

struct Candidate {
  const PreparedCertificate* certificate;
  const Batch* batch;
  bool empty() const { return batch->transactions.empty(); }
};

// Of the root of a block without transactions: whether a header's batch was empty.
const Hash& empty_root() {
  static const Hash root = merkle_root({});
  return root;
}

bool timestamps_in_order(TimeMs lower, const Candidate& upper) {
  return upper.empty() ? lower <= upper.batch->timestamp : lower < upper.batch->timestamp;
}

bool share_transaction(const Candidate& a, const Candidate& b) {
  if (a.empty() || b.empty()) return false;
  const std::set<Hash> ids(a.batch->transactions.begin(), a.batch->transactions.end());
  return std::any_of(b.batch->transactions.begin(), b.batch->transactions.end(), [&](const Hash& id) { return ids.contains(id); });
}

// May both stand in one chain?
bool compatible(const Candidate& a, const Candidate& b) {
  const Candidate& lower = a.batch->height < b.batch->height ? a : b;
  const Candidate& upper = a.batch->height < b.batch->height ? b : a;
  // A batch with transactions was first proposed in a view whose NewView ended below it: nothing at or above was committed earlier.
  if (!lower.empty() && upper.certificate->view < lower.batch->view) return false;
  return timestamps_in_order(lower.batch->timestamp, upper) && !share_transaction(lower, upper);
}

bool follows_stable(const std::optional<CertifiedHeader>& stable, const Hash& members, TimeMs genesis_timestamp, const Candidate& candidate) {
  if (!stable) return timestamps_in_order(genesis_timestamp, candidate);
  const BlockHeader& header = stable->header;
  const bool same_epoch = header.members_digest == members;   // the digest covers the epoch
  if (same_epoch && header.transaction_root != empty_root() && candidate.certificate->view < header.view) return false;
  return timestamps_in_order(header.timestamp, candidate);
}

}  // namespace

Result<NewViewPlan> plan_new_view(View view, const Hash& members, const std::vector<const ViewChange*>& view_changes, TimeMs genesis_timestamp,
                                  const std::map<Hash, const Batch*>& batch_of, std::vector<Batch>* candidates) {
  NewViewPlan plan;
  for (const ViewChange* message : view_changes) {
    if (message->stable && message->stable_height() > plan.stable_height()) plan.stable = message->stable;
  }
  const Height low = plan.stable_height();

  std::map<Height, Candidate> highest;
  for (const ViewChange* message : view_changes) {
    for (const PreparedCertificate& certificate : message->prepared) {
      if (certificate.height <= low || certificate.height > low + limits::kWindowHeights) continue;
      const auto found = highest.find(certificate.height);
      if (found != highest.end() && found->second.certificate->view >= certificate.view) continue;
      const auto batch = batch_of.find(certificate.digest);
      if (batch == batch_of.end()) return fail(Status::invalid, "the batch of a prepared certificate is missing");
      highest[certificate.height] = {&certificate, batch->second};
    }
  }
  if (candidates != nullptr) {
    for (const auto& [height, candidate] : highest) candidates->push_back(*candidate.batch);
  }

  // The highest views first; whatever contradicts one that stands already was never committed.
  std::vector<Candidate> by_view;
  for (const auto& [height, candidate] : highest) by_view.push_back(candidate);
  std::stable_sort(by_view.begin(), by_view.end(), [](const Candidate& a, const Candidate& b) { return a.certificate->view > b.certificate->view; });
  std::vector<Candidate> chosen;
  for (const Candidate& candidate : by_view) {
    const bool stands = follows_stable(plan.stable, members, genesis_timestamp, candidate) &&
                        std::all_of(chosen.begin(), chosen.end(), [&](const Candidate& other) { return compatible(candidate, other); });
    if (stands) {
      chosen.push_back(candidate);
      plan.batches.emplace(candidate.batch->height, *candidate.batch);
    }
  }

  const Height last = plan.last();
  TimeMs previous = plan.stable ? plan.stable->header.timestamp : genesis_timestamp;
  for (Height height = low + 1; height <= last; ++height) {
    const auto [entry, added] = plan.batches.try_emplace(height, Batch{height, view, previous, {}});
    previous = entry->second.timestamp;
  }
  return plan;
}

}  // namespace agiddi::consensus
