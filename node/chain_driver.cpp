#include "node/chain_driver.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdlib>

#include "consensus/frames.h"
#include "consensus/verify.h"
#include "node/chain_duties.h"
#include "node/log.h"
#include "protocol/limits.h"
#include "subservices/door.h"
#include "subservices/governance/member_state.h"

namespace agiddi::node {
namespace {

constexpr std::size_t kCoreQueue = 16'384;
constexpr std::size_t kVerifyQueue = 4'096;
constexpr std::size_t kVoteMax_bytes = 2'048;
constexpr std::size_t kVotesHereMax = 4'000;     // of one sender in a second; one that is refused counts as a tenth of them
constexpr std::size_t kApplyQueue = 256;
constexpr std::size_t kFormerMembersMax = 16;                            // whose links are still taken
constexpr std::size_t kFramesOfMemberMax_bytes = 2 * limits::kPeerFrameMax_bytes;   // between a link and the core lane
constexpr auto kTick = std::chrono::milliseconds(5);

std::int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

consensus::Now clocks() {
  const auto monotonic = std::chrono::steady_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::milliseconds>(monotonic).count(), wall_ms()};
}

[[noreturn]] void die(const std::string& reason) {
  log_error("this replica is wrong about the chain and stops", {{"reason", reason}});
  std::abort();
}

Json block_event(const BlockHeader& header, const Hash& hash, std::size_t transactions) {
  return Json::object({{"height", header.height}, {"hash", hash.hex()}, {"timestamp", time_text(header.timestamp)},
                       {"transactions", static_cast<std::uint64_t>(transactions)}, {"stateDigest", header.state_digest.hex()}});
}

}  // namespace

// The answer to a submit on its way through the lanes: work that a stopping lane drops still gives one.
class ChainDriver::Answer {
 public:
  explicit Answer(Done done) : done_(std::move(done)) {}
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  ~Answer() {
    if (done_) done_(fail(Status::unavailable, "The node is stopping; ask another node."));
  }
  void give(Result<Outcome> outcome) { take()(std::move(outcome)); }
  Done take() { return std::exchange(done_, {}); }

 private:
  Done done_;
};

struct ChainDriver::Timer {
  explicit Timer(boost::asio::io_context& io) : timer(io) {}
  boost::asio::steady_timer timer;
};

std::string ChainDriver::EpochView::name_of(const PublicKey& key) const {
  const auto found = std::find_if(peers.begin(), peers.end(), [&](const Peer& peer) { return peer.key == key; });
  return found == peers.end() ? did_from_key(key) : found->name;
}

