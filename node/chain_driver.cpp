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

namespace agiddi::node {
namespace {

constexpr std::size_t kCoreQueue = 16'384;
constexpr std::size_t kVerifyQueue = 4'096;
constexpr std::size_t kApplyQueue = 256;
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

std::vector<std::unique_ptr<std::atomic<std::size_t>>> frame_counters(std::size_t members) {
  std::vector<std::unique_ptr<std::atomic<std::size_t>>> counters;
  for (std::size_t i = 0; i < members; ++i) counters.push_back(std::make_unique<std::atomic<std::size_t>>(0));
  return counters;
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

ChainDriver::ChainDriver(NodeKeys keys, ledger::Ledger& ledger, const ConsensusConfig& config, boost::asio::io_context& io, Metrics& metrics)
    : keys_(std::move(keys)),
      members_(keys_.genesis.member_set()),
      ledger_(ledger),
      refused_frames_(metrics.counter("agiddi_peer_frames_refused_total", "Frames from peers that were malformed or not authentic.")),
      executor_(keys_.genesis),
      snapshot_(ledger.snapshot()),
      context_{keys_.genesis.network, members_},
      frames_under_way_(frame_counters(members_.size())),
      timer_(std::make_unique<Timer>(io)),
      network_(io, keys_.key, members_, keys_.self,
               PeerNetwork::Handlers{
                   [this](std::size_t member, Bytes& frame) {
                     auto charge = charge_frame(member, frame.size());
                     if (!charge || verify_.depth() >= kVerifyQueue) return false;
                     return verify_.post_always([this, member, bytes = std::move(frame), charge = std::move(charge)] { on_frame(member, bytes, charge); });
                   },
                   [this](std::size_t member, bool connected) {
                     core_.post_always([this, member, connected] {
                       const auto peer = static_cast<consensus::MemberIndex>(member);
                       connected ? engine_->peer_connected(peer, clocks()) : engine_->peer_disconnected(peer, clocks());
                     });
                   }}),
      verify_("verify", kVerifyQueue, 2),
      core_("core", kCoreQueue, 1, [this] { flush(); }),
      apply_("apply", kApplyQueue) {
  auto key = KeyPair::from_seed(keys_.key.seed());
  authenticator_ = consensus::make_ed25519_authenticator(std::make_shared<const KeyPair>(std::move(*key)), members_);
  consensus::EngineConfig engine;
  engine.network = keys_.genesis.network;
  engine.members = members_;
  engine.self = static_cast<consensus::MemberIndex>(keys_.self);
  engine.genesis_timestamp = keys_.genesis.created;
  engine.request_timeout_ms = config.request_timeout_ms;
  engine.heartbeat_interval_ms = config.heartbeat_ms;
  engine_ = std::make_unique<consensus::Engine>(std::move(engine), authenticator_, restored_from(ledger_, *snapshot()), clocks());
  engine_->heartbeat_wanted(subservices::heartbeat_wanted(*snapshot()), clocks());
  published_.store(std::make_shared<const Published>(Published{engine_->status()}));
}

ChainDriver::~ChainDriver() { stop(); }

Result<void> ChainDriver::start(const Endpoint& peer_listen, const PeerAddresses& peer_addresses) {
  if (auto listening = network_.start(peer_listen, peer_addresses); !listening) return listening;
  core_.post_always([] {});  // the first flush: what the restored Engine has to say
  arm_timer();
  return {};
}

void ChainDriver::stop() {
  if (stopping_.exchange(true)) return;
  network_.stop();
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
  status.network = keys_.genesis.network;
  status.node = self().id;
  status.height = view->height();
  status.view = published->engine.view;
  status.primary = members_[published->engine.primary].id;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (i != keys_.self) status.peers.push_back({members_[i].id, network_.connected(i)});
  }
  status.syncing = published->engine.syncing;
  status.has_quorum = published->engine.has_quorum;
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
  const bool queued = verify_.post([this, transaction = std::move(transaction), answer]() mutable {
    if (!verify_signature(transaction)) return answer->give(fail(Status::unauthorized, "The signature does not verify with the key that kid names."));
    const bool admitted = core_.post([this, transaction = std::move(transaction), answer]() mutable {
      admit(std::move(transaction), answer->take());
    });
    if (!admitted) answer->give(fail(Status::overloaded, "This node is overloaded; try again shortly or ask another node."));
  });
  if (!queued) answer->give(fail(Status::overloaded, "This node is overloaded; try again shortly or ask another node."));
}

void ChainDriver::submit_own(std::string action, Json body, Done done) {
  submit(make_transaction(keys_.key, keys_.genesis.network, action, wall_ms() / 1000, body.dump()), std::move(done));
}

void ChainDriver::is_pending(const Hash& transaction, std::function<void(std::optional<bool>)> done) {
  const bool queued = core_.post([this, transaction, done] { done(engine_->holds(transaction) || waiters_.contains(transaction)); });
  if (!queued) done(std::nullopt);
}

void ChainDriver::admit(Transaction transaction, Done done) {
  const Hash id = transaction.id;
  if (auto outcome = recorded(id)) return done(std::move(*outcome));
  if (!engine_->status().has_quorum) {
    return done(fail(Status::unavailable, "This node sees no quorum of members now; try again shortly or ask another node."));
  }
  switch (engine_->submit(std::move(transaction), clocks())) {
    case consensus::Admission::full:
      return done(fail(Status::overloaded, "The mempool is full; try again shortly."));
    case consensus::Admission::accepted:
    case consensus::Admission::duplicate:
    case consensus::Admission::committed:
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
std::shared_ptr<void> ChainDriver::charge_frame(std::size_t member, std::size_t bytes) {
  std::atomic<std::size_t>& under_way = *frames_under_way_[member];
  if (under_way.load() + bytes > kFramesOfMemberMax_bytes) return nullptr;
  under_way += bytes;
  return {&under_way, [bytes](std::atomic<std::size_t>* count) { *count -= bytes; }};
}

// What a frame says is checked here, off the core lane; the Engine gets it as verified.
void ChainDriver::on_frame(std::size_t member, const Bytes& bytes, const std::shared_ptr<void>& charge) {
  auto frame = consensus::decode_frame(bytes, members_.size());
  if (!frame) {
    refused_frames_.add();
    return log_warn("peer frame refused", {{"peer", members_[member].id}, {"reason", frame.error().detail}});
  }
  if (!check_transactions(*frame, *snapshot(), keys_.genesis.network, now(), verify_signature)) {
    refused_frames_.add();
    return log_warn("peer frame refused", {{"peer", members_[member].id}, {"reason", "a transaction in it is not authentic"}});
  }
  if (auto verified = consensus::verify_frame(*frame, context_, *authenticator_); !verified) {
    refused_frames_.add();
    return log_warn("peer frame refused", {{"peer", members_[member].id}, {"reason", verified.error().detail}});
  }
  core_.post_always([this, member, frame = std::move(*frame), charge]() mutable {
    const auto taken = engine_->receive(static_cast<consensus::MemberIndex>(member), std::move(frame), clocks(), true);
    if (!taken) log_debug("peer frame not taken", {{"peer", members_[member].id}, {"reason", taken.error().detail}});
  });
}

void ChainDriver::flush() {
  consensus::Output output = engine_->take_output();
  if (output.fatal) die(*output.fatal);
  if (!output.persist.empty()) write_log(ledger_, std::move(output.persist));
  for (consensus::Send& send : output.sends) {
    if (send.to) {
      network_.send(*send.to, send.frame);
    } else {
      for (std::size_t i = 0; i < members_.size(); ++i) network_.send(i, send.frame);
    }
  }
  for (consensus::CommittedBatch& batch : output.execute) {
    apply_.post_always([this, batch = std::move(batch)]() mutable { apply(std::move(batch)); });
  }
  for (consensus::CertifiedBlock& block : output.certified) ledger_.store_certificate(block.height, block.certified.certificate);
  if (!output.certified.empty()) refresh_snapshot();
  for (const consensus::ReadRequest& request : output.reads) {
    verify_.post([this, request] {
      auto blocks = read_blocks(*snapshot(), request);
      core_.post_always([this, request, blocks = std::move(blocks)]() mutable {
        engine_->blocks_read(request.peer, request.from, std::move(blocks), clocks());
      });
    });
  }
  const consensus::EngineStatus status = engine_->status();
  if (status.in_view_change != was_in_view_change_) {
    was_in_view_change_ = status.in_view_change;
    log_info(status.in_view_change ? "view change begins" : "view entered", {{"view", status.view}, {"primary", members_[status.primary].id}});
  }
  published_.store(std::make_shared<const Published>(Published{status}));
}

// Blocks come from the apply lane and certificates from the core lane: whoever is late must not take the other's work back.
void ChainDriver::refresh_snapshot() {
  const auto fresh = ledger_.snapshot();
  auto shown = snapshot_.load();
  while (shown->height() <= fresh->height() && !snapshot_.compare_exchange_weak(shown, fresh)) {
  }
}

void ChainDriver::apply(consensus::CommittedBatch batch) {
  auto outcome = execute_committed(executor_, std::move(batch), *snapshot());
  if (!outcome) die(outcome.error().detail);
  const subservices::ExecutedBlock& executed = *outcome;
  const BlockHeader header = executed.apply.block.header;
  ledger_.apply(executed.apply);
  refresh_snapshot();

  std::vector<std::pair<Hash, Outcome>> outcomes;
  for (const Receipt& receipt : executed.apply.block.receipts) outcomes.emplace_back(receipt.transaction, Outcome{header.height, header.timestamp, receipt});
  const bool heartbeat = subservices::heartbeat_wanted(*snapshot());
  core_.post_always([this, header, outcomes = std::move(outcomes), heartbeat]() mutable { on_applied(header, std::move(outcomes), heartbeat); });
  publish(executed, header);
}

void ChainDriver::on_applied(const BlockHeader& header, std::vector<std::pair<Hash, Outcome>> outcomes, bool heartbeat) {
  engine_->executed(header, clocks());
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

Result<Bytes> ChainDriver::open_sealed_key(BytesView sealed) const { return agiddi::open_sealed(keys_.sealing_key, sealed); }

}  // namespace agiddi::node
