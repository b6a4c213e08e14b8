// One simulated replica: Engine, rules and ledger on a simulated disk, and the driver around them (log with fsync, apply lane, connections), in
// virtual time. What a driver owes is the daemon's own code (node/chain_duties.h).
//
// A replica stands at a place; its member is whose key it signs with (twins: two places, one member). A crash loses what the disk may lose; a
// write that was under way may or may not have reached it. A full disk ends the process, as it ends the daemon's.
#pragma once

#include <deque>
#include <functional>

#include "tools/sim/byzantine.h"
#include "tools/sim/sim_disk.h"

namespace agiddi::tools {

class Cluster;


class SimNode {
 public:
  SimNode(Cluster& cluster, std::size_t place, consensus::MemberIndex member);

  // From now on it lies. Before the first start.
  void corrupt(std::unique_ptr<Liar> liar, std::vector<std::unique_ptr<Behaviour>> behaviours);
  bool correct() const { return liar_ == nullptr; }
  std::uint64_t lies() const { return liar_ ? liar_->lies : 0; }

  void start();                         // stays down while the disk is full
  enum class Crash { process, power };  // process: what was written stays
  void crash(Crash kind, const std::string& why);
  bool up() const { return engine_ != nullptr; }
  void deliver(consensus::MemberIndex from, bool from_correct, const std::shared_ptr<const consensus::PeerFrame>& frame);
  void link(consensus::MemberIndex peer, bool connected);
  void submit(const Transaction& transaction);

  std::size_t place() const { return place_; }
  consensus::MemberIndex member() const { return member_; }
  const consensus::Engine& engine() const { return *engine_; }
  const ledger::LedgerSnapshot& ledger() const { return *snapshot_; }   // of a replica that is up
  SimDisk& disk() { return disk_; }
  void set_skew(std::int64_t skew_ms) { skew_ms_ = skew_ms; }
  void set_slow(std::int64_t step_us) { slow_us_ = step_us; }
  std::string summary() const;

 private:
  struct Pending {                      // an output that waits for the disk
    consensus::Output output;
    std::vector<std::pair<std::optional<consensus::MemberIndex>, std::shared_ptr<const consensus::PeerFrame>>> messages;
    consensus::Height applied = 0, stable = 0;
  };

  consensus::Now now() const;
  void input(const std::function<void(consensus::Engine&, consensus::Now)>& verb);
  void guarded(const std::function<void()>& work);
  void take(consensus::MemberIndex from, bool from_correct, const consensus::PeerFrame& frame);
  void drain();
  void wake(std::int64_t at_ms);
  void flush();
  void persist(std::vector<Pending>& outputs);
  void release(Pending& pending);
  void send(const Pending& pending);
  void post(Messages messages);
  void apply_next();
  void apply_front();
  void lie();
  void later(std::int64_t delay_us, std::function<void()> action);

  Cluster& cluster_;
  std::size_t place_;
  consensus::MemberIndex member_;
  std::int64_t skew_ms_ = 0, slow_us_ = 0, busy_until_us_ = 0;
  std::uint64_t incarnation_ = 0;
  std::unique_ptr<Liar> liar_;
  std::vector<std::unique_ptr<Behaviour>> behaviours_;

  SimDisk disk_;

  // In memory, while it is up.
  std::unique_ptr<ledger::Ledger> ledger_;
  std::shared_ptr<const ledger::LedgerSnapshot> snapshot_;
  std::unique_ptr<consensus::Engine> engine_;
  std::vector<Pending> syncing_;        // their records are being written
  std::deque<Pending> waiting_;
  std::deque<consensus::CommittedBatch> to_apply_;
  bool applying_ = false;
  std::int64_t wake_at_us_ = -1;
  std::uint64_t calls_ = 0;
};

}  // namespace agiddi::tools