ChainDriver::ChainDriver(std::unique_ptr<NodeKeys> keys, ledger::Ledger& ledger, const NodeConfig& config, boost::asio::io_context& io,
                         Metrics& metrics, std::function<void()> restart)
    : keys_(std::move(keys)),
      ledger_(ledger),
      refused_frames_(metrics.counter("agiddi_peer_frames_refused_total", "Frames from peers that were malformed or not authentic.")),
      untaken_frames_(metrics.counter("agiddi_peer_frames_untaken_total", "Frames from peers that were well formed and not taken: late answers, what nobody asked for, what does not fit.")),
      executor_(keys_->genesis()),
      snapshot_(ledger.snapshot()),
      timer_(std::make_unique<Timer>(io)),
      network_(io, PeerNetwork::Handlers{
                       [this](const PublicKey& peer, Bytes& frame) {
                         auto charge = charge_frame(peer, frame.size());
                         if (!charge || verify_.depth() >= kVerifyQueue) return false;
                         if (take_vote(peer, frame, charge)) return true;
                         return verify_.post_always([this, peer, bytes = std::move(frame), charge = std::move(charge)] { on_frame(peer, bytes, charge); });
                       },
                       [this](const PublicKey& peer, bool) {
                         // By now the link may have been made anew, with another address or key of ours.
                         core_.post_always([this, peer] {
                           const auto index = index_of(peer);
                           if (!index) return;
                           network_.connected(peer) ? engine_->peer_connected(*index, clocks()) : engine_->peer_disconnected(*index, clocks());
                         });
                       }}),
      snapshots_(ledger, snapshot_folder_of(config.data_folder), config.ledger, metrics,
                 Snapshots::Hooks{
                     [this](std::vector<std::pair<std::uint64_t, Hash>> list, std::uint64_t first_block) {
                       core_.post_always([this, list = std::move(list), first_block]() mutable {
                         engine_->snapshots_here(std::move(list), first_block, clocks());
                       });
                       refresh_snapshot();
                     },
                     [this](const Hash& id, std::set<Hash> chunks) {
                       core_.post_always([this, id, chunks = std::move(chunks)] { engine_->snapshot_begun(id, chunks, clocks()); });
                     },
                     [this] { core_.post_always([this] { engine_->snapshot_stored(clocks()); }); },
                     [this](const Hash& id) { core_.post_always([this, id] { engine_->snapshot_failed(id, clocks()); }); },
                     std::move(restart)}),
      verify_("verify", kVerifyQueue, 2),
      core_("core", kCoreQueue, 1, [this] { flush(); }),
      apply_("apply", kApplyQueue, 1, [this] { settle_applied(); }) {
  consensus::EngineConfig engine;
  engine.network = keys_->genesis().network;
  keep_member_changes(ledger_, *snapshot(), 0);
  refresh_snapshot();
  const std::vector<MemberEpoch> proven = proven_epochs(snapshot()->state(), keys_->genesis());
  engine.epochs = known_epochs(*snapshot(), keys_->genesis());
  engine.proven = proven.back();
  proven_epoch_ = proven.back().members.epoch();
  decided_epoch_ = engine.epochs.back().members.epoch();
  engine.genesis_timestamp = keys_->genesis().created;
  engine.request_timeout_ms = config.consensus.request_timeout_ms;
  engine.heartbeat_interval_ms = config.consensus.heartbeat_ms;
  engine.snapshots.behind_min = config.ledger.snapshot_behind;
  // Who drops old blocks may as well never fetch them.
  if (config.ledger.keep_blocks > 0 && config.ledger.catch_up_blocks > 0) {
    engine.snapshots.catch_up_min = std::max(config.ledger.catch_up_blocks, config.ledger.keep_blocks);
  }
  engine.join_by_blocks = config.ledger.join_by_blocks;
  engine.archive = config.ledger.keep_blocks == 0;
  engine_ = std::make_unique<consensus::Engine>(std::move(engine), [this](const MemberSet& members) { return identify(members); }, restored_from(ledger_, *snapshot()), clocks());
  engine_->heartbeat_wanted(subservices::heartbeat_wanted(*snapshot()), clocks());

  hurry_to_rules();

  const MemberSet& members = engine_->signing_context().members;
  const std::string& own_id = config.id;
  self_ = Member{own_id, keys_->key()->public_key(), {}, ""};
  if (const auto place = keys_->place(members)) {
    self_ = members[place->index];
    keys_->use(*place);
    if (!own_id.empty() && own_id != self_.id) log_warn("the configuration's id is not this member's", {{"id", own_id}, {"member", self_.id}});
  } else {
    for (auto former = proven.rbegin(); former != proven.rend() && self_.id.empty(); ++former) {   // it may have been one
      if (const auto was = keys_->place(former->members)) self_.id = former->members[was->index].id;
    }
    if (self_.id.empty()) self_.id = "observer";
    log_warn("this node is no member: it follows the chain, votes on nothing and takes no writes until governance adds its key",
             {{"id", self_.id}, {"did", self_.did()}, {"epoch", members.epoch()}});
  }
  refresh_epoch_view();
  published_.store(std::make_shared<const Published>(Published{engine_->status(), epoch_}));
}

ChainDriver::~ChainDriver() { stop(); }

