// Cluster: N simulated members, a network, clients and faults, all in one thread and virtual time. One seed is one story.
#pragma once

#include <queue>

#include "tools/sim/checkers.h"
#include "tools/sim/options.h"
#include "tools/sim/random.h"
#include "tools/sim/sim_node.h"
#include "tools/sim/timeline.h"

namespace agiddi::tools {

struct SimReport {
  bool ok = false;
  std::string failure;               // with timeline and the command that repeats it
  std::uint64_t steps = 0;
  consensus::Height height = 0;
  consensus::View view = 0;
  std::uint64_t crashes = 0, partitions = 0, view_changes = 0, synced_blocks = 0, fetched = 0;
  std::int64_t virtual_ms = 0, recovery_ms = 0;   // recovery: from the end of the faults until everything had committed everywhere
};

class Cluster {
 public:
  explicit Cluster(const SimOptions& options);
  SimReport run();

  // For the nodes.
  std::int64_t now_us() const { return now_us_; }
  void after(std::int64_t delay_us, std::function<void()> action);
  void transmit(std::size_t from, std::optional<std::size_t> to, std::shared_ptr<const consensus::PeerFrame> frame);
  void applied(std::size_t node, const Batch& batch);
  bool faulty() const { return now_us_ < faults_end_us_; }
  Random& random() { return random_; }
  Timeline& timeline() { return timeline_; }
  Checkers& checkers() { return checkers_; }
  const SimOptions& options() const { return options_; }
  consensus::EngineConfig engine_config(std::size_t node) const;
  std::shared_ptr<const consensus::Authenticator> authenticator(std::size_t node) const { return authenticators_[node]; }
  void count(const consensus::EngineCounters& counters);

 private:
  struct Event {
    std::int64_t at_us;
    std::uint64_t order;
    std::function<void()> action;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const { return std::tie(a.at_us, a.order) > std::tie(b.at_us, b.order); }
  };
  struct ClientTransaction {
    Transaction transaction;
    std::size_t node = 0;
    bool acknowledged = false;
  };

  void carry(std::size_t from, std::size_t to, const std::shared_ptr<const consensus::PeerFrame>& frame);
  void submit(std::size_t client);
  bool converged() const;
  std::string states() const;

  // faults.cpp
  void plan_faults();
  void crash_some();
  void restart(std::size_t node);
  void split_network();
  void end_faults();
  void refresh_links();

  SimOptions options_;
  Random random_;
  Timeline timeline_;
  consensus::SigningContext context_;
  std::vector<std::shared_ptr<const consensus::Authenticator>> authenticators_;
  Checkers checkers_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  std::vector<ClientTransaction> clients_;
  std::map<Hash, std::size_t> client_of_;
  std::size_t acknowledged_ = 0;

  std::priority_queue<Event, std::vector<Event>, Later> events_;
  std::uint64_t order_ = 0;
  std::int64_t now_us_ = 0;
  std::int64_t faults_end_us_ = 0;
  std::vector<std::vector<bool>> cut_, told_;              // by pair: the network is cut; the node believes in the connection
  std::vector<std::vector<std::int64_t>> last_arrival_us_;
  bool told_of_cuts_ = true;
  std::int64_t loss_ = 0, slow_ = 0, reorder_ = 0, duplicate_ = 0;  // per thousand
  SimReport report_;
};

}  // namespace agiddi::tools
