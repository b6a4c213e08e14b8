// The part of ChainDriver that takes peers' frames: counts them against their senders, decodes and checks them, and hands them to the core lane.
#include "consensus/frames.h"
#include "consensus/verify.h"
#include "node/chain_driver.h"
#include "node/chain_duties.h"
#include "node/client_documents.h"
#include "node/clocks.h"
#include "node/log.h"
#include "protocol/limits.h"

namespace agiddi::node {
namespace {

constexpr std::size_t kVoteMax_bytes = 2'048;
constexpr std::size_t kVotesHereMax = 4'000;     // of one sender in a second; one that is refused counts as a tenth of them
constexpr std::size_t kFramesOfMemberMax_bytes = 2 * limits::kPeerFrameMax_bytes;   // between a link and the core lane

}  // namespace

// Counts a frame against its sender until the core lane has taken it; nothing when the sender has too much under way already.
std::shared_ptr<void> ChainDriver::charge_frame(const PublicKey& peer, std::size_t bytes) {
  std::shared_ptr<std::atomic<std::size_t>> under_way;
  {
    const std::lock_guard lock(frames_mutex_);
    auto& entry = frames_under_way_[peer];
    if (!entry) entry = std::make_shared<std::atomic<std::size_t>>(0);
    under_way = entry;
  }
  // A small frame takes a place in the queue all the same, and all peers together leave a quarter of it to clients.
  const std::size_t places = kVerifyQueue * 3 / 4 / std::max<std::size_t>(published_.load()->epoch->context.members.size(), 1);
  bytes = std::max(bytes, kFramesOfMemberMax_bytes / std::max<std::size_t>(places, 1));
  if (under_way->load() + bytes > kFramesOfMemberMax_bytes) return nullptr;
  *under_way += bytes;
  return {under_way.get(), [under_way, bytes](std::atomic<std::size_t>*) { *under_way -= bytes; }};
}

bool ChainDriver::count_votes(const PublicKey& peer, std::size_t count) {
  const std::lock_guard lock(frames_mutex_);
  Votes& votes = votes_here_[peer];
  const std::int64_t now_ms = clocks().monotonic_ms;
  if (now_ms - votes.since_ms >= 1'000) votes = {now_ms, 0};
  votes.count += count;
  return votes.count <= kVotesHereMax;
}

// Votes are short, and most of what is sent: they are checked where they arrive and do not wait behind transactions. False: it is something else, or its
// sender has sent so many, or wrong ones, that they have to wait for the verify lane: this thread serves all links.
bool ChainDriver::take_vote(const PublicKey& peer, const Bytes& bytes, const std::shared_ptr<void>& charge) {
  if (bytes.size() > kVoteMax_bytes) return false;
  auto frame = consensus::decode_frame(bytes, limits::kMembersMax);
  if (!frame || !(std::holds_alternative<consensus::Vote>(frame->content) || std::holds_alternative<consensus::HeaderVote>(frame->content))) return false;
  // The certificate of that block is here already.
  const auto* header_vote = std::get_if<consensus::HeaderVote>(&frame->content);
  const auto height = header_vote != nullptr ? header_vote->header.height : std::get<consensus::Vote>(frame->content).height;
  if (height <= snapshot()->certified_height()) return true;
  if (!count_votes(peer, 1)) return false;
  if (!check_frame(peer, *std::move(frame), charge)) count_votes(peer, kVotesHereMax / 10);
  return true;
}

void ChainDriver::on_frame(const PublicKey& peer, const Bytes& bytes, const std::shared_ptr<void>& charge) {
  auto frame = consensus::decode_frame(bytes, limits::kMembersMax);
  if (frame) {
    check_frame(peer, *std::move(frame), charge);
    return;
  }
  refused_frames_.add();
  log_warn("peer frame refused", {{"peer", published_.load()->epoch->name_of(peer)}, {"reason", frame.error().detail}});
}

// A Commit is shown to nobody: who sent it is all that counts, and its link says that. Prepares and header votes become certificates.
bool ChainDriver::link_vouches(const PublicKey& peer, const consensus::PeerFrame& frame, const EpochView& epoch) {
  const auto* vote = std::get_if<consensus::Vote>(&frame.content);
  const MemberSet& members = epoch.context.members;
  return vote != nullptr && vote->phase == consensus::Phase::commit && vote->sender < members.size() && members[vote->sender].key == peer;
}

// What a frame says is checked here, off the core lane; the Engine gets it as verified.
bool ChainDriver::check_frame(const PublicKey& peer, consensus::PeerFrame frame, const std::shared_ptr<void>& charge) {
  const std::shared_ptr<const EpochView> epoch = published_.load()->epoch;
  const auto refuse = [&](const std::string& reason) {
    refused_frames_.add();
    log_warn("peer frame refused", {{"peer", epoch->name_of(peer)}, {"reason", reason}});
    return false;
  };
  const Genesis& genesis = keys_->genesis();
  const auto authentic = [&](const Transaction& transaction) { return is_authentic(transaction, genesis, [&]() -> const MemberSet& { return epoch->context.members; }); };
  if (!check_transactions(frame, *snapshot(), genesis.network, now(), authentic)) return refuse("a transaction in it is not authentic");
  if (auto* answer = std::get_if<consensus::SyncResponse>(&frame.content)) consensus::drop_unknown_epochs(*answer, epoch->context);
  // The Engine checks itself what becomes of its epoch on the way.
  const bool verifiable = !consensus::is_epoch_bound(frame) || frame.epoch == epoch->context.members.epoch();
  if (verifiable && !link_vouches(peer, frame, *epoch)) {
    if (auto verified = consensus::verify_frame(frame, epoch->context, *epoch->authenticator); !verified) return refuse(verified.error().detail);
  }
  core_.post_always([this, peer, verifiable, frame = std::move(frame), charge]() mutable {
    const auto index = index_of(peer);
    if (!index) return;
    const bool proofs = std::holds_alternative<consensus::EpochProofs>(frame.content);
    const auto taken = engine_->receive(*index, std::move(frame), clocks(), verifiable);
    if (!taken && (proofs || taken.error().status == Status::unauthorized)) {
      refused_frames_.add();
      log_warn("peer frame refused", {{"peer", epoch_->name_of(peer)}, {"reason", taken.error().detail}});
    } else if (!taken) {
      untaken_frames_.add();
      log_debug("peer frame not taken", {{"peer", epoch_->name_of(peer)}, {"reason", taken.error().detail}});
    }
  });
  return true;
}

}  // namespace agiddi::node
