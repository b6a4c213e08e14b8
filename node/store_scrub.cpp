#include "node/store_scrub.h"

#include <chrono>
#include <cstdlib>

#include "node/log.h"

namespace agiddi::node {
namespace {

constexpr auto kInterval = std::chrono::hours(24);

}  // namespace

StoreScrub::StoreScrub(const ledger::KvStore& store, Counter& checks) : store_(store), checks_(checks), thread_([this] { run(); }) {}

StoreScrub::~StoreScrub() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void StoreScrub::run() {
  while (!stopping_) {
    if (const auto damage = store_.find_damage(stopping_)) {
      log_error("the store is damaged and this node stops", {{"reason", *damage}});
      std::abort();
    }
    if (!stopping_) checks_.add();
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, kInterval, [this] { return stopping_.load(); });
  }
}

}  // namespace agiddi::node
