// ChainDriver: drives consensus::Engine and the Executor with real clocks, threads, links and disk.
//
// io thread: counts peer frames, and checks votes. verify lane: decodes all other frames and checks what they say. core lane: the Engine alone lives there; what its outputs promise is written and
// synced before anything is sent. apply lane: executes batches, writes blocks, tells the listeners. Values move between the lanes.
// Snapshots and pruning have a lane of their own (node/snapshots.h).
// In three files: chain_driver.cpp (lanes, clients, blocks), chain_frames.cpp (what peers send), chain_members.cpp (who the peers are).
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
#include "node/snapshots.h"
#include "subservices/executor.h"

namespace agiddi::node {

class ChainDriver final : public Chain {
 public:
  // The ledger, the io_context and the metrics must outlive the driver.
  // restart: a snapshot was fetched, and a new start installs it; called once, from an internal lane.
  ChainDriver(std::unique_ptr<NodeKeys> keys, ledger::Ledger& ledger, const NodeConfig& config, boost::asio::io_context& io, Metrics& metrics,
              std::function<void()> restart);
  ~ChainDriver() override;

  Result<void> start(const NodeConfig& config);
  void stop();  // afterwards every waiting submit has been answered with unavailable

  consensus::EngineStatus engine_status() const { return published_.load()->engine; }
  const PeerCounters& peer_counters() const { return network_.counters(); }   // any thread
  const subservices::Executor& executor() const { return executor_; }

  const Genesis& genesis() const override { return keys_->genesis(); }
  MemberSet members() const override { return published_.load()->epoch->context.members; }
  const Member& self() const override { return self_; }
  TimeMs now() const override;
  ChainStatus status() const override;
  std::shared_ptr<const ledger::LedgerSnapshot> snapshot() const override { return snapshot_.load(); }
  void submit(Transaction transaction, Done done) override;
  void submit_own(std::string action, Json body, Done done) override;
  void is_pending(const Hash& transaction, std::function<void(std::optional<bool>)> done) override;
  std::uint64_t subscribe(Listener listener) override;
  void unsubscribe(std::uint64_t handle) override;
  Result<Bytes> open_sealed_key(BytesView sealed) const override;
  std::shared_ptr<const KeyPair> signing_key() const override;

 private:
  static constexpr std::size_t kVerifyQueue = 4'096;

  // Who speaks with whom in an epoch; replaced as a whole by the core lane when the members, their links or what is known of them change.
  struct EpochView {
    consensus::SigningContext context;
    std::shared_ptr<const consensus::Authenticator> authenticator;
    std::vector<Peer> peers;                    // all whose links are taken, members and guests
    std::vector<PublicKey> guests;              // by guest number; zero = free
    std::string name_of(const PublicKey& key) const;
  };
  struct Applied {  // what the core lane is told of a block when it is on disk
    BlockHeader header;
    std::vector<std::pair<Hash, Outcome>> outcomes;
    bool heartbeat = false;
    std::optional<MemberEpoch> next;
    bool governance = false;
    bool synced = false;     // it, and so all before it, is on disk
  };
  struct Published {  // what status() shows, replaced as a whole by the core lane
    consensus::EngineStatus engine;
    std::shared_ptr<const EpochView> epoch;
  };

  // core lane
  void admit(Transaction transaction, Done done);
  void flush();
  void tick();
  void on_applied(Applied& applied);
  void take_output();
  void begin_epoch();
  void keep_proofs();
  void refresh_epoch_view();
  void hurry_to_rules();
  std::vector<Peer> wanted_peers(const MemberSet& members) const;
  void send(const consensus::Send& send);
  std::optional<consensus::MemberIndex> index_of(const PublicKey& peer) const;
  std::optional<PublicKey> key_at(consensus::MemberIndex peer, std::uint64_t epoch) const;
  void refuse_waiters(const Error& error);
  void watch_snapshots(const consensus::EngineStatus& status);

  // io thread
  bool take_vote(const PublicKey& peer, const Bytes& bytes, const std::shared_ptr<void>& charge);
  bool count_votes(const PublicKey& peer, std::size_t count);   // false: more than may be checked here in a second

  // verify lane, and io thread
  std::shared_ptr<void> charge_frame(const PublicKey& peer, std::size_t bytes);   // on an io thread
  void on_frame(const PublicKey& peer, const Bytes& bytes, const std::shared_ptr<void>& charge);
  bool check_frame(const PublicKey& peer, consensus::PeerFrame frame, const std::shared_ptr<void>& charge);
  static bool link_vouches(const PublicKey& peer, const consensus::PeerFrame& frame, const EpochView& epoch);

  void refresh_snapshot();  // apply and core lane

  // apply lane
  void apply(consensus::CommittedBatch batch);
  void settle_applied();
  void publish(const subservices::ExecutedBlock& executed, const BlockHeader& header);

  class Answer;
  void arm_timer();
  consensus::EpochIdentity identify(const MemberSet& members) const;
  std::optional<Outcome> recorded(const Hash& transaction) const;

  std::unique_ptr<NodeKeys> keys_;
  Member self_;
  ledger::Ledger& ledger_;
  Counter& refused_frames_;
  Counter& untaken_frames_;
  subservices::Executor executor_;
  std::atomic<std::shared_ptr<const ledger::LedgerSnapshot>> snapshot_;
  std::atomic<std::shared_ptr<const Published>> published_;

  std::vector<Applied> applied_;                                             // apply lane only: blocks that wait for the next sync
  std::unique_ptr<consensus::Engine> engine_;                                // core lane only
  std::shared_ptr<const EpochView> epoch_, former_epoch_;                    // core lane only; the present one is published
  PeerAddresses peer_addresses_;                                             // core lane only; instead of those of the members
  std::vector<BootstrapPeer> bootstrap_;                                     // core lane only
  std::uint64_t proven_epoch_ = 0, decided_epoch_ = 0;                       // core lane only
  std::mutex frames_mutex_;
  struct Votes { std::int64_t since_ms = 0; std::size_t count = 0; };
  std::map<PublicKey, std::shared_ptr<std::atomic<std::size_t>>> frames_under_way_;   // bytes, by sender
  std::map<PublicKey, Votes> votes_here_;                                    // checked on the io thread in this second, by sender
  std::unordered_map<Hash, std::vector<Done>, HashHasher> waiters_;          // core lane only
  bool was_in_view_change_ = false;                                          // core lane only
  std::uint64_t seen_certified_ = 0;                                         // core lane only
  bool known_gone_ = false;                                                  // core lane only
  std::size_t known_liars_ = 0;                                              // core lane only
  std::optional<std::uint64_t> known_contradiction_;                         // core lane only

  std::mutex listeners_mutex_;
  std::map<std::uint64_t, Listener> listeners_;
  std::uint64_t next_listener_ = 1;

  struct Timer;
  std::unique_ptr<Timer> timer_;
  std::atomic<bool> stopping_{false};
  PeerNetwork network_;
  Snapshots snapshots_;
  Lane verify_, core_, apply_;  // last: their threads end before anything above goes away
};

}  // namespace agiddi::node
