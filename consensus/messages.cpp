#include "consensus/messages.h"

namespace agiddi::consensus {
namespace {

std::string short_hash(const Hash& hash) { return hash.hex().substr(0, 8); }
std::string at(View view, Height height) { return " v" + std::to_string(view) + " h" + std::to_string(height) + " "; }
std::string by(MemberIndex sender) { return " by " + std::to_string(sender); }

struct Describer {
  std::string operator()(const Transactions& m) const { return (m.answer ? "Transactions (answer) x" : "Transactions x") + std::to_string(m.items.size()); }
  std::string operator()(const FetchTransactions& m) const { return "FetchTransactions x" + std::to_string(m.ids.size()); }
  std::string operator()(const PrePrepare& m) const {
    return "PrePrepare" + at(m.vote.view, m.batch.height) + short_hash(m.vote.digest) + " x" + std::to_string(m.batch.transactions.size()) +
           by(m.vote.sender);
  }
  std::string operator()(const Vote& m) const {
    return (m.phase == Phase::prepare ? "Prepare" : "Commit") + at(m.view, m.height) + short_hash(m.digest) + by(m.sender);
  }
  std::string operator()(const HeaderVote& m) const {
    return "HeaderVote h" + std::to_string(m.header.height) + " " + short_hash(m.header.hash()) + by(m.sender);
  }
  std::string operator()(const ViewChange& m) const {
    std::string text = "ViewChange v" + std::to_string(m.view) + " stable " + std::to_string(m.stable_height()) + " prepared";
    for (const PreparedCertificate& p : m.prepared) text += " " + std::to_string(p.height) + "@v" + std::to_string(p.view);
    return text + by(m.sender);
  }
  std::string operator()(const NewView& m) const {
    return "NewView v" + std::to_string(m.view) + " from " + std::to_string(m.view_changes.size()) + " re-proposes " +
           std::to_string(m.prepares.size()) + by(m.sender);
  }
  std::string operator()(const MemberStatus& m) const {
    return "Status v" + std::to_string(m.view) + (m.active ? "" : " waiting") + " executed " + std::to_string(m.executed) + " stable " +
           std::to_string(m.stable ? m.stable->header.height : 0) + by(m.sender);
  }
  std::string operator()(const SyncRequest& m) const { return "SyncRequest " + std::to_string(m.from) + ".." + std::to_string(m.to); }
  std::string operator()(const SyncResponse& m) const {
    return "SyncResponse " + std::to_string(m.from) + " x" + std::to_string(m.blocks.size()) + (m.first_block > m.from ? ", first block " + std::to_string(m.first_block) : "");
  }
  std::string operator()(const SnapshotOffers& m) const {
    std::string text = "SnapshotOffers from block " + std::to_string(m.first_block);
    for (const SnapshotAttestation& one : m.attestations) text += " h" + std::to_string(one.height) + " " + short_hash(one.id) + by(one.sender);
    return text;
  }
  std::string operator()(const SnapshotRequest& m) const { return "SnapshotRequest " + short_hash(m.id) + " part " + std::to_string(m.part); }
  std::string operator()(const SnapshotPart& m) const {
    return "SnapshotPart " + short_hash(m.id) + " part " + std::to_string(m.part) + (m.busy ? " busy" : " " + std::to_string(m.data.size()) + " bytes");
  }
  std::string operator()(const Notice& m) const { return "Notice " + std::to_string(m.certified); }
  std::string operator()(const EpochRequest& m) const { return "EpochRequest above " + std::to_string(m.above); }
  std::string operator()(const EpochProofs& m) const {
    return "EpochProofs above " + std::to_string(m.above) + " x" + std::to_string(m.changes.size()) + " head " + std::to_string(m.head ? m.head->header.height : 0);
  }
};

}  // namespace

bool is_epoch_bound(const PeerFrame& frame) {
  return !std::holds_alternative<Transactions>(frame.content) && !std::holds_alternative<FetchTransactions>(frame.content) &&
         !std::holds_alternative<SyncRequest>(frame.content) && !std::holds_alternative<SyncResponse>(frame.content) &&
         !std::holds_alternative<Notice>(frame.content) && !std::holds_alternative<SnapshotRequest>(frame.content) &&
         !std::holds_alternative<SnapshotPart>(frame.content) && !std::holds_alternative<EpochRequest>(frame.content) &&
         !std::holds_alternative<EpochProofs>(frame.content);
}

std::string describe(const PeerFrame& frame) { return std::visit(Describer{}, frame.content); }

}  // namespace agiddi::consensus