void ChainDriver::hurry_to_rules() {
  const auto view = snapshot();
  const auto rules = subservices::rules_after(subservices::StateView(view->state()), view->height());
  if (rules) engine_->hurry_to(rules->from_height() - 1, view->height(), clocks());
}

consensus::EpochIdentity ChainDriver::identify(const MemberSet& members) const {
  const auto place = keys_->place(members);
  if (!place) return {std::nullopt, consensus::make_ed25519_authenticator(keys_->key(), members)};
  return {static_cast<consensus::MemberIndex>(place->index), consensus::make_ed25519_authenticator(place->key, members)};
}

Result<void> ChainDriver::start(const NodeConfig& config) {
  const MemberSet members = this->members();
  for (const auto& [id, address] : config.peer_addresses) {
    if (members.index_of(id) < 0) log_warn("peer.addresses names nobody", {{"member", id}, {"address", address.text()}});
  }
  peer_addresses_ = config.peer_addresses;
  bootstrap_ = config.bootstrap;
  refresh_epoch_view();   // the core lane has nothing to do yet
  if (auto listening = network_.start(config.peer_listen); !listening) return listening;
  core_.post_always([] {});  // the first flush: what the restored Engine has to say
  snapshots_.start();
  arm_timer();
  return {};
}

void ChainDriver::stop() {
  if (stopping_.exchange(true)) return;
  network_.stop();
  snapshots_.stop();
  verify_.stop();
  core_.stop();
  apply_.stop();
  refuse_waiters(Error{Status::unavailable, "The node is stopping; ask another node.", {}});
}

void ChainDriver::arm_timer() {
  timer_->timer.expires_after(kTick);
  timer_->timer.async_wait([this](boost::system::error_code failure) {
    if (failure || stopping_) return;
    core_.post_always([this] { tick(); });
  });
}

void ChainDriver::tick() {
  engine_->tick(clocks());
  if (!stopping_) arm_timer();
}

TimeMs ChainDriver::now() const { return wall_ms(); }

ChainStatus ChainDriver::status() const {
  const auto published = published_.load();
  const auto view = snapshot();
  ChainStatus status;
  const MemberSet& members = published->epoch->context.members;
  status.network = keys_->genesis().network;
  status.node = self_.id;
  status.height = view->height();
  status.view = published->engine.view;
  status.primary = members[published->engine.primary].id;
  for (const Member& member : members.all()) {
    if (member.id != self_.id) status.peers.push_back({member.id, network_.connected(member.key)});
  }
  status.epoch = published->engine.epoch;
  status.is_member = published->engine.is_member;
  status.epoch_ends = published->engine.epoch_ends;
  if (!status.is_member) {   // it takes part in no view: what its latest block says
    status.view = view->header().view;
    status.primary = members[status.view % members.size()].id;
  }
  status.syncing = published->engine.syncing;
  status.has_quorum = published->engine.has_quorum && published->engine.heard_quorum;
  status.mempool = published->engine.mempool_transactions;
  return status;
}

std::optional<Outcome> ChainDriver::recorded(const Hash& transaction) const {
  const auto record = snapshot()->transaction(transaction);
  if (!record) return std::nullopt;
  return Outcome{record->height, record->timestamp, record->receipt};
}

void ChainDriver::submit(Transaction transaction, Done done) {
  if (stopping_) return done(fail(Status::unavailable, "The node is stopping; ask another node."));
  auto answer = std::make_shared<Answer>(std::move(done));
  const bool queued = core_.post([this, transaction = std::move(transaction), answer]() mutable { admit(std::move(transaction), answer->take()); });
  if (!queued) answer->give(fail(Status::overloaded, "This node is overloaded; try again shortly or ask another node."));
}

void ChainDriver::submit_own(std::string action, Json body, Done done) {
  submit(make_transaction(*keys_->key(), keys_->genesis().network, action, wall_ms() / 1000, body.dump()), std::move(done));
}

