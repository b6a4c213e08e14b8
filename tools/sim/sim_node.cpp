#include "tools/sim/sim_node.h"

#include "consensus/frames.h"
#include "node/chain_duties.h"
#include "protocol/limits.h"
#include "tools/sim/cluster.h"

namespace agiddi::tools {

using namespace consensus;

namespace {

constexpr BytesView kNewViewKey = "c/new-view";
constexpr std::size_t kCachedTerms = 4096;

}  // namespace

SimNode::SimNode(Cluster& cluster, std::size_t place, Seat seat) : cluster_(cluster), place_(place), seat_(seat) {}

void SimNode::corrupt(std::unique_ptr<Liar> liar, std::vector<std::unique_ptr<Behaviour>> behaviours) {
  liar_ = std::move(liar);
  behaviours_ = std::move(behaviours);
}

Now SimNode::now() const {
  const std::int64_t ms = cluster_.now_us() / 1000 + 1;
  return {ms, kEpoch_ms + ms + skew_ms_};
}

void SimNode::later(std::int64_t delay_us, std::function<void()> action) {
  cluster_.after(delay_us, [this, incarnation = incarnation_, action = std::move(action)] {
    if (incarnation == incarnation_) guarded(action);
  });
}

// A write to a full disk ends the process.
void SimNode::guarded(const std::function<void()>& work) {
  try {
    work();
  } catch (const ProcessEnds& end) {
    crash(Crash::process, end.what());
  }
}

void SimNode::start() {
  AGIDDI_CHECK(!up(), "a node is started once");
  if (disk_.damaged()) {
    cluster_.timeline().event(cluster_.now_us(), place_, "finds its store damaged and begins with an empty one");
    disk_.wipe();
    snapshots_.wipe();
    cluster_.checkers().disk_lost(seat_);
  }
  try {
    install_pending();
    auto ledger = ledger::Ledger::open(disk_, cluster_.workload().genesis(), cluster_.genesis_state(), {.cached_terms = kCachedTerms});
    AGIDDI_CHECK(ledger.has_value(), "a simulated ledger opens");
    ledger_ = std::move(*ledger);
    node::keep_member_changes(*ledger_, *ledger_->snapshot(), 0);
  } catch (const ProcessEnds& end) {
    cluster_.timeline().event(cluster_.now_us(), place_, std::string("dies at its start: ") + end.what());
    disk_.ends_after(-1);
    return;
  }
  ++incarnation_;
  snapshot_ = ledger_->snapshot();
  cluster_.timeline().event(cluster_.now_us(), place_, "starts at height " + std::to_string(snapshot_->height()));
  if (correct()) cluster_.checkers().started(seat_, *snapshot_, cluster_.snapshot_policy().chunk_bytes);
  EngineConfig config = cluster_.engine_config(correct());
  const Genesis& genesis = cluster_.workload().genesis();
  config.proven = node::proven_epochs(snapshot_->state(), genesis).back();
  config.epochs = node::known_epochs(*snapshot_, genesis);
  proven_epoch_ = config.proven->members.epoch();
  for (const auto& behaviour : behaviours_) behaviour->configure(config);
  engine_ = std::make_unique<Engine>(
      std::move(config), [this](const MemberSet& members) { return cluster_.identify(seat_, members); }, node::restored_from(*ledger_, *snapshot_), now());
  enter_epoch();
  if (liar_) lie();
  guarded([&] {
    engine_->heartbeat_wanted(subservices::heartbeat_wanted(*snapshot_), now());
    drain();
    offer_snapshots();
  });
}

std::optional<Seat> SimNode::seat_at(MemberIndex index, std::uint64_t epoch) const {
  const auto set = sets_.find(epoch);
  if (set == sets_.end()) return std::nullopt;
  const MemberSet& members = set->second;
  return index < members.size() ? seat_of(members[index]) : index - members.size();
}

MemberIndex SimNode::index_of(Seat seat) const {
  const MemberSet& members = engine_->signing_context().members;
  return static_cast<MemberIndex>(index_in(members, seat).value_or(members.size() + seat));
}

// Of the Engine's present epoch.
void SimNode::enter_epoch() {
  const MemberSet& members = engine_->signing_context().members;
  sets_[engine_->epoch()] = members;
  while (sets_.size() > 2) sets_.erase(sets_.begin());
  if (!liar_) return;
  liar_->engine = engine_->is_member() ? engine_.get() : nullptr;
  liar_->context = engine_->signing_context();
  liar_->authenticator = engine_->authenticator();
  liar_->self = index_of(seat_);
}

void SimNode::announce_links() {
  for (const Seat peer : linked_) engine_->peer_connected(index_of(peer), now());
}

void SimNode::crash(Crash kind, const std::string& why) {
  AGIDDI_CHECK(up(), "only a running node crashes");
  cluster_.timeline().event(cluster_.now_us(), place_, (kind == Crash::power ? "loses its power: " : "dies: ") + why);
  cluster_.count(engine_->counters());
  ++incarnation_;
  if (kind == Crash::power) disk_.power_fails();
  // What was under way may have reached the disk: a block, then the log, in this or the other order.
  try {
    const bool block_first = cluster_.random().chance(500);
    const auto block = [&] {
      if (applying_ && cluster_.random().chance(500)) apply_front();
    };
    if (block_first) block();
    if (cluster_.random().chance(500)) persist(syncing_);
    if (!block_first) block();
  } catch (const ProcessEnds&) {
  }
  if (kind == Crash::power) disk_.power_lost(cluster_.random());
  if (liar_) liar_->engine = nullptr;
  engine_.reset();
  ledger_.reset();
  sets_.clear();
  linked_.clear();
  due_.reset();
  syncing_.clear();
  waiting_.clear();
  to_apply_.clear();
  applying_ = false;
  wake_at_us_ = -1;
  busy_until_us_ = 0;
  cluster_.went_down(place_);
}

void SimNode::input(const std::function<void(Engine&, Now)>& verb) {
  if (!up()) return;
  verb(*engine_, now());
  drain();
  if (correct() && ++calls_ % 64 == 0) cluster_.checkers().memory(seat_, engine_->memory_bytes(), engine_->late_body_bytes());
}

void SimNode::deliver(Seat from, bool from_correct, const std::shared_ptr<const PeerFrame>& frame) {
  if (!up()) return;
  if (slow_us_ == 0 && busy_until_us_ <= cluster_.now_us()) return guarded([&] { take(from, from_correct, *frame); });
  busy_until_us_ = std::max(busy_until_us_, cluster_.now_us()) + slow_us_;
  later(busy_until_us_ - cluster_.now_us(), [this, from, from_correct, frame] { take(from, from_correct, *frame); });
}

void SimNode::take(Seat from, bool from_correct, const PeerFrame& frame) {
  PeerFrame copy = frame;
  if (liar_ && liar_->engine) {
    liar_->now = now();
    for (const auto& behaviour : behaviours_) {
      if (!behaviour->incoming(index_of(from), copy, *liar_)) return;
    }
  }
  const bool trusting = cluster_.options().driver_faults.transactions_unverified && correct();
  const bool authentic = node::check_transactions(copy, *snapshot_, cluster_.workload().genesis().network, now().wall_ms,
                                                  [&](const Transaction& one) { return trusting || verify_once(one); });
  const auto refused = [&](const std::string& reason) {
    cluster_.timeline().event(cluster_.now_us(), place_, "refuses a frame of " + std::to_string(from) + ": " + reason);
    // An answer may come too late, and who is asked or told of blocks may have changed with the epoch.
    if (!correct() || !from_correct || std::holds_alternative<SyncResponse>(frame.content) || std::holds_alternative<SnapshotPart>(frame.content)) return;
    if (!is_epoch_bound(frame) || frame.epoch != engine_->epoch()) return;
    cluster_.checkers().fail("node " + std::to_string(seat_) + " refused a correct member's message: " + reason + ": " + describe(frame));
  };
  if (!authentic) {
    // A frame that is refused before the Engine sees it is as if it never came.
    return refused("a transaction in it is not authentic");
  }
  if (auto* answer = std::get_if<SyncResponse>(&copy.content)) drop_unknown_epochs(*answer, engine_->signing_context());
  input([&](Engine& engine, Now at) {
    if (auto ok = engine.receive(index_of(from), std::move(copy), at); !ok) refused(ok.error().detail);
  });
}

void SimNode::link(Seat peer, bool connected) {
  connected ? (void)linked_.insert(peer) : (void)linked_.erase(peer);
  guarded([&] {
    input([&](Engine& engine, Now at) { connected ? engine.peer_connected(index_of(peer), at) : engine.peer_disconnected(index_of(peer), at); });
  });
}

// A node that is no member takes no writes.
void SimNode::submit(const Transaction& transaction) {
  if (!engine_->is_member()) return;
  guarded([&] {
    input([&](Engine& engine, Now at) { engine.submit(transaction, at); });
  });
}

void SimNode::drain() {
  Pending pending;
  pending.output = engine_->take_output();
  wake(pending.output.wake_at_ms);
  if (pending.output.fatal) {
    const std::string text = "node " + std::to_string(seat_) + " stops: " + *pending.output.fatal;
    if (correct()) return cluster_.checkers().fail(text);
    disk_.damage();
    throw ProcessEnds("fell for its own lies");
  }
  pending.applied = snapshot_->height();
  pending.stable = engine_->replica().stable();
  const bool epoch_begun = pending.output.epoch_begun;
  if (epoch_begun) {
    enter_epoch();
    cluster_.timeline().event(cluster_.now_us(), place_, "begins epoch " + std::to_string(engine_->epoch()) + (engine_->is_member() ? "" : ", no member in it"));
  }
  for (const Send& one : pending.output.sends) {
    auto frame = decode_frame(*one.frame, limits::kMembersMax);
    if (!frame && !correct()) continue;   // too much in it: what goes beyond the window outgrows a Status
    AGIDDI_CHECK(frame.has_value(), "our own frames can be decoded");
    if (const auto* request = std::get_if<SnapshotRequest>(&frame->content); request != nullptr && correct()) cluster_.checkers().asks_for_snapshot(seat_, request->id);
    Message message{{}, std::make_shared<const PeerFrame>(std::move(*frame))};
    if (one.to) {
      if (const auto to = seat_at(*one.to, one.epoch)) message.to.push_back(*to);
    } else if (const auto set = sets_.find(one.epoch); set != sets_.end()) {
      for (const Member& member : set->second.all()) message.to.push_back(seat_of(member));
    }
    std::erase(message.to, seat_);
    pending.messages.push_back(std::move(message));
  }
  pending.output.sends.clear();
  for (const ReadRequest& read : pending.output.reads) pending.block_readers.push_back(*seat_at(read.peer, engine_->epoch()));
  for (const EpochRead& read : pending.output.epoch_reads) pending.epoch_readers.push_back(*seat_at(read.peer, engine_->epoch()));
  for (const SnapshotRead& read : pending.output.snapshot_reads) pending.part_readers.push_back(*seat_at(read.peer, engine_->epoch()));
  if (correct() && !epoch_begun) {
    for (const consensus::LogWrite& write : pending.output.persist) {
      if (write.key != kNewViewKey || !write.value) continue;
      if (const auto entered = decode_new_view(*write.value, limits::kMembersMax)) {
        cluster_.checkers().entered(seat_, engine_->epoch(), *entered, cluster_.workload().genesis().created);
      }
    }
  }
  if (cluster_.options().driver_faults.send_before_persist) {
    send(pending);
    pending.messages.clear();
  }
  waiting_.push_back(std::move(pending));
  flush();
  if (!epoch_begun) return;
  announce_links();
  drain();
}

void SimNode::wake(std::int64_t at_ms) {
  const std::int64_t at_us = std::max((at_ms - 1) * 1000, cluster_.now_us() + 1);
  if (wake_at_us_ >= 0 && wake_at_us_ <= at_us) return;
  wake_at_us_ = at_us;
  later(at_us - cluster_.now_us(), [this, at_us] {
    if (wake_at_us_ != at_us) return;
    wake_at_us_ = -1;
    input([](Engine& engine, Now at) { engine.tick(at); });
  });
}

// What proves a member set, and the certificates, are on disk before anything that rests on them.
void SimNode::keep_proofs(const Output& output) {
  if (output.skipped) {
    const Height height = output.skipped->header.height;
    cluster_.timeline().event(cluster_.now_us(), place_, "gives up the certificates below height " + std::to_string(height));
    if (auto ok = node::skip_certificates(*ledger_, *ledger_->snapshot(), *output.skipped); !ok && correct()) {
      return cluster_.checkers().fail("node " + std::to_string(seat_) + " stops: " + ok.error().detail);
    }
    if (correct()) cluster_.checkers().certified(seat_, *output.skipped);
    snapshot_ = ledger_->snapshot();
    later(cluster_.random().between(50, 500), [this] { offer_snapshots(); });
  }
  for (const CertifiedBlock& one : output.certified) {
    if (correct()) cluster_.checkers().certified(seat_, one.certified);
    ledger_->store_certificate(one.height, one.certified.certificate);
  }
  for (const ProvenEpoch& one : output.proven) {
    ledger_->store_member_change(one.epoch.members.epoch(), one.change);
    proven_epoch_ = one.epoch.members.epoch();
    cluster_.timeline().event(cluster_.now_us(), place_, "learns the members of epoch " + std::to_string(proven_epoch_));
    if (correct()) cluster_.checkers().learned(seat_, one.epoch);
  }
  if (!output.proven.empty()) snapshot_ = ledger_->snapshot();
}

void SimNode::persist(std::vector<Pending>& outputs) {
  for (const Pending& pending : outputs) keep_proofs(pending.output);
  std::vector<consensus::LogWrite> records;
  for (Pending& pending : outputs) std::move(pending.output.persist.begin(), pending.output.persist.end(), std::back_inserter(records));
  if (records.empty()) return;
  if (!cluster_.options().driver_faults.log_unsynced) return node::write_log(*ledger_, std::move(records));
  std::vector<ledger::LogWrite> writes;
  for (consensus::LogWrite& record : records) writes.push_back({std::move(record.key), std::move(record.value)});
  ledger_->log_write(writes, false);
}

// One write at a time, for all outputs that have come meanwhile; what they hold is released when it is on disk.
void SimNode::flush() {
  while (syncing_.empty() && !waiting_.empty() && waiting_.front().output.persist.empty()) {
    Pending pending = std::move(waiting_.front());
    waiting_.pop_front();
    keep_proofs(pending.output);
    release(pending);
  }
  if (!syncing_.empty() || waiting_.empty()) return;
  syncing_.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end()));
  waiting_.clear();
  later(cluster_.sync_latency_us() + slow_us_, [this] {
    persist(syncing_);
    auto done = std::exchange(syncing_, {});
    for (Pending& pending : done) release(pending);
    flush();
  });
}

