// ChainDriver: drives consensus::Engine and the Executor with real clocks, threads, links and disk.
//
// verify lane: decodes peer frames and checks every signature. core lane: the Engine alone lives there; what its outputs promise is written and
// synced before anything is sent. apply lane: executes batches, writes blocks, tells the listeners. Values move between the lanes.
// A replica that finds itself wrong about the chain (fatal output, a block that does not reproduce its certified header) logs why and aborts.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <unordered_map>

#include "consensus/engine.h"
#include "node/chain.h"
#include "node/lane.h"
#include "node/metrics.h"
#include "node/node_keys.h"
#include "node/peer/peer_network.h"
#include "subservices/executor.h"

namespace agiddi::node {

class ChainDriver final : public Chain {
 public:
  // The ledger, the io_context and the metrics must outlive the driver.
  ChainDriver(NodeKeys keys, ledger::Ledger& ledger, const ConsensusConfig& config, boost::asio::io_context& io, Metrics& metrics);
  ~ChainDriver() override;

  Result<void> start(const Endpoint& peer_listen, const PeerAddresses& peer_addresses);
  void stop();  // afterwards every waiting submit has been answered with unavailable

  const subservices::Executor& executor() const { return executor_; }

  const Genesis& genesis() const override { return keys_.genesis; }
  MemberSet members() const override { return members_; }
  const Member& self() const override { return members_[keys_.self]; }
  TimeMs now() const override;
  ChainStatus status() const override;
  std::shared_ptr<const ledger::LedgerSnapshot> snapshot() const override { return snapshot_.load(); }
  void submit(Transaction transaction, Done done) override;
  void submit_own(std::string action, Json body, Done done) override;
  void is_pending(const Hash& transaction, std::function<void(std::optional<bool>)> done) override;
  std::uint64_t subscribe(Listener listener) override;
  void unsubscribe(std::uint64_t handle) override;
  Result<Bytes> open_sealed_key(BytesView sealed) const override;

 private:
  struct Published {  // what status() shows, replaced as a whole by the core lane
    consensus::EngineStatus engine;
  };

  // core lane
  void admit(Transaction transaction, Done done);
  void flush();
  void tick();
  void on_applied(const BlockHeader& header, std::vector<std::pair<Hash, Outcome>> outcomes, bool heartbeat);
  void refuse_waiters(const Error& error);

  // verify lane
  std::shared_ptr<void> charge_frame(std::size_t member, std::size_t bytes);   // on an io thread
  void on_frame(std::size_t member, const Bytes& bytes, const std::shared_ptr<void>& charge);

  void refresh_snapshot();  // apply and core lane

  // apply lane
  void apply(consensus::CommittedBatch batch);
  void publish(const subservices::ExecutedBlock& executed, const BlockHeader& header);

  class Answer;
  void arm_timer();
  std::optional<Outcome> recorded(const Hash& transaction) const;

  NodeKeys keys_;
  MemberSet members_;
  ledger::Ledger& ledger_;
  Counter& refused_frames_;
  subservices::Executor executor_;
  std::atomic<std::shared_ptr<const ledger::LedgerSnapshot>> snapshot_;
  std::atomic<std::shared_ptr<const Published>> published_;

  consensus::SigningContext context_;
  std::shared_ptr<const consensus::Authenticator> authenticator_;
  std::unique_ptr<consensus::Engine> engine_;                                // core lane only
  std::unordered_map<Hash, std::vector<Done>, HashHasher> waiters_;          // core lane only
  bool was_in_view_change_ = false;                                          // core lane only

  std::mutex listeners_mutex_;
  std::map<std::uint64_t, Listener> listeners_;
  std::uint64_t next_listener_ = 1;

  std::vector<std::unique_ptr<std::atomic<std::size_t>>> frames_under_way_;  // bytes, by member

  struct Timer;
  std::unique_ptr<Timer> timer_;
  std::atomic<bool> stopping_{false};
  PeerNetwork network_;
  Lane verify_, core_, apply_;  // last: their threads end before anything above goes away
};

}  // namespace agiddi::node