void ChainDriver::is_pending(const Hash& transaction, std::function<void(std::optional<bool>)> done) {
  const bool queued = core_.post([this, transaction, done] { done(engine_->holds(transaction) || waiters_.contains(transaction)); });
  if (!queued) done(std::nullopt);
}

void ChainDriver::admit(Transaction transaction, Done done) {
  const Hash id = transaction.id;
  if (auto outcome = recorded(id)) return done(std::move(*outcome));
  const Error gone{Status::conflict, "This document was executed in a block that this node does not have any more; its outcome stands, ask an archive node for it.", {}};
  if (subservices::came_before(*snapshot(), transaction)) return done(tl::unexpected(gone));
  if (!engine_->is_member()) return done(fail(Status::unavailable, "This node is no member of the network now and only reads; ask a member."));
  if (!engine_->status().has_quorum) {
    return done(fail(Status::unavailable, "This node sees no quorum of members now; try again shortly or ask another node."));
  }
  switch (engine_->submit(std::move(transaction), clocks())) {
    case consensus::Admission::full:
      return done(fail(Status::overloaded, "The mempool is full; try again shortly."));
    case consensus::Admission::committed:
      // Its block is still to be applied, or it was and is gone: then nobody will tell of it.
      if (const auto status = engine_->status(); status.executed >= status.committed) return done(tl::unexpected(gone));
      [[fallthrough]];
    case consensus::Admission::accepted:
    case consensus::Admission::duplicate:
      waiters_[id].push_back(std::move(done));
  }
}

void ChainDriver::refuse_waiters(const Error& error) {
  auto waiters = std::move(waiters_);
  waiters_.clear();
  for (auto& [id, list] : waiters) {
    for (Done& done : list) done(tl::unexpected(error));
  }
}

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
  if (!check_transactions(frame, *snapshot(), keys_->genesis().network, now(), verify_signature)) return refuse("a transaction in it is not authentic");
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

void ChainDriver::flush() {
  take_output();
  const consensus::EngineStatus status = engine_->status();
  if (const std::uint64_t certified = snapshot()->certified_height(); certified != seen_certified_) {
    seen_certified_ = certified;
    snapshots_.certified(certified, status.snapshot_attested);
  }
  watch_snapshots(status);
  if (status.in_view_change != was_in_view_change_) {
    was_in_view_change_ = status.in_view_change;
    log_info(status.in_view_change ? "view change begins" : "view entered", {{"view", status.view}, {"primary", epoch_->context.members[status.primary].id}});
  }
  published_.store(std::make_shared<const Published>(Published{status, epoch_}));
}