void SimNode::send(const Pending& pending) {
  if (correct()) {
    const Sender sender{seat_, disk_, *snapshot_, pending.applied, pending.stable};
    for (const Message& one : pending.messages) {
      cluster_.checkers().sent(sender, *one.frame);
      for (const Seat to : one.to) cluster_.carry(place_, to, one.frame);
    }
    return;
  }
  Messages messages;   // of this epoch; a liar's last words in an older one, or as a guest, are true
  for (const Message& one : pending.messages) {
    for (const Seat to : one.to) {
      if (liar_->engine && one.frame->epoch == engine_->epoch()) {
        messages.push_back({index_of(to), one.frame});
      } else {
        cluster_.carry(place_, to, one.frame);
      }
    }
  }
  if (!liar_->engine) return;
  liar_->now = now();
  for (const auto& behaviour : behaviours_) behaviour->outgoing(messages, *liar_);
  post(std::move(messages));
}

// As bytes, so that what no decoder takes is refused as it would be.
void SimNode::post(Messages messages) {
  std::map<const PeerFrame*, std::shared_ptr<const PeerFrame>> decoded;
  for (const Addressed& one : messages) {
    const auto [entry, fresh] = decoded.try_emplace(one.frame.get());
    if (fresh) {
      PeerFrame lie = *one.frame;
      if (lie.epoch == 0) lie.epoch = engine_->epoch();   // made just now, or of the first epoch and said to be of this one
      if (auto frame = decode_frame(encode_frame(lie), limits::kMembersMax)) entry->second = std::make_shared<const PeerFrame>(std::move(*frame));
    }
    const auto to = seat_at(one.to, engine_->epoch());
    if (entry->second && to) cluster_.carry(place_, *to, entry->second);
  }
}

