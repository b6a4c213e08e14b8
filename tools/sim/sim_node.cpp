#include "tools/sim/sim_node.h"

#include "consensus/frames.h"
#include "tools/sim/cluster.h"

namespace agiddi::tools {

using namespace consensus;

namespace {

constexpr TimeMs kEpoch_ms = 1'780'000'000'000;

}  // namespace

SimNode::SimNode(Cluster& cluster, std::size_t index, std::int64_t skew_ms, Hash members_digest)
    : cluster_(cluster), index_(index), skew_ms_(skew_ms), machine_("sim", members_digest) {}

Now SimNode::now() const {
  const std::int64_t ms = cluster_.now_us() / 1000 + 1;
  return {ms, kEpoch_ms + ms + skew_ms_};
}

void SimNode::start() {
  AGIDDI_CHECK(!up(), "a node is started once");
  ++incarnation_;
  Restored restored;
  for (const auto& [key, value] : log_) restored.log.push_back({key, value});
  machine_.restore_into(restored);
  cluster_.timeline().event(cluster_.now_us(), index_, "starts at height " + std::to_string(machine_.height()));
  EngineConfig config = cluster_.engine_config(index_);
  config.genesis_timestamp = kEpoch_ms - 10'000;
  engine_ = std::make_unique<Engine>(std::move(config), cluster_.authenticator(index_), std::move(restored), now());
  if (heartbeat_wanted_) engine_->heartbeat_wanted(true, now());
  drain();
}

void SimNode::crash() {
  AGIDDI_CHECK(up(), "only a running node crashes");
  cluster_.timeline().event(cluster_.now_us(), index_, "crashes");
  cluster_.count(engine_->counters());
  engine_.reset();
  ++incarnation_;
  // A write that was under way may have reached the disk; so may a block.
  if (cluster_.random().chance(500)) {
    for (const Output& output : syncing_) {
      for (const LogWrite& write : output.persist) write.value ? void(log_[write.key] = *write.value) : void(log_.erase(write.key));
    }
  }
  if (applying_ && cluster_.random().chance(500)) apply_front();
  syncing_.clear();
  waiting_.clear();
  to_apply_.clear();
  applying_ = false;
  wake_at_us_ = -1;
}

void SimNode::input(const std::function<void(Engine&, Now)>& verb) {
  if (!up()) return;
  verb(*engine_, now());
  drain();
  if (++calls_ % 64 == 0) cluster_.checkers().memory(index_, engine_->memory_bytes());
}

void SimNode::deliver(std::size_t from, const PeerFrame& frame) {
  if (!up()) return;
  PeerFrame copy = frame;
  // The driver's duty: what stands on the ledger is not handed over again.
  if (auto* gossip = std::get_if<Transactions>(&copy.content); gossip != nullptr && !gossip->answer) {
    std::erase_if(gossip->items, [&](const TransactionPtr& one) { return machine_.knows(one->id); });
  }
  input([&](Engine& engine, Now at) {
    if (auto ok = engine.receive(static_cast<MemberIndex>(from), std::move(copy), at); !ok) {
      cluster_.timeline().event(cluster_.now_us(), index_, "refuses a frame of " + std::to_string(from) + ": " + ok.error().detail);
      if (std::holds_alternative<SyncResponse>(frame.content)) return;  // the answer to a request that timed out
      cluster_.checkers().fail("node " + std::to_string(index_) + " refused a correct member's message: " + ok.error().detail + ": " + describe(frame));
    }
  });
}

void SimNode::link(std::size_t peer, bool connected) {
  input([&](Engine& engine, Now at) {
    if (connected) {
      engine.peer_connected(static_cast<MemberIndex>(peer), at);
    } else {
      engine.peer_disconnected(static_cast<MemberIndex>(peer), at);
    }
  });
}

Admission SimNode::submit(const Transaction& transaction) {
  Admission admission = Admission::full;
  input([&](Engine& engine, Now at) { admission = engine.submit(transaction, at); });
  return admission;
}

void SimNode::heartbeat_wanted(bool wanted) {
  heartbeat_wanted_ = wanted;
  input([&](Engine& engine, Now at) { engine.heartbeat_wanted(wanted, at); });
}

void SimNode::drain() {
  Output output = engine_->take_output();
  wake(output.wake_at_ms);
  if (output.fatal) {
    cluster_.checkers().fail("node " + std::to_string(index_) + " stops: " + *output.fatal);
    return;
  }
  if (cluster_.options().send_before_persist) {
    send(output);
    output.sends.clear();
  }
  waiting_.push_back(std::move(output));
  flush();
}

void SimNode::wake(std::int64_t at_ms) {
  const std::int64_t at_us = std::max((at_ms - 1) * 1000, cluster_.now_us() + 1);
  if (wake_at_us_ >= 0 && wake_at_us_ <= at_us) return;
  wake_at_us_ = at_us;
  cluster_.after(at_us - cluster_.now_us(), [this, at_us, incarnation = incarnation_] {
    if (incarnation != incarnation_ || wake_at_us_ != at_us) return;
    wake_at_us_ = -1;
    input([](Engine& engine, Now at) { engine.tick(at); });
  });
}

// One write at a time, for all outputs that have come meanwhile; what they hold is released when it is on disk.
void SimNode::flush() {
  while (syncing_.empty() && !waiting_.empty() && waiting_.front().persist.empty()) {
    Output output = std::move(waiting_.front());
    waiting_.pop_front();
    release(output);
  }
  if (!syncing_.empty() || waiting_.empty()) return;
  syncing_.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end()));
  waiting_.clear();
  std::int64_t latency_us = cluster_.random().between(50, 400);
  if (cluster_.faulty() && cluster_.options().faults.delay && cluster_.random().chance(20)) latency_us += cluster_.random().between(1000, 40'000);
  cluster_.after(latency_us, [this, incarnation = incarnation_] {
    if (incarnation != incarnation_) return;
    auto done = std::exchange(syncing_, {});
    for (const Output& output : done) {
      for (const LogWrite& write : output.persist) write.value ? void(log_[write.key] = *write.value) : void(log_.erase(write.key));
    }
    for (Output& output : done) release(output);
    flush();
  });
}