void ChainDriver::take_output() {
  consensus::Output output = engine_->take_output();
  if (output.fatal) die(*output.fatal);
  for (const consensus::ProvenEpoch& one : output.proven) {   // on disk with what speaks of them
    ledger_.store_member_change(one.epoch.members.epoch(), one.change);
    proven_epoch_ = one.epoch.members.epoch();
    decided_epoch_ = std::max(decided_epoch_, proven_epoch_);
    log_info("members learned", {{"epoch", proven_epoch_}, {"fromHeight", one.epoch.from_height}, {"decidedHeight", one.change.header.height}});
  }
  if (!output.proven.empty()) refresh_snapshot();
  if (output.skipped) {
    if (auto skipped = skip_certificates(ledger_, *snapshot(), *output.skipped); !skipped) die(skipped.error().detail);
    log_warn("certificates of some blocks are at nobody: the headers above prove them", {{"below", output.skipped->header.height}});
    refresh_snapshot();
    snapshots_.refresh();
  }
  if (!output.certified.empty()) {
    std::vector<std::pair<std::uint64_t, const QuorumCertificate*>> certificates;
    for (const consensus::CertifiedBlock& block : output.certified) certificates.emplace_back(block.height, &block.certified.certificate);
    ledger_.store_certificates(certificates);
    refresh_snapshot();
  }
  if (!output.persist.empty()) write_log(ledger_, std::move(output.persist));
  // The last votes of an epoch leave before its links end.
  const auto begun = std::find_if(output.sends.begin(), output.sends.end(), [&](const consensus::Send& one) { return one.epoch > epoch_->context.members.epoch(); });
  std::for_each(output.sends.begin(), begun, [&](const consensus::Send& one) { send(one); });
  if (output.epoch_begun) {
    begin_epoch();
  } else if (!output.proven.empty()) {
    refresh_epoch_view();   // to dial them, and so that the verify lane knows their keys
  }
  std::for_each(begun, output.sends.end(), [&](const consensus::Send& one) { send(one); });
  for (const Hash& id : output.expired) {
    const auto waiting = waiters_.extract(id);
    if (waiting.empty()) continue;
    for (const Done& done : waiting.mapped()) {
      done(fail(Status::conflict, "No block took the document within its time window (iat - 60 s to iat + 600 s); sign it anew with the present time."));
    }
  }
  for (consensus::CommittedBatch& batch : output.execute) {
    apply_.post_always([this, batch = std::move(batch)]() mutable { apply(std::move(batch)); });
  }
  if ((!output.certified.empty() || output.skipped) && proven_epoch_ < decided_epoch_) keep_proofs();
  for (const consensus::ReadRequest& request : output.reads) {
    const auto asker = key_at(request.peer, engine_->epoch());
    if (!asker) continue;
    verify_.post([this, request, asker = *asker] {
      ReadBlocks read = read_blocks(*snapshot(), request);
      core_.post_always([this, request, asker, read = std::move(read)]() mutable {
        if (const auto peer = index_of(asker)) engine_->blocks_read(*peer, request.from, std::move(read.blocks), std::move(read.chain), clocks());
      });
    });
  }
  for (const consensus::EpochRead& read : output.epoch_reads) {
    const auto asker = key_at(read.peer, engine_->epoch());
    if (!asker) continue;
    verify_.post([this, read, asker = *asker] {
      core_.post_always([this, above = read.above, asker, changes = read_member_changes(*snapshot(), read)]() mutable {
        if (const auto peer = index_of(asker)) engine_->epochs_read(*peer, above, std::move(changes), clocks());
      });
    });
  }
  for (const consensus::SnapshotRead& read : output.snapshot_reads) {
    const auto asker = key_at(read.peer, engine_->epoch());
    if (!asker) continue;
    const bool queued = verify_.post([this, request = read.request, asker = *asker] {
      core_.post_always([this, asker, part = snapshots_.read(request)]() mutable {
        if (const auto peer = index_of(asker)) engine_->snapshot_read(*peer, std::move(part), clocks());
      });
    });
    if (!queued) engine_->snapshot_read(read.peer, {read.request.id, read.request.part, {}, true, {}}, clocks());
  }
  for (consensus::SnapshotStep& step : output.snapshot_steps) snapshots_.take(std::move(step));
  if (output.epoch_begun) {
    for (const Peer& peer : epoch_->peers) {
      const auto index = index_of(peer.key);
      if (index && network_.connected(peer.key)) engine_->peer_connected(*index, clocks());
    }
    take_output();
  }
}

std::optional<consensus::MemberIndex> ChainDriver::index_of(const PublicKey& peer) const {
  if (peer == keys_->key()->public_key()) return std::nullopt;   // another process with this node's key: nothing of it is heard
  const MemberSet& members = engine_->signing_context().members;
  if (const int member = members.index_of(peer); member >= 0) return static_cast<consensus::MemberIndex>(member);
  const auto guest = std::find(epoch_->guests.begin(), epoch_->guests.end(), peer);
  if (guest == epoch_->guests.end()) return std::nullopt;
  return static_cast<consensus::MemberIndex>(members.size() + static_cast<std::size_t>(guest - epoch_->guests.begin()));
}