void SimNode::lie() {
  later(cluster_.random().between(20'000, 200'000), [this] {
    Messages messages;
    liar_->now = now();
    if (liar_->engine) {
      for (const auto& behaviour : behaviours_) behaviour->tick(messages, *liar_);
      post(std::move(messages));
    }
    lie();
  });
}

void SimNode::release(Pending& pending) {
  send(pending);
  for (CommittedBatch& batch : pending.output.execute) to_apply_.push_back(std::move(batch));
  if (!pending.output.certified.empty() || pending.output.skipped) {
    snapshot_ = ledger_->snapshot();
    for (const MemberEpoch& epoch : node::keep_member_changes(*ledger_, *snapshot_, proven_epoch_)) {
      proven_epoch_ = epoch.members.epoch();
      engine_->epoch_proven(epoch);
    }
    snapshot_ = ledger_->snapshot();
    make_snapshot();
    prune();
  }
  for (std::size_t i = 0; i < pending.output.reads.size(); ++i) {
    later(cluster_.random().between(100, 1000), [this, read = pending.output.reads[i], asker = pending.block_readers[i]] {
      input([&](Engine& engine, Now at) {
        auto [blocks, chain] = node::read_blocks(*snapshot_, read);
        engine.blocks_read(index_of(asker), read.from, std::move(blocks), std::move(chain), at);
      });
    });
  }
  for (std::size_t i = 0; i < pending.output.snapshot_reads.size(); ++i) {
    later(cluster_.random().between(100, 2000), [this, request = pending.output.snapshot_reads[i].request, asker = pending.part_readers[i]] {
      input([&](Engine& engine, Now at) { engine.snapshot_read(index_of(asker), snapshots_.read(request), at); });
    });
  }
  for (std::size_t i = 0; i < pending.output.epoch_reads.size(); ++i) {
    later(cluster_.random().between(100, 1000), [this, read = pending.output.epoch_reads[i], asker = pending.epoch_readers[i]] {
      input([&](Engine& engine, Now at) { engine.epochs_read(index_of(asker), read.above, node::read_member_changes(*snapshot_, read), at); });
    });
  }
  for (SnapshotStep& step : pending.output.snapshot_steps) take_step(step);
  apply_next();
}

