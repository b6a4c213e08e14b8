// One simulated replica: Engine, rules and ledger on a simulated disk, and the driver around them (log with fsync, apply lane, connections,
// snapshots), in virtual time. What a driver owes is the daemon's own code (node/chain_duties.h).
//
// A replica stands at a place and belongs to a seat (seats.h; twins: two places, one seat). A crash loses what the disk may lose; a write that
// was under way may or may not have reached it. A full disk ends the process, as it ends the daemon's.
#pragma once

#include <deque>
#include <functional>

#include "tools/sim/byzantine.h"
#include "tools/sim/seats.h"
#include "tools/sim/sim_disk.h"
#include "tools/sim/sim_snapshots.h"

namespace agiddi::tools {

class Cluster;

class SimNode {
 public:
  SimNode(Cluster& cluster, std::size_t place, Seat seat);

  // From now on it lies. Before the first start.
  void corrupt(std::unique_ptr<Liar> liar, std::vector<std::unique_ptr<Behaviour>> behaviours);
  bool correct() const { return liar_ == nullptr; }
  std::uint64_t lies() const { return liar_ ? liar_->lies : 0; }

  void start();                         // stays down while the disk is full
  enum class Crash { process, power };  // process: what was written stays
  void crash(Crash kind, const std::string& why);
  bool up() const { return engine_ != nullptr; }
  void deliver(Seat from, bool from_correct, const std::shared_ptr<const consensus::PeerFrame>& frame);
  void link(Seat peer, bool connected);
  void submit(const Transaction& transaction);

  std::size_t place() const { return place_; }
  Seat seat() const { return seat_; }
  const consensus::Engine& engine() const { return *engine_; }
  const ledger::LedgerSnapshot& ledger() const { return *snapshot_; }   // of a replica that is up
  SimDisk& disk() { return disk_; }
  SimSnapshots& snapshots() { return snapshots_; }
  void set_skew(std::int64_t skew_ms) { skew_ms_ = skew_ms; }
  void set_slow(std::int64_t step_us) { slow_us_ = step_us; }
  std::string summary() const;

 private:
  struct Message {
    std::vector<Seat> to;
    std::shared_ptr<const consensus::PeerFrame> frame;
  };
  struct Pending {                      // an output that waits for the disk
    consensus::Output output;
    std::vector<Message> messages;
    std::vector<Seat> block_readers, part_readers, epoch_readers;   // who asked, one for each of output.reads, snapshot_reads, epoch_reads
    consensus::Height applied = 0, stable = 0;
  };

  consensus::Now now() const;
  void input(const std::function<void(consensus::Engine&, consensus::Now)>& verb);
  void guarded(const std::function<void()>& work);
  void take(Seat from, bool from_correct, const consensus::PeerFrame& frame);
  void drain();
  void wake(std::int64_t at_ms);
  void flush();
  void persist(std::vector<Pending>& outputs);
  void keep_proofs(const consensus::Output& output);
  void release(Pending& pending);
  void send(const Pending& pending);
  void post(Messages messages);
  void apply_next();
  void apply_front();
  void lie();
  void later(std::int64_t delay_us, std::function<void()> action);

  // Who is who: an index means a member of an epoch, or a guest behind them by the number of its seat.
  std::optional<Seat> seat_at(consensus::MemberIndex index, std::uint64_t epoch) const;
  consensus::MemberIndex index_of(Seat seat) const;
  void enter_epoch();
  void announce_links();

  // sim_node_snapshots.cpp
  void install_pending();
  void offer_snapshots();
  void make_snapshot();
  void prune();
  void take_step(consensus::SnapshotStep& step);
  void finish_snapshot(const Hash& id);

  Cluster& cluster_;
  std::size_t place_;
  Seat seat_;
  std::int64_t skew_ms_ = 0, slow_us_ = 0, busy_until_us_ = 0;
  std::uint64_t incarnation_ = 0;
  std::unique_ptr<Liar> liar_;
  std::vector<std::unique_ptr<Behaviour>> behaviours_;

  SimDisk disk_;
  SimSnapshots snapshots_;

  // In memory, while it is up.
  std::unique_ptr<ledger::Ledger> ledger_;
  std::shared_ptr<const ledger::LedgerSnapshot> snapshot_;
  std::unique_ptr<consensus::Engine> engine_;
  std::map<std::uint64_t, MemberSet> sets_;             // of this epoch and the one before
  std::set<Seat> linked_;
  std::uint64_t proven_epoch_ = 0;
  std::vector<Pending> syncing_;        // their records are being written
  std::deque<Pending> waiting_;
  std::deque<consensus::CommittedBatch> to_apply_;
  bool applying_ = false;
  std::optional<MemberEpoch> next_members_;             // what the latest block decided
  std::shared_ptr<const ledger::LedgerSnapshot> due_;   // a snapshot that waits for its certificate
  std::int64_t wake_at_us_ = -1;
  std::uint64_t calls_ = 0;
};

}  // namespace agiddi::tools
