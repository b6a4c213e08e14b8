// What peers send: refused, or given to the part that it is for.
#include <algorithm>

#include "consensus/engine.h"
#include "consensus/frames.h"
#include "consensus/verify.h"
#include "protocol/check.h"

namespace agiddi::consensus {
namespace {

constexpr std::size_t kSyncReserved_bytes = kSyncAnswerMax_bytes / 2;   // charged until it is known how much is sent
constexpr std::size_t kFrameChunk_bytes = 4 * 1024 * 1024;
constexpr std::int64_t kResendAge_ms = 250;                  // younger votes are probably under way
constexpr std::int64_t kHelpMax_ms = 600'000;
constexpr std::int64_t kWellTimes = 2;                       // see help_stuck()

auto refuse(std::string detail) { return fail(Status::invalid, std::move(detail)); }

}  // namespace

// Own votes come from their sender; PrePrepares and NewViews may be passed on by anyone. Blocks, snapshots and hints are all that goes from
// and to nodes that are no members.
Result<void> Engine::allowed(MemberIndex peer, const PeerFrame& frame) const {
  const bool for_all = std::holds_alternative<SyncRequest>(frame.content) || std::holds_alternative<SyncResponse>(frame.content) ||
                       std::holds_alternative<Notice>(frame.content) || std::holds_alternative<SnapshotOffers>(frame.content) ||
                       std::holds_alternative<SnapshotRequest>(frame.content) || std::holds_alternative<SnapshotPart>(frame.content) ||
                       std::holds_alternative<EpochRequest>(frame.content) || std::holds_alternative<EpochProofs>(frame.content);
  if (!for_all && (peer >= context_.members.size() || !is_member())) return refuse("a message between members, from or to a node that is none");
  const auto from_peer = [&](MemberIndex sender) -> Result<void> {
    if (sender == peer) return {};
    return refuse("a message that another member passed on");
  };
  if (const auto* vote = std::get_if<Vote>(&frame.content)) return from_peer(vote->sender);
  if (const auto* vote = std::get_if<HeaderVote>(&frame.content)) return from_peer(vote->sender);
  if (const auto* message = std::get_if<ViewChange>(&frame.content)) return from_peer(message->sender);
  if (const auto* message = std::get_if<MemberStatus>(&frame.content)) return from_peer(message->sender);
  if (const auto* message = std::get_if<SnapshotOffers>(&frame.content); message != nullptr && !message->attestations.empty()) {
    return from_peer(message->attestations.front().sender);
  }
  if (const auto* answer = std::get_if<SyncResponse>(&frame.content); answer != nullptr && !block_sync_.expects(peer, answer->from)) {
    return refuse("blocks that nobody asked for");
  }
  return {};
}

bool Engine::stale(const PeerFrame& frame) const {
  if (const auto* vote = std::get_if<Vote>(&frame.content)) return !replica_.useful(*vote);
  if (const auto* vote = std::get_if<HeaderVote>(&frame.content)) return !replica_.useful(*vote);
  return false;
}

Result<void> Engine::receive(MemberIndex peer, PeerFrame frame, Now now, bool verified) {
  AGIDDI_CHECK(peer < peer_slots() && peer != config_.self, "frames come from other members and from guests");
  ++counters_.frames_received;
  epoch_sync_.peer_epoch(peer, frame.epoch);
  if (is_epoch_bound(frame) && frame.epoch != epoch()) {
    frame_of_other_epoch(peer, std::move(frame), now);
    work(now);
    return {};
  }
  if (is_epoch_bound(frame)) peers_[peer].heard_ms = now.monotonic_ms;
  Result<void> outcome = allowed(peer, frame);
  if (auto* answer = std::get_if<SyncResponse>(&frame.content)) {
    if (!verified) drop_unknown_epochs(*answer, context_);
  }
  if (outcome && !stale(frame)) {
    if (!verified) outcome = verify_frame(frame, context_, *authenticator_);
    if (outcome) outcome = std::visit([&](auto& message) { return on(peer, message, now); }, frame.content);
    if (const auto* answer = std::get_if<SyncResponse>(&frame.content); answer != nullptr && !outcome) block_sync_.nothing(peer, answer->from, true, now.monotonic_ms);
  }
  if (!outcome) ++counters_.frames_refused;
  work(now);
  return outcome;
}

Result<void> Engine::on(MemberIndex peer, const Transactions& message, Now now) {
  const Mempool::Arrival arrival{now.monotonic_ms, suspicion_.patience_ms(now.monotonic_ms)};
  for (const TransactionPtr& transaction : message.items) {
    const bool wanted = is_wanted(transaction->id);
    if (message.answer && !wanted) continue;
    // What was asked for serves its batch and is not held beyond it: nobody has looked whether it is on the ledger already, which a member that lacks old
    // blocks cannot tell by its mempool. It would propose it for ever, and the others refuse it.
    const bool held = !message.answer && mempool_.add(transaction, arrival, peer) != Admission::full && mempool_.find(transaction->id) != nullptr;
    if (!wanted) continue;
    if (!held) spare_bodies_[transaction->id] = transaction;
    body_arrived(transaction);
  }
  return {};
}

bool Engine::within_budget(MemberIndex peer, std::size_t bytes, Now now) {
  Peer& account = peers_[peer];
  if (now.monotonic_ms - account.budget_since_ms >= 1000) {
    account.budget_since_ms = now.monotonic_ms;
    account.served_bytes = 0;
  }
  if (account.served_bytes > kServedToPeerMax_bytes) return false;
  account.served_bytes += bytes;
  return true;
}

Result<void> Engine::on(MemberIndex peer, const FetchTransactions& message, Now now) {
  std::vector<TransactionPtr> found;
  std::size_t bytes = 0;
  for (const Hash& id : message.ids) {
    TransactionPtr body = find_body(id);
    if (!body) continue;
    bytes += weight(*body);
    found.push_back(std::move(body));
    if (bytes > limits::kBatchMax_bytes) break;
  }
  if (!within_budget(peer, bytes + 1024, now)) return refuse("a peer asks for more than it may in a second");
  send_transactions(peer, found, true);
  return {};
}

Result<void> Engine::on(MemberIndex, const PrePrepare& message, Now now) {
  replica_.receive(message, now);
  return {};
}
Result<void> Engine::on(MemberIndex, const Vote& message, Now now) {
  replica_.receive(message, now);
  return {};
}
Result<void> Engine::on(MemberIndex, const HeaderVote& message, Now now) {
  replica_.receive(message, now);
  return {};
}
Result<void> Engine::on(MemberIndex, const ViewChange& message, Now now) {
  replica_.receive(message, now);
  return {};
}
Result<void> Engine::on(MemberIndex, const NewView& message, Now now) { return replica_.receive(message, now); }

Result<void> Engine::on(MemberIndex peer, const MemberStatus& message, Now now) {
  peers_[peer].heard = true;
  block_sync_.peer_certified(peer, message.stable ? message.stable->header.height : 0);
  if (message.stable) replica_.learn(*message.stable, now);
  for (const PeerFrame& frame : replica_.missing_at(message, now, kResendAge_ms)) {
    send(peer, frame);
    ++counters_.retransmitted;
  }
  help_stuck(message, now);
  return {};
}

// A member that asked alone for a later view takes part in nothing until the others come along: after a while they do, at a price of one
// short change of primary. Less and less often for the same member, so that a faulty one gains little: the wait doubles with each time, and is
// halved again only after the member was well for twice as long.
void Engine::help_stuck(const MemberStatus& message, Now now) {
  Peer& peer = peers_[message.sender];
  const bool stuck = !message.active && replica_.active() && message.view > replica_.view() &&
                     message.view <= replica_.view() + context_.members.size();
  if (!stuck) {
    peer.stuck_since_ms = -1;
    if (peer.well_since_ms < 0) peer.well_since_ms = now.monotonic_ms;
    if (now.monotonic_ms - peer.well_since_ms >= kWellTimes * peer.help_after_ms) {
      peer.help_after_ms = std::max(peer.help_after_ms / 2, config_.stuck_help_ms);
      peer.well_since_ms = now.monotonic_ms;
    }
    return;
  }
  peer.well_since_ms = -1;
  if (peer.stuck_since_ms < 0) peer.stuck_since_ms = now.monotonic_ms;
  if (now.monotonic_ms - peer.stuck_since_ms < peer.help_after_ms) return;
  peer.help_after_ms = std::min(2 * peer.help_after_ms, kHelpMax_ms);
  peer.stuck_since_ms = -1;
  replica_.start_view_change(message.view, now);
}

Result<void> Engine::on(MemberIndex peer, const SyncRequest& message, Now now) {
  if (!within_budget(peer, kSyncReserved_bytes, now)) return refuse("a peer asks for more than it may in a second");
  if (message.from > replica_.executed_height() || message.from < own_offers_.first_block) {
    send(peer, {SyncResponse{message.from, {}, {}, own_offers_.first_block}});   // it cannot know what was pruned here
    return {};
  }
  output_.reads.push_back({peer, message.from, std::min(message.to, message.from + kSyncBlocksMax - 1)});
  return {};
}

void Engine::blocks_read(MemberIndex peer, Height from, std::vector<SyncBlock> blocks, HeaderChain chain, Now now) {
  SyncResponse answer{from, {}, {}, own_offers_.first_block};
  std::size_t bytes = 0, count = 0;
  for (const SyncBlock& block : blocks) {
    for (const Transaction& transaction : block.transactions) bytes += weight(transaction);
    bytes += 1024 + block.batch.transactions.size() * sizeof(Hash);
    if (count > 0 && (bytes > kSyncAnswerMax_bytes || count >= kSyncBlocksMax)) break;
    ++count;
  }
  // What is too much proves the rest with its headers, if need be.
  if (count > 0 && blocks[count - 1].certificate.signatures.empty()) {
    for (std::size_t i = count; i < blocks.size(); ++i) {
      answer.chain.headers.push_back(std::move(blocks[i].header));
      answer.chain.certificate = std::move(blocks[i].certificate);
      if (!answer.chain.certificate.signatures.empty()) break;
    }
    if (answer.chain.certificate.signatures.empty()) {
      answer.chain.certificate = std::move(chain.certificate);
      std::move(chain.headers.begin(), chain.headers.end(), std::back_inserter(answer.chain.headers));
    }
  }
  blocks.resize(count);
  answer.blocks = std::move(blocks);
  std::size_t& served = peers_[peer].served_bytes;
  served -= std::min(served, kSyncReserved_bytes - std::min(kSyncReserved_bytes, bytes));
  send(peer, {std::move(answer)});
  work(now);
}

Result<void> Engine::on(MemberIndex peer, SyncResponse& message, Now now) {
  const Height from = message.from;
  if (message.first_block > 0) block_sync_.peer_first(peer, message.first_block);
  const Height last = from + message.blocks.size() - 1;
  // Only our own execution tells who the members of the blocks above were.
  const bool early = message.cut && replica_.executed_height() < last;
  if (early) resume_sync_at_ = resume_sync_at_ > replica_.executed_height() ? std::min(resume_sync_at_, last) : last;
  // It was asked for certificates, and has none of them either.
  const bool useless = !message.blocks.empty() && last <= replica_.handed() && std::none_of(message.blocks.begin(), message.blocks.end(), [&](const SyncBlock& block) {
    return !block.certificate.signatures.empty() && !replica_.has_certificate(block.header.height);
  });
  if (message.blocks.empty() || useless) {
    block_sync_.nothing(peer, from, !early, now.monotonic_ms);
  } else {
    block_sync_.arrived(peer, from, last, now.monotonic_ms);
    held_.insert_or_assign(from, std::move(message));
  }
  return {};
}

// In order of their heights, whatever order they came in.
void Engine::hand_over_held(Now now) {
  while (!held_.empty() && held_.begin()->first <= replica_.handed() + 1) {
    auto first = held_.extract(held_.begin());
    hand_over(first.mapped(), now);
  }
}

void Engine::hand_over(SyncResponse& message, Now now) {
  for (SyncBlock& block : message.blocks) {
    const Height height = block.header.height;
    CertifiedHeader certified{std::move(block.header), std::move(block.certificate)};
    if (height <= replica_.handed()) {
      if (!certified.certificate.signatures.empty()) replica_.learn(certified, now);
      collect(now);
      continue;
    }
    if (height != replica_.handed() + 1 || (next_ && height >= next_->from_height)) break;
    for (const Transaction& transaction : block.transactions) {
      if (!is_wanted(transaction.id)) continue;
      const auto body = std::make_shared<const Transaction>(transaction);
      spare_bodies_[transaction.id] = body;
      body_arrived(body);
    }
    mempool_.commit(block.batch.transactions);
    last_block_ms_ = now.monotonic_ms;
    ++counters_.blocks_synced;
    output_.execute.push_back({std::move(block.batch), std::move(block.transactions), certified.header});
    replica_.handed_by_sync(certified, now);
    collect(now);
  }
}

void Engine::send(std::optional<MemberIndex> to, const PeerFrame& frame) {
  if ((!to && (context_.members.size() == 1 || !is_member())) || (to && !connected_[*to])) return;
  output_.sends.push_back({to, std::make_shared<const Bytes>(encode_frame(frame, epoch())), epoch()});
}

void Engine::send_transactions(std::optional<MemberIndex> to, const std::vector<TransactionPtr>& transactions, bool answer) {
  Transactions chunk{{}, answer};
  std::size_t bytes = 0;
  for (const TransactionPtr& transaction : transactions) {
    const std::size_t size = weight(*transaction);
    if (!chunk.items.empty() && (bytes + size > kFrameChunk_bytes || chunk.items.size() >= limits::kBatchTransactionsMax)) {
      send(to, {std::exchange(chunk, Transactions{{}, answer})});
      bytes = 0;
    }
    bytes += size;
    chunk.items.push_back(transaction);
  }
  if (!chunk.items.empty()) send(to, {std::move(chunk)});
}

void Engine::send_status(std::optional<MemberIndex> to) {
  if (is_member() && (!to || *to < context_.members.size())) send(to, {replica_.status()});
}

void Engine::flush_gossip() {
  if (!gossip_.empty()) send_transactions(std::nullopt, std::exchange(gossip_, {}));
}

}  // namespace agiddi::consensus