std::optional<PublicKey> ChainDriver::key_at(consensus::MemberIndex peer, std::uint64_t epoch) const {
  for (const auto& view : {epoch_, former_epoch_}) {
    if (!view || view->context.members.epoch() != epoch) continue;
    const MemberSet& members = view->context.members;
    if (peer < members.size()) return members[peer].key;
    if (peer - members.size() < view->guests.size()) return view->guests[peer - members.size()];
  }
  return std::nullopt;
}

void ChainDriver::send(const consensus::Send& send) {
  if (send.to) {
    if (const auto key = key_at(*send.to, send.epoch)) network_.send(*key, send.frame);
    return;
  }
  for (const auto& view : {epoch_, former_epoch_}) {
    if (!view || view->context.members.epoch() != send.epoch) continue;
    for (const Member& member : view->context.members.all()) network_.send(member.key, send.frame);
  }
}

// What decided the next member set, before its block can be dropped.
void ChainDriver::keep_proofs() {
  const auto kept = keep_member_changes(ledger_, *snapshot(), proven_epoch_);
  for (const MemberEpoch& epoch : kept) {
    proven_epoch_ = epoch.members.epoch();
    engine_->epoch_proven(epoch);
  }
  if (!kept.empty()) refresh_snapshot();
}

void ChainDriver::begin_epoch() {
  former_epoch_ = epoch_;
  const MemberSet& members = engine_->signing_context().members;
  const auto place = keys_->place(members);
  const bool was_member = engine_->signing_context().epochs != nullptr && former_epoch_->context.members.index_of(self_.id) >= 0;
  if (place) keys_->use(*place);
  refresh_epoch_view();
  std::string ids;
  for (const Member& member : members.all()) ids += (ids.empty() ? "" : " ") + member.id;
  log_info("epoch begun", {{"epoch", members.epoch()}, {"members", ids}});
  if (place && members[place->index].id != self_.id) {
    log_error("governance calls this node otherwise than its configuration does: set id and restart", {{"id", self_.id}, {"member", members[place->index].id}});
  }
  if (!place && members.index_of(self_.id) >= 0) {
    log_error("this member's key was rotated and the new one is not here: put it beside the present key file with the ending .next and restart",
              {{"member", self_.id}});
  } else if (!place && was_member) {
    log_warn("this node is no member any more: it follows the chain, votes on nothing and takes no writes", {{"member", self_.id}, {"epoch", members.epoch()}});
  }
  if (!place) refuse_waiters(Error{Status::unavailable, "This node is no member of the network any more; ask a member.", {}});
}

// The members in force, those that are decided or proposed, and former ones, which still follow. A member that rotates its key is dialled
// with the one in force and with the decided one; a proposed or former key is taken when it dials.
std::vector<Peer> ChainDriver::wanted_peers(const MemberSet& members) const {
  const auto view = snapshot();
  const subservices::StateView state(view->state());
  std::vector<Peer> peers;
  const PublicKey own = keys_->key()->public_key();
  const auto add = [&](const Member& member, bool decided) {
    const bool is_other_key = !decided && members.index_of(member.id) >= 0;
    const bool known = member.key == own || std::any_of(peers.begin(), peers.end(), [&](const Peer& peer) { return peer.key == member.key; });
    if (!known && peers.size() < members.size() + consensus::kGuestsMax) {
      const auto instead = peer_addresses_.find(member.id);
      const std::string address = instead == peer_addresses_.end() ? member.address : instead->second.text();
      peers.push_back({member.key, member.id, is_other_key || member.id == self_.id ? std::string() : address, {}});
    }
  };
  for (const Member& member : members.all()) add(member, true);
  for (const consensus::EpochKeys& epoch : *engine_->signing_context().epochs) {   // learned ones, that the state does not know yet
    if (epoch.members.epoch() <= members.epoch()) continue;
    for (const Member& member : epoch.members.all()) add(member, true);
  }
  // Present members by name: whoever knows only genesis may know none of them.
  for (const BootstrapPeer& one : bootstrap_) {
    if (one.key == own) continue;
    const auto known = std::find_if(peers.begin(), peers.end(), [&](const Peer& peer) { return peer.key == one.key; });
    if (known == peers.end()) {
      peers.push_back({one.key, did_from_key(one.key), one.address.text(), {}});
    } else if (known->address.empty()) {
      known->address = one.address.text();
    } else if (known->address != one.address.text()) {
      known->other_address = one.address.text();
    }
  }
  if (const auto next = subservices::decided_after(state, view->height())) {
    for (const Member& member : next->members.all()) add(member, true);
  }
  const MemberSet latest = subservices::epoch_record(state, subservices::latest_epoch(state)).members;
  for (const Member& member : latest.all()) add(member, true);
  for (const Member& member : subservices::proposed_members(state)) add(member, false);
  for (const Member& member : subservices::former_members(state, kFormerMembersMax)) add(member, false);
  return peers;
}