// The front of to_apply_ becomes a block.
void SimNode::apply_front() {
  const CommittedBatch& next = to_apply_.front();
  auto executed = node::execute_committed(cluster_.executor(place_), next, *snapshot_);
  if (!executed) {
    if (correct()) return cluster_.checkers().fail("node " + std::to_string(seat_) + " stops: " + executed.error().detail);
    disk_.damage();
    throw ProcessEnds("fell for its own lies");
  }
  ledger_->apply(executed->apply);
  snapshot_ = ledger_->snapshot();
  if (correct()) cluster_.checkers().applied(seat_, executed->apply.block, executed->next_members, *snapshot_, cluster_.latest_time());
  next_members_ = executed->next_members;
  if (const std::uint64_t every = cluster_.snapshot_policy().every_blocks; every > 0 && snapshot_->height() % every == 0) due_ = snapshot_;
}

void SimNode::apply_next() {
  if (applying_ || to_apply_.empty()) return;
  applying_ = true;
  later(cluster_.apply_latency_us() + 4 * slow_us_, [this] {
    applying_ = false;
    const Height height = snapshot_->height();
    apply_front();
    if (snapshot_->height() == height) return;   // a check failed
    to_apply_.pop_front();
    cluster_.applied(*this);
    apply_next();
    input([&](Engine& engine, Now at) {
      engine.executed(snapshot_->header(), at, next_members_);
      engine.heartbeat_wanted(subservices::heartbeat_wanted(*snapshot_), at);
    });
  });
}

std::string SimNode::summary() const {
  std::string text = cluster_.timeline().name(place_) + ": ";
  if (!up()) return text + (disk_.full() ? "down, its disk is full" : "down");
  const EngineStatus status = engine_->status();
  return text + "applied " + std::to_string(snapshot_->height()) + ", committed " + std::to_string(status.committed) + ", certified " +
         std::to_string(status.certified) + ", stable " + std::to_string(engine_->replica().stable()) + (status.epoch > 0 ? ", epoch " + std::to_string(status.epoch) : "") +
         (status.is_member ? "" : " (no member)") + (snapshot_->first_block() > 1 ? ", first block " + std::to_string(snapshot_->first_block()) : "") + ", view " + std::to_string(status.view) +
         (status.in_view_change ? " (waiting)" : "") + ", held " + std::to_string(status.mempool_transactions) + ", in flight " +
         std::to_string(status.in_flight) + (status.has_quorum ? "" : ", no quorum") + (status.syncing ? ", syncing" : "");
}

}  // namespace agiddi::tools
