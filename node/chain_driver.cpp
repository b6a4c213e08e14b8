#include "node/chain_driver.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdlib>

#include "node/chain_duties.h"
#include "node/clocks.h"
#include "node/log.h"
#include "protocol/limits.h"
#include "subservices/door.h"
#include "subservices/governance/member_state.h"

namespace agiddi::node {
namespace {

constexpr std::size_t kCoreQueue = 16'384;
constexpr std::size_t kApplyQueue = 256;
constexpr auto kTick = std::chrono::milliseconds(5);

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