void ChainDriver::refresh_epoch_view() {
  const consensus::SigningContext& context = engine_->signing_context();
  auto fresh = std::make_shared<EpochView>(EpochView{context, engine_->authenticator(), wanted_peers(context.members), {}});
  const bool same_epoch = epoch_ && epoch_->context.members.epoch() == context.members.epoch();
  if (same_epoch) fresh->guests = epoch_->guests;
  const auto is_wanted_guest = [&](const PublicKey& key) {
    return context.members.index_of(key) < 0 && std::any_of(fresh->peers.begin(), fresh->peers.end(), [&](const Peer& peer) { return peer.key == key; });
  };
  // A guest keeps its number while it is one.
  for (std::size_t guest = 0; guest < fresh->guests.size(); ++guest) {
    if (fresh->guests[guest] == PublicKey{} || is_wanted_guest(fresh->guests[guest])) continue;
    engine_->peer_disconnected(static_cast<consensus::MemberIndex>(context.members.size() + guest), clocks());
    fresh->guests[guest] = PublicKey{};
  }
  for (const Peer& peer : fresh->peers) {
    if (!is_wanted_guest(peer.key) || std::find(fresh->guests.begin(), fresh->guests.end(), peer.key) != fresh->guests.end()) continue;
    const auto free = std::find(fresh->guests.begin(), fresh->guests.end(), PublicKey{});
    if (free != fresh->guests.end()) {
      *free = peer.key;
    } else if (fresh->guests.size() < consensus::kGuestsMax) {
      fresh->guests.push_back(peer.key);
    }
  }
  epoch_ = std::move(fresh);
  network_.set_peers(*keys_->key(), self_.id, epoch_->peers);
}

void ChainDriver::watch_snapshots(const consensus::EngineStatus& status) {
  if (status.snapshot_liars > known_liars_) {
    log_warn("a member sent parts of a snapshot that do not hold, and is not asked for snapshots again", {{"members", status.snapshot_liars}});
  }
  known_liars_ = status.snapshot_liars;
  if (status.blocks_gone && !known_gone_ && !status.snapshot && status.syncing) {
    log_error("the next blocks are at no connected member any more: connect an archive node, or empty the data folder to join by a snapshot",
              {{"applied", status.executed}});
  }
  known_gone_ = status.blocks_gone;
  if (status.snapshot_contradicted && status.snapshot_contradicted != known_contradiction_) {
    log_error("the other members agree on another snapshot than this node's: its triples or its dictionary are damaged; empty the data folder and let it join again",
              {{"height", *status.snapshot_contradicted}});
  }
  known_contradiction_ = status.snapshot_contradicted;
}

// Blocks come from the apply lane and certificates from the core lane: whoever is late must not take the other's work back.
void ChainDriver::refresh_snapshot() {
  // The fresh one is taken after the shown one was read: what another lane shows in between makes the exchange fail.
  for (auto shown = snapshot_.load(); !snapshot_.compare_exchange_strong(shown, ledger_.snapshot());) {
  }
}