void SimNode::send(const Output& output) {
  for (const Send& one : output.sends) {
    auto frame = decode_frame(*one.frame, cluster_.options().nodes);
    AGIDDI_CHECK(frame.has_value(), "our own frames can be decoded");
    cluster_.checkers().sent(index_, *frame);
    cluster_.transmit(index_, one.to ? std::optional<std::size_t>(*one.to) : std::nullopt, std::make_shared<const PeerFrame>(std::move(*frame)));
  }
}

void SimNode::release(Output& output) {
  send(output);
  for (CommittedBatch& batch : output.execute) to_apply_.push_back(std::move(batch));
  for (CertifiedBlock& one : output.certified) {
    cluster_.checkers().certified(index_, one.certified);
    machine_.store_certificate(one.certified);
  }
  for (const ReadRequest& read : output.reads) {
    cluster_.after(cluster_.random().between(100, 1000), [this, read, incarnation = incarnation_] {
      if (incarnation != incarnation_) return;
      input([&](Engine& engine, Now at) { engine.blocks_read(read.peer, read.from, machine_.read(read.from, read.to), at); });
    });
  }
  apply_next();
}

BlockHeader SimNode::apply_front() {
  const CommittedBatch& next = to_apply_.front();
  const BlockHeader header = machine_.apply(next.batch, next.transactions);
  cluster_.checkers().applied(index_, header, next.batch);
  return header;
}

void SimNode::apply_next() {
  if (applying_ || to_apply_.empty()) return;
  applying_ = true;
  cluster_.after(cluster_.random().between(50, 2000), [this, incarnation = incarnation_] {
    if (incarnation != incarnation_) return;
    applying_ = false;
    const BlockHeader header = apply_front();
    const Batch batch = std::move(to_apply_.front().batch);
    to_apply_.pop_front();
    cluster_.applied(index_, batch);
    apply_next();
    input([&](Engine& engine, Now at) { engine.executed(header, at); });
  });
}

std::string SimNode::summary() const {
  std::string text = "node " + std::to_string(index_) + ": applied " + std::to_string(machine_.height());
  if (!up()) return text + ", down";
  const EngineStatus status = engine_->status();
  return text + ", committed " + std::to_string(status.committed) + ", certified " + std::to_string(status.certified) + ", stable " +
         std::to_string(engine_->replica().stable()) + ", view " + std::to_string(status.view) + (status.in_view_change ? " (waiting)" : "") +
         ", held " + std::to_string(status.mempool_transactions) + ", in flight " + std::to_string(status.in_flight) +
         (status.has_quorum ? "" : ", no quorum") + (status.syncing ? ", syncing" : "");
}

}  // namespace agiddi::tools
