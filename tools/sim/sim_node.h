// One simulated member: an Engine and the driver around it (log with fsync, apply lane, connections), in virtual time.
//
// What was not synced is lost by crash(); a write that was under way may or may not have reached the disk.
#pragma once

#include <deque>
#include <functional>

#include "tools/sim/chain_machine.h"

namespace agiddi::tools {

class Cluster;

class SimNode {
 public:
  SimNode(Cluster& cluster, std::size_t index, std::int64_t skew_ms, Hash members_digest);

  void start();
  void crash();
  bool up() const { return engine_ != nullptr; }
  void deliver(std::size_t from, const consensus::PeerFrame& frame);
  void link(std::size_t peer, bool connected);
  consensus::Admission submit(const Transaction& transaction);
  void heartbeat_wanted(bool wanted);

  const consensus::Engine& engine() const { return *engine_; }
  const ChainMachine& machine() const { return machine_; }
  std::string summary() const;

 private:
  consensus::Now now() const;
  void input(const std::function<void(consensus::Engine&, consensus::Now)>& verb);
  void drain();
  void wake(std::int64_t at_ms);
  void flush();
  void release(consensus::Output& output);
  void send(const consensus::Output& output);
  void apply_next();
  BlockHeader apply_front();

  Cluster& cluster_;
  std::size_t index_;
  std::int64_t skew_ms_;
  std::uint64_t incarnation_ = 0;
  std::unique_ptr<consensus::Engine> engine_;
  bool heartbeat_wanted_ = false;

  // The disk.
  std::map<Bytes, Bytes> log_;
  ChainMachine machine_;

  // In memory.
  std::vector<consensus::Output> syncing_;     // their records are being written
  std::deque<consensus::Output> waiting_;
  std::deque<consensus::CommittedBatch> to_apply_;
  bool applying_ = false;
  std::int64_t wake_at_us_ = -1;
  std::uint64_t calls_ = 0;
};

}  // namespace agiddi::tools