// A block that is proven by what the others certified promises nothing of this node's: it is shown at once, and many of them share one sync.
void ChainDriver::apply(consensus::CommittedBatch batch) {
  const bool is_proven = batch.expected.has_value();
  auto outcome = execute_committed(executor_, std::move(batch), *snapshot());
  if (!outcome) die(outcome.error().detail);
  const subservices::ExecutedBlock& executed = *outcome;
  const BlockHeader header = executed.apply.block.header;
  ledger_.apply(executed.apply, is_proven ? ledger::Ledger::Sync::later : ledger::Ledger::Sync::now);
  refresh_snapshot();
  snapshots_.applied(snapshot());

  std::vector<std::pair<Hash, Outcome>> outcomes;
  for (const Receipt& receipt : executed.apply.block.receipts) outcomes.emplace_back(receipt.transaction, Outcome{header.height, header.timestamp, receipt});
  const bool heartbeat = subservices::heartbeat_wanted(*snapshot());
  const auto& transactions = executed.apply.block.transactions;
  const bool governance = std::any_of(transactions.begin(), transactions.end(), [](const Transaction& t) { return t.header.action.starts_with("governance."); });
  applied_.push_back({header, std::move(outcomes), heartbeat, executed.next_members, governance, !is_proven});
  if (!is_proven) settle_applied();
  publish(executed, header);
}

// The Engine hears of blocks that are on disk only.
void ChainDriver::settle_applied() {
  if (applied_.empty()) return;
  if (!applied_.back().synced) ledger_.sync();
  core_.post_always([this, applied = std::exchange(applied_, {})]() mutable {
    for (Applied& one : applied) on_applied(one);
  });
}

void ChainDriver::on_applied(Applied& applied) {
  auto& [header, outcomes, heartbeat, next, governance, synced] = applied;
  const bool news = next && next->members.epoch() > decided_epoch_;
  if (news) decided_epoch_ = next->members.epoch();
  engine_->executed(header, clocks(), next);
  if (news) log_info("members decided", {{"epoch", next->members.epoch()}, {"fromHeight", next->from_height}, {"decidedHeight", header.height}});
  // A new epoch that began just now refreshes with its output.
  if (governance) hurry_to_rules();
  if (governance && epoch_->context.members.epoch() == engine_->epoch()) refresh_epoch_view();
  engine_->heartbeat_wanted(heartbeat, clocks());
  for (auto& [id, outcome] : outcomes) {
    const auto found = waiters_.find(id);
    if (found == waiters_.end()) continue;
    for (Done& done : found->second) done(outcome);
    waiters_.erase(found);
  }
}

void ChainDriver::publish(const subservices::ExecutedBlock& executed, const BlockHeader& header) {
  const Hash hash = header.hash();
  std::vector<ChainEvent> events;
  events.push_back({"block", header.height, hash, Hash{}, block_event(header, hash, executed.apply.block.transactions.size())});
  for (const subservices::BlockEvent& event : executed.events) events.push_back({event.kind, header.height, event.subject, event.transaction, event.data});
  const std::lock_guard lock(listeners_mutex_);
  for (const auto& [handle, listener] : listeners_) listener(events);
}

std::uint64_t ChainDriver::subscribe(Listener listener) {
  const std::lock_guard lock(listeners_mutex_);
  listeners_.emplace(next_listener_, std::move(listener));
  return next_listener_++;
}

void ChainDriver::unsubscribe(std::uint64_t handle) {
  const std::lock_guard lock(listeners_mutex_);
  listeners_.erase(handle);
}

Result<Bytes> ChainDriver::open_sealed_key(BytesView sealed) const { return keys_->open(sealed); }
std::shared_ptr<const KeyPair> ChainDriver::signing_key() const { return keys_->key(); }

}  // namespace agiddi::node
