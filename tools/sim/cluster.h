// Cluster: N simulated members and a spare seat, a network, clients and faults, all in one thread and virtual time. One seed is one story.
#pragma once

#include <queue>

#include "tools/sim/checkers.h"
#include "tools/sim/options.h"
#include "tools/sim/sim_node.h"
#include "tools/sim/timeline.h"

namespace agiddi::tools {

struct SimCounts {
  std::uint64_t steps = 0, height = 0, view = 0, transactions = 0;
  std::uint64_t crashes = 0, partitions = 0, lost_disks = 0, full_disks = 0, byzantine = 0, lies = 0;
  std::uint64_t view_changes = 0, synced_blocks = 0, fetched = 0, installs = 0, epochs = 0, pruned = 0;
  std::int64_t virtual_ms = 0, recovery_ms = 0;   // recovery: from the end of the faults until everything had committed everywhere
};

struct SimReport {
  bool ok = false;
  std::string failure;               // what a check said
  std::string story;                 // of a failure: timeline, states, and the command that repeats it
  SimCounts counts;
};

class Cluster {
 public:
  explicit Cluster(const SimOptions& options);
  SimReport run();
  std::string story(const std::string& failure) const;

  // For the nodes.
  std::int64_t now_us() const { return now_us_; }
  TimeMs latest_time() const { return kEpoch_ms + now_us_ / 1000 + kClockReserve_ms; }
  std::int64_t sync_latency_us();
  std::int64_t apply_latency_us();
  void after(std::int64_t delay_us, std::function<void()> action);
  void carry(std::size_t from, Seat to, const std::shared_ptr<const consensus::PeerFrame>& frame);
  void applied(const SimNode& node);
  void went_down(std::size_t place);
  bool faulty() const { return now_us_ < faults_end_us_; }
  Random& random() { return random_; }
  Timeline& timeline() { return timeline_; }
  Checkers& checkers() { return checkers_; }
  const SimOptions& options() const { return options_; }
  const Workload& workload() const { return workload_; }
  const ledger::GenesisState& genesis_state() const { return genesis_state_; }
  const subservices::Executor& executor(std::size_t place) const { return place + 1 == options_.nodes ? other_executor_ : executor_; }
  const SnapshotPolicy& snapshot_policy() const { return snapshot_policy_; }
  consensus::EngineConfig engine_config(bool correct) const;
  consensus::EpochIdentity identify(Seat seat, const MemberSet& members);
  void count_install() { ++report_.counts.installs; }
  void count(const consensus::EngineCounters& counters);

 private:
  // A correct clock is off by at most half of it; what a batch may be ahead of the clocks that vote for it comes on top.
  static constexpr std::int64_t kClockReserve_ms = 3500;

  struct Event {
    std::int64_t at_us;
    std::uint64_t order;
    std::function<void()> action;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const { return std::tie(a.at_us, a.order) > std::tie(b.at_us, b.order); }
  };
  struct Client {
    std::size_t step = 0;             // of its chain; the chain's length when it is done
    std::size_t place = 0;            // whom it asked last
    bool stopped = false;             // a story of member changes ends with the first failure
  };

  void carry_to(std::size_t from, std::size_t to, const std::shared_ptr<const consensus::PeerFrame>& frame);
  void submit(std::size_t client, std::size_t step);
  void answered(std::size_t client, const SimNode& node);
  void next_step(std::size_t client, bool successful);
  std::shared_ptr<const consensus::Authenticator> make_authenticator(const std::shared_ptr<const KeyPair>& key, const MemberSet& members) const;
  bool converged() const;
  std::string states() const;

  // faults.cpp
  void choose_liars();
  void plan_faults();
  void crash_some();
  void restart(std::size_t place);
  void split_network();
  void cut_one_way();
  void fill_disk();
  void jump_clock();
  void slow_down();
  void damage_snapshots();
  void end_faults();
  void refresh_links();
  std::int64_t small_skew();
  std::size_t any_place() { return static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(nodes_.size()) - 1)); }

  SimOptions options_;
  Random random_;
  Workload workload_;
  ledger::GenesisState genesis_state_;
  Timeline timeline_;
  const std::size_t seats_;                                   // members of genesis, and a spare one where members change
  SnapshotPolicy snapshot_policy_;
  std::map<std::pair<Seat, std::uint64_t>, consensus::EpochIdentity> identities_;   // by epoch
  subservices::Executor executor_, other_executor_;
  Checkers checkers_;
  std::vector<std::unique_ptr<SimNode>> nodes_;               // by place; the first ones are the seats' own
  std::vector<Client> clients_;
  std::map<Hash, std::pair<std::size_t, std::size_t>> client_of_;
  std::size_t acknowledged_ = 0;

  std::priority_queue<Event, std::vector<Event>, Later> events_;
  std::uint64_t order_ = 0;
  std::int64_t now_us_ = 0;
  std::int64_t faults_end_us_ = 0;
  std::vector<std::vector<bool>> cut_, deaf_;                 // by pair of places: cut for a while; never linked (twins)
  std::vector<std::vector<bool>> told_;                       // by place and seat: the node believes in the connection
  std::vector<std::vector<std::int64_t>> last_arrival_us_;
  bool told_of_cuts_ = true;
  std::set<Seat> bad_clocks_, fragile_disks_;                 // seats of genesis; with the liars they are at most f
  std::int64_t loss_ = 0, slow_ = 0, reorder_ = 0, duplicate_ = 0;  // per thousand
  std::int64_t sync_us_ = 100, apply_us_ = 100;               // of this seed
  SimReport report_;
};

}  // namespace agiddi::tools
