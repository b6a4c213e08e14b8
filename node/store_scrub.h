// Looks for damage in the store's files, in a thread of its own: once soon after start, then every day. Reads of damaged data abort anyway;
// this finds what nobody happens to read while the other members still have it. Damage ends the process with a sentence for the operator.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "ledger/kv.h"
#include "node/metrics.h"

namespace agiddi::node {

class StoreScrub {
 public:
  StoreScrub(const ledger::KvStore& store, Counter& checks);  // which must outlive it; checks: whole passes without damage
  ~StoreScrub();

 private:
  void run();

  const ledger::KvStore& store_;
  Counter& checks_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace agiddi::node
