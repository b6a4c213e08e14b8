// SimDisk: the store of one simulated member, with what a disk and RocksDB do to it in a crash.
//
// RocksDB promises: a synced batch is there for ever, with everything written before it; of later batches a prefix is there, each wholly or not at all
// (a torn record at the end of its log fails its checksum and is dropped). Damage elsewhere is noticed at the next start. A write that
// fails ends the process: ProcessEnds stands for that abort, and the member catches it at its edge. One thread.
#pragma once

#include <deque>
#include <stdexcept>

#include "ledger/kv.h"
#include "tools/sim/random.h"

namespace agiddi::tools {

struct ProcessEnds final : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class SimDisk final : public ledger::KvStore {
 public:
  SimDisk() : store_(ledger::make_memory_store()) {}

  std::optional<Bytes> get(ledger::Column column, BytesView key) const override { return store_->get(column, key); }
  void scan(ledger::Column column, BytesView from, BytesView to, const std::function<bool(BytesView, BytesView)>& visit) const override {
    store_->scan(column, from, to, visit);
  }
  void scan_reverse(ledger::Column column, BytesView from, BytesView to, const std::function<bool(BytesView, BytesView)>& visit) const override {
    store_->scan_reverse(column, from, to, visit);
  }
  std::shared_ptr<const ledger::KvReader> snapshot() const override { return store_->snapshot(); }
  void write(const ledger::KvBatch& batch, bool sync) override;

  // The power is going: nothing is synced any more, but what is written now may still reach the disk.
  void power_fails() { failing_ = true; }
  // The power is gone: a prefix of what was not synced survives (torn: the last batch of it was cut, and is dropped). Gives the number of lost batches.
  std::size_t power_lost(Random& random);
  // A value that a crash cannot take any more.
  std::optional<Bytes> durable(ledger::Column column, BytesView key) const;

  // The process ends at the write after so many more; -1: not.
  void ends_after(std::int64_t writes) { writes_left_ = writes; }
  void set_full(bool full) { full_ = full; }
  bool full() const { return full_; }
  void damage() { damaged_ = true; }
  bool damaged() const { return damaged_; }
  void wipe();

 private:
  std::unique_ptr<ledger::MemoryStore> store_;
  std::deque<ledger::KvBatch> unsynced_;
  bool failing_ = false, full_ = false, damaged_ = false;
  std::int64_t writes_left_ = -1;
};

}  // namespace agiddi::tools
