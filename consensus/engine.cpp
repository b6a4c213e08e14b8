#include "consensus/engine.h"

#include <algorithm>

#include "protocol/check.h"

namespace agiddi::consensus {
namespace {

constexpr Height kBacklogExcused = limits::kWindowHeights / 2;  // so far behind, this member does not blame the primary
constexpr Height kSyncBacklogMax = 4 * kSyncBlocksMax;          // blocks that are asked for, held, or wait for the apply lane
constexpr Height kCertificatesBehindMax = 512;                   // blocks above one without a certificate before that is given up
constexpr std::int64_t kEpochEndPatience_ms = 3'000;
constexpr std::size_t kForwardMax = 256;                        // overdue transactions handed to the primary again at a time
constexpr std::size_t kRipeBatch_bytes = 512 * 1024;
constexpr std::size_t kEnough = 64;            // transactions, doubled with each batch under way
constexpr std::size_t kDelayDoublingsMax = 4;
constexpr std::int64_t kGossipDelay_ms = 4;
constexpr std::size_t kGossipEnough = 64;
constexpr std::int64_t kOffersInterval_ms = 10'000;
constexpr TimeMs kExpiredSlack_ms = 30'000;
// A member says where it stands at least every status interval. Who was silent for longer than this is not in reach: before a silent cut makes us
// doubt a primary (so less than the request timeout, and one status may be lost or late), and before clients are sent elsewhere (a busy machine may be slow).
constexpr std::int64_t kQuietForDoubt_half_statuses = 5;
constexpr std::int64_t kQuietForClients_half_statuses = 12;

ReplicaConfig replica_config(const EngineConfig& config, const SigningContext& context, const Mempool& mempool) {
  return {context, config.self, config.genesis_timestamp, [&mempool](const Hash& id) { return mempool.recently_committed(id); },
          config.heartbeat_interval_ms, config.test_faults};
}

// The epoch of the last applied block, or a later one in which something was promised already.
EngineConfig in_its_epoch(EngineConfig config, const Identify& identify, const Restored& restored) {
  if (config.epochs.empty()) config.epochs = {{0, config.members}};
  const MemberEpoch* start = nullptr;
  const std::uint64_t logged = logged_epoch(restored.log);
  for (const MemberEpoch& epoch : config.epochs) {
    if (epoch.from_height <= std::max<Height>(restored.applied, 1) || epoch.members.epoch() <= logged) start = &epoch;
  }
  AGIDDI_CHECK(start != nullptr && start->members.epoch() >= logged, "the epochs reach from the last applied block to what the log holds");
  config.members = start->members;
  config.self = identify(config.members).self.value_or(kNoMember);
  return config;
}

}  // namespace

Engine::Engine(EngineConfig config, std::shared_ptr<const Authenticator> authenticator, Restored restored, Now now)
    : Engine(config, [self = config.self, authenticator](const MemberSet&) { return EpochIdentity{self, authenticator}; }, std::move(restored), now) {}

Engine::Engine(EngineConfig config, Identify identify, Restored restored, Now now)
    : identify_(std::move(identify)),
      config_(in_its_epoch(std::move(config), identify_, restored)),
      context_{config_.network, config_.members, config_.test_faults.quorum_too_small ? 1u : 0u, {}, config_.test_faults},
      authenticator_(identify_(config_.members).authenticator),
      restored_log_(logged_epoch(restored.log) == config_.members.epoch() ? restore_log(restored.log, limits::kMembersMax) : RestoredLog{}),
      mempool_(config_.mempool),
      replica_(replica_config(config_, context_, mempool_), authenticator_,
               ReplicaStart{restored_log_, restored.applied, std::move(restored.certified), std::move(restored.uncertified)}, now),
      suspicion_(config_.request_timeout_ms, config_.view_change_timeout_ms, config_.timeout_cap_ms),
      block_sync_(peer_slots(), config_.self, config_.sync_patience_ms, config_.sync_timeout_ms),
      snapshot_sync_(config_.snapshots, context_.members.size(), peer_slots(), config_.self),
      epoch_sync_(peer_slots(), config_.sync_timeout_ms),
      proven_(config_.proven),
      connected_(peer_slots(), false),
      peers_(peer_slots()),
      now_ms_(now.monotonic_ms),
      next_status_ms_(now.monotonic_ms),
      last_block_ms_(now.monotonic_ms) {
  if (is_member()) connected_[config_.self] = true;
  tabulate_epochs();
  if (logged_epoch(restored.log) != epoch()) {
    // What was promised in an epoch that is over here binds nobody any more.
    for (const LogRecord& record : restored.log) output_.persist.push_back({record.key, std::nullopt});
    output_.persist.push_back(log_view({0, true, std::nullopt, epoch()}));
  }
  if (const MemberEpoch* next = known_epoch(epoch() + 1)) decided(MemberEpoch(*next));
  mempool_.share_among(context_.members.faults() + 1);
  mempool_.commit(restored.recent_transactions);
  for (Peer& peer : peers_) peer.help_after_ms = config_.stuck_help_ms;
  const Height low = std::min(replica_.stable(), replica_.executed_height());
  for (auto& [height, restored_bodies] : std::exchange(restored_log_, {}).bodies) {
    LoggedBodies& logged = logged_bodies_[height];
    logged.keys = std::move(restored_bodies.keys);
    for (const TransactionPtr& transaction : restored_bodies.transactions) {
      logged.ids.insert(transaction->id);
      body_index_.insert_or_assign(transaction->id, IndexedBody{transaction, height});
    }
  }
  for (const auto& [height, message] : std::map(logged_bodies_)) {
    if (height <= low) forget_bodies(height);
  }
  suspicion_.view_entered(now.monotonic_ms);
  work(now);
}

Admission Engine::submit(Transaction transaction, Now now) {
  auto held = std::make_shared<const Transaction>(std::move(transaction));
  const Admission admission = mempool_.add(held, {now.monotonic_ms, suspicion_.patience_ms(now.monotonic_ms)});
  if (admission == Admission::accepted) {
    body_arrived(held);
    if (gossip_.empty()) gossip_since_ms_ = now.monotonic_ms;
    gossip_.push_back(std::move(held));
  }
  work(now);
  return admission;
}

void Engine::peer_connected(MemberIndex peer, Now now) {
  AGIDDI_CHECK(peer < connected_.size() && peer != config_.self, "connections are to other members");
  connected_[peer] = true;
  peers_[peer].heard_ms = now.monotonic_ms;
  if (is_member() && peer == replica_.primary()) mempool_.forget_forwarding();
  send_offers(peer);  // before the status, which shows how far ahead we are: so a joiner does not begin with blocks
  send_status(peer);
  if (!is_member() || peer >= context_.members.size()) send_notice(peer, now);
  if (const ViewChange* pending = replica_.pending_view_change(); pending != nullptr && peer < context_.members.size()) send(peer, {*pending});
  if (proven_ && behind_its_epoch()) send(peer, {EpochRequest{proven_->members.epoch()}});  // its offers come with the answer
  work(now);
}

void Engine::peer_disconnected(MemberIndex peer, Now now) {
  AGIDDI_CHECK(peer < connected_.size() && peer != config_.self, "connections are to other members");
  connected_[peer] = false;
  peers_[peer].noticed = 0;
  peers_[peer].heard = false;
  block_sync_.peer_gone(peer);
  snapshot_sync_.peer_gone(peer);
  epoch_sync_.peer_gone(peer);
  work(now);
}

void Engine::tick(Now now) { work(now); }

void Engine::executed(const BlockHeader& header, Now now, const std::optional<MemberEpoch>& next) {
  if (next && !next_ && next->members.epoch() > epoch()) decided(*next);
  replica_.executed(header, now);
  work(now);
}

void Engine::heartbeat_wanted(bool wanted, Now now) {
  if (wanted == heartbeat_wanted_) return;
  heartbeat_wanted_ = wanted;
  last_block_ms_ = std::max(last_block_ms_, now.monotonic_ms - config_.heartbeat_interval_ms);
  work(now);
}

void Engine::work(Now now) {
  now_ms_ = now.monotonic_ms;
  collect(now);
  supply_bodies(now);
  collect(now);
  if (epoch_is_over()) begin_epoch(now);
  enter_later_epoch(now);
  propose(now);
  if (gossip_is_ripe(now)) flush_gossip();
  suspect(now);
  sync(now);
  periodic(now);
  output_.wake_at_ms = next_wake(now);
}

void Engine::collect(Now now) {
  Ready ready = replica_.take_ready();
  if (ready.fatal && !output_.fatal) output_.fatal = std::move(ready.fatal);
  std::move(ready.persist.begin(), ready.persist.end(), std::back_inserter(output_.persist));
  if (ready.view_change_started) {
    ++counters_.view_changes;
    suspicion_.view_change_started(now.monotonic_ms);
  }
  if (ready.view_entered) {
    ++counters_.views_entered;
    suspicion_.view_entered(now.monotonic_ms);
    mempool_.release_in_flight();
    wanted_.clear();
  }
  for (const Batch& batch : ready.need_bodies) want(batch, now);
  if (!ready.messages.empty()) flush_gossip();  // bodies leave before the votes that need them
  for (const Message& message : ready.messages) send(message.to, message.frame);
  for (Batch& batch : ready.committed) {
    mempool_.commit(batch.transactions);
    suspicion_.progress(now.monotonic_ms, batch.transactions.size());
    last_block_ms_ = now.monotonic_ms;
    ++counters_.batches_committed;
    counters_.transactions_committed += batch.transactions.size();
    CommittedBatch out{std::move(batch), {}, std::nullopt};
    if (!out.batch.transactions.empty()) {
      const auto bodies = bodies_.find(out.batch.height);
      AGIDDI_CHECK(bodies != bodies_.end() && bodies->second.transactions.size() == out.batch.transactions.size(), "a committed batch has its bodies");
      for (const TransactionPtr& transaction : bodies->second.transactions) out.transactions.push_back(*transaction);
    }
    output_.execute.push_back(std::move(out));
  }
  for (CertifiedHeader& certified : ready.certified) output_.certified.push_back({certified.header.height, std::move(certified)});
  for (const Height height : ready.forgotten) forget_bodies(height);
}

// At once when nothing is in flight. Otherwise the primary is still busy with a batch, and what gathers meanwhile goes in one frame.
bool Engine::gossip_is_ripe(Now now) const {
  return gossip_.size() >= kGossipEnough || now.monotonic_ms - gossip_since_ms_ >= kGossipDelay_ms || replica_.uncommitted_proposals() == 0;
}

// Batches that were proposed and are not executed yet: where execution is what takes the time, they are what the next one waits for.
std::size_t Engine::under_way() const {
  const Height proposed = replica_.next_proposal() - 1;
  return proposed > replica_.executed_height() ? static_cast<std::size_t>(proposed - replica_.executed_height()) : 0;
}

// The more are under way, the longer a batch may wait to grow: a node that is short of processor time makes few large blocks, whose messages, syncs and
// headers cost each transaction less.
std::int64_t Engine::batch_delay_ms() const {
  const std::size_t doublings = std::min<std::size_t>(under_way(), kDelayDoublingsMax + 1);
  return doublings == 0 ? 0 : config_.batch_delay_ms << (doublings - 1);
}

bool Engine::batch_is_ripe(Now now) const {
  const std::size_t in_flight = under_way();
  if (in_flight == 0) return true;
  if (replica_.uncommitted_proposals() >= config_.pipeline_max) return false;
  const std::size_t enough = std::min<std::size_t>(limits::kBatchTransactionsMax, kEnough << std::min<std::size_t>(in_flight, 16));
  return mempool_.waiting() >= enough || mempool_.waiting_bytes() >= kRipeBatch_bytes ||
         now.monotonic_ms - *mempool_.oldest_waiting_ms() >= batch_delay_ms();
}

void Engine::propose(Now now) {
  while (replica_.can_propose()) {
    const std::size_t in_flight = replica_.uncommitted_proposals();
    if (mempool_.waiting() == 0) {
      const bool due = in_flight == 0 && (hurrying() || (heartbeat_wanted_ && now.monotonic_ms - last_block_ms_ >= config_.heartbeat_interval_ms));
      if (!due || !replica_.heartbeat_allowed(now)) return;
      replica_.propose({}, now);
    } else {
      if (!batch_is_ripe(now)) return;
      std::vector<Hash> ids = mempool_.select(limits::kBatchTransactionsMax, limits::kBatchMax_bytes);
      std::vector<TransactionPtr> bodies;
      mempool_.mark_in_flight(ids);
      // What came back by gossip while its batch is under way is not proposed twice.
      std::erase_if(ids, [&](const Hash& id) { return replica_.in_flight(id); });
      if (ids.empty()) continue;
      for (const Hash& id : ids) bodies.push_back(mempool_.find(id));
      const Height height = replica_.next_proposal();
      // Kept first: a member that is a quorum alone commits inside propose().
      keep_bodies(height, {}, std::move(bodies));
      const Batch batch = replica_.propose(std::move(ids), now);
      AGIDDI_CHECK(batch.height == height, "the proposal took the announced height");
      if (const auto kept = bodies_.find(height); kept != bodies_.end()) kept->second.digest = batch.digest();
    }
    ++counters_.batches_proposed;
    collect(now);
  }
}

bool Engine::quorum_in_reach(std::int64_t quiet_max_ms) const {
  std::size_t in_reach = is_member() ? 1 : 0;
  for (MemberIndex peer = 0; peer < context_.members.size(); ++peer) {
    in_reach += peer != config_.self && connected_[peer] && now_ms_ - peers_[peer].heard_ms <= quiet_max_ms;
  }
  return in_reach >= context_.quorum();
}

void Engine::suspect(Now now) {
  if (!is_member()) return;
  const bool reaches_quorum = quorum_in_reach(kQuietForDoubt_half_statuses * config_.status_interval_ms / 2);
  if (reaches_quorum && !reaches_quorum_) mempool_.forget_forwarding();   // what was sent into the cut is lost
  reaches_quorum_ = reaches_quorum;
  SuspicionInput input;
  input.active = replica_.active();
  input.view_change_quorum = replica_.view_change_quorum();
  input.cut_off = !reaches_quorum;
  input.behind = snapshot_sync_.active() || (block_sync_.waiting() && replica_.stable() > replica_.handed()) || replica_.stable() >= replica_.handed() + kBacklogExcused ||
                 replica_.handed() >= replica_.executed_height() + kBacklogExcused || replica_.window_full();
  input.primary_reachable = connected_[replica_.primary()];
  input.held = mempool_.size();
  if (const Mempool::Arrival* oldest = mempool_.oldest()) {
    input.oldest_held_ms = oldest->ms;
    input.oldest_held_patience_ms = oldest->patience_ms;
  }
  input.oldest_in_flight_ms = replica_.oldest_in_flight_ms();
  if (heartbeat_wanted_) input.heartbeat_due_ms = last_block_ms_ + config_.heartbeat_interval_ms;
  if (hurrying()) input.heartbeat_due_ms = last_block_ms_;
  if (config_.test_faults.never_suspects) return;
  if (context_.members.size() == 1 || !suspicion_.evaluate(input, now.monotonic_ms)) return;
  replica_.start_view_change(replica_.view() + 1, now);
  collect(now);
}

// Whether certificates below a later one have lacked for so long that they are at nobody any more, or never were: the votes for one block can all be
// lost with disks while a later one is certified. Who gives one now and then, as a liar may, does not make anybody wait longer. Many that lack are not
// waited for: what is certified above them would be too much to keep.
bool Engine::lacks_certificates(Now now) {
  const Height complete = replica_.complete(), here = replica_.certified_here();
  bool can_ask = false;
  for (MemberIndex peer = 0; peer < connected_.size(); ++peer) can_ask |= peer != config_.self && connected_[peer];
  if (here > complete + kCertificatesBehindMax) return true;
  if (here <= complete || !can_ask) {
    certificates_lack_since_ms_ = -1;
    return false;
  }
  if (certificates_lack_since_ms_ < 0 || complete >= certificates_lack_to_) {
    certificates_lack_since_ms_ = now.monotonic_ms;
    certificates_lack_to_ = here;
  }
  // At the end of an epoch nothing is ordered until its last block is known to be certified.
  const bool all_wait = next_ && here + 1 >= next_->from_height;
  return now.monotonic_ms - certificates_lack_since_ms_ >= (all_wait ? std::min(config_.gone_patience_ms, kEpochEndPatience_ms) : config_.gone_patience_ms);
}

void Engine::sync(Now now) {
  const bool learning = learn_epochs(now);
  if ((learning && !snapshot_sync_.active()) || later_epoch() != nullptr) {
    certificates_lack_since_ms_ = -1;   // nobody is asked for them
    return;
  }
  hand_over_held(now);
  watch_gone(now);
  if (lacks_certificates(now)) {
    if (auto skipped = replica_.skip_certificates(now)) {
      output_.skipped = std::move(skipped);
      collect(now);
    }
  }
  sync_snapshot(now);
  if (snapshot_sync_.active() || config_.test_faults.stuck_after_sync) return;
  if (next_ && replica_.complete() + 1 >= next_->from_height) return;   // the next epoch's blocks are for its Replica
  Height limit = replica_.executed_height() + kSyncBacklogMax;
  if (next_) limit = std::min(limit, next_->from_height - 1);
  if (replica_.executed_height() < resume_sync_at_) limit = std::min(limit, resume_sync_at_);
  // Blocks that are proven to be there; then certificates that others have of blocks that are here; then what somebody says he has.
  Height target = replica_.stable(), base = replica_.handed();
  if (base >= target) {
    target = std::max(replica_.stable(), noticed());
    if (const Height here = std::min(base, target); replica_.complete() < here) {
      base = replica_.complete();
      target = replica_.uncertified_to(here);
    }
  }
  for (const auto& [peer, request] : block_sync_.next(base, target, limit, connected_, now.monotonic_ms)) {
    send(peer, {request});
  }
}

void Engine::periodic(Now now) {
  if (now.monotonic_ms < next_status_ms_) return;
  next_status_ms_ = now.monotonic_ms + config_.status_interval_ms;
  notice_all(now);
  if (!is_member()) {
    // A guest is told of new snapshots when it asks.
    if (!proven_ || !snapshot_gain() || snapshot_sync_.finished() || now.monotonic_ms < next_offers_ms_) return;
    next_offers_ms_ = now.monotonic_ms + kOffersInterval_ms;
    for (MemberIndex peer = 0; peer < context_.members.size(); ++peer) send(peer, {EpochRequest{proven_->members.epoch()}});
    return;
  }
  send_status(std::nullopt);
  if (now.monotonic_ms >= next_offers_ms_) {
    next_offers_ms_ = now.monotonic_ms + kOffersInterval_ms;
    send_offers(std::nullopt);
  }
  if (const ViewChange* pending = replica_.pending_view_change()) send(std::nullopt, {*pending});
  // Half a minute longer than anybody would order it: clocks differ.
  for (const Hash& id : mempool_.drop_expired(now.wall_ms - kExpiredSlack_ms)) output_.expired.push_back(id);
  if (replica_.active() && !replica_.is_primary() && connected_[replica_.primary()]) {
    send_transactions(replica_.primary(), mempool_.take_overdue(now.monotonic_ms - config_.request_timeout_ms / 3, kForwardMax));
  }
}

std::int64_t Engine::next_wake(Now now) const {
  std::int64_t wake = next_status_ms_;
  const auto consider = [&](std::int64_t at) { wake = at > 0 ? std::min(wake, at) : wake; };
  consider(suspicion_.wake_at_ms());
  consider(block_sync_.wake_at_ms());
  consider(snapshot_sync_.wake_at_ms());
  consider(epoch_sync_.wake_at_ms());
  for (const auto& [height, wanted] : wanted_) consider(wanted.next_fetch_ms);
  if (!gossip_.empty()) consider(gossip_since_ms_ + kGossipDelay_ms);
  if (replica_.is_primary() && replica_.active()) {
    if (const auto oldest = mempool_.oldest_waiting_ms(); oldest && replica_.uncommitted_proposals() < config_.pipeline_max) {
      consider(*oldest + batch_delay_ms());
    }
    if (heartbeat_wanted_) consider(last_block_ms_ + config_.heartbeat_interval_ms);
    if (hurrying()) consider(now.monotonic_ms + 1);
  }
  return std::max(wake, now.monotonic_ms + 1);
}

Output Engine::take_output() {
  const std::int64_t wake = output_.wake_at_ms;
  Output out = std::exchange(output_, {});
  output_.wake_at_ms = wake;
  return out;
}

EngineStatus Engine::status() const {
  EngineStatus out;
  out.view = replica_.view();
  out.primary = replica_.primary();
  out.in_view_change = !replica_.active();
  out.syncing = snapshot_sync_.active() || (block_sync_.waiting() && replica_.stable() > replica_.complete()) || replica_.stable() >= replica_.handed() + kBacklogExcused || far_behind() ||
                replica_.handed() >= replica_.executed_height() + kBacklogExcused || behind_its_epoch();   // what the ledger shows is old then
  out.has_quorum = quorum_in_reach(kQuietForClients_half_statuses * config_.status_interval_ms / 2);
  std::size_t heard = is_member() ? 1 : 0;
  for (MemberIndex peer = 0; peer < context_.members.size(); ++peer) heard += peer != config_.self && connected_[peer] && peers_[peer].heard;
  out.heard_quorum = heard >= context_.quorum();
  out.executed = replica_.executed_height();
  out.certified = std::min(replica_.complete(), replica_.executed_height());
  out.committed = replica_.handed();
  out.mempool_transactions = mempool_.size();
  out.mempool_bytes = mempool_.bytes();
  out.in_flight = replica_.uncommitted_proposals();
  out.connected.assign(connected_.begin(), connected_.begin() + static_cast<std::ptrdiff_t>(context_.members.size()));
  out.epoch = epoch();
  out.is_member = is_member();
  out.blocks_gone = gone_;
  if (next_) out.epoch_ends = next_->from_height - 1;
  out.snapshot = snapshot_sync_.progress();
  out.snapshot_liars = snapshot_sync_.liars();
  out.epoch_proofs_refused = counters_.epoch_proofs_refused;
  for (const SnapshotAttestation& own : own_offers_.attestations) {
    if (snapshot_sync_.attested(own.height, own.id, true)) out.snapshot_attested = std::max(out.snapshot_attested, own.height);
    if (snapshot_sync_.contradicted(own.height, own.id)) out.snapshot_contradicted = own.height;
  }
  return out;
}

std::size_t Engine::memory_bytes() const {
  std::size_t bytes = replica_.memory_bytes() + mempool_.bytes() + snapshot_sync_.memory_bytes();
  for (const auto& [id, body] : body_index_) bytes += weight(*body.transaction);
  for (const auto& [id, body] : spare_bodies_) bytes += weight(*body);
  for (const auto& [from, answer] : held_) {
    for (const SyncBlock& block : answer.blocks) {
      for (const Transaction& transaction : block.transactions) bytes += weight(transaction);
    }
  }
  for (const auto& [height, wanted] : wanted_) bytes += (wanted.batch.transactions.size() + 2 * wanted.missing.size()) * sizeof(Hash);
  return bytes;
}

}  // namespace agiddi::consensus
