// WorkerPool: a few threads for work that must not run on the io threads (queries, checks of large bodies). Its queue is bounded and refuses
// when full, so that discovery can never starve the rest. Jobs must not throw.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace agiddi::node {

class WorkerPool {
 public:
  WorkerPool(std::size_t threads, std::size_t queue_max);
  ~WorkerPool();                                    // stop()
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  bool submit(std::function<void()> job);           // false: full or stopped; any thread
  void stop();                                      // drops what is queued, waits for what runs
  std::size_t queued() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agiddi::node
