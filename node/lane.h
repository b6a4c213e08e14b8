// A lane: one thread and its bounded queue of work. Values move between lanes, and the queue is the only place with a lock.
#pragma once

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace agiddi::node {

class Lane {
 public:
  using Work = std::function<void()>;

  // settle, if given, runs on the lane after each burst of work (at most kBurst pieces, or until the queue is empty): what a burst made is
  // written, synced and sent at once.
  // niceness: of its threads, which bear the lane's name (`top -H`). Above 0, other lanes go first where processors are short.
  Lane(std::string name, std::size_t capacity, std::size_t threads = 1, Work settle = {}, int niceness = 0)
      : name_(std::move(name)), capacity_(capacity), settle_(std::move(settle)) {
    for (std::size_t i = 0; i < threads; ++i) {
      threads_.emplace_back([this, niceness] {
        pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
        // Best effort: a thread may always lower its own.
        if (niceness > 0) ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), niceness);
        run();
      });
    }
  }
  ~Lane() { stop(); }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // False when the queue is full or the lane has stopped: the caller refuses and says so.
  bool post(Work work) { return push(std::move(work), capacity_); }
  // For work that finishes what was already admitted, which must not be refused: bounded by what was admitted.
  bool post_always(Work work) { return push(std::move(work), static_cast<std::size_t>(-1)); }

  std::size_t depth() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
  }
  const std::string& name() const { return name_; }

  // Work that waits is dropped; the piece that runs is finished.
  void stop() {
    std::deque<Work> dropped;   // goes without the lock: what it holds may tell others that it was dropped
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      dropped.swap(queue_);
    }
    dropped.clear();
    ready_.notify_all();
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

 private:
  bool push(Work work, std::size_t capacity) {
    {
      const std::lock_guard lock(mutex_);
      if (stopped_ || queue_.size() >= capacity) return false;
      queue_.push_back(std::move(work));
    }
    ready_.notify_one();
    return true;
  }

  static constexpr std::size_t kBurst = 64;

  void run() {
    std::size_t unsettled = 0;
    for (;;) {
      Work work;
      {
        std::unique_lock lock(mutex_);
        if (unsettled == 0 || !settle_) ready_.wait(lock, [this] { return stopped_ || !queue_.empty(); });
        if (stopped_) return;
        if (!queue_.empty() && unsettled < kBurst) {
          work = std::move(queue_.front());
          queue_.pop_front();
        }
      }
      if (work) {
        work();
        ++unsettled;
      }
      if (!settle_) {
        unsettled = 0;
      } else if (!work) {
        settle_();
        unsettled = 0;
      }
    }
  }

  std::string name_;
  std::size_t capacity_;
  Work settle_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Work> queue_;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace agiddi::node
