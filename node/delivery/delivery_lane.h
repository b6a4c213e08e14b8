// DeliveryLane: the one thread of the data plane, with a bounded queue of work and timers. Values come in by post(); timers are set and everything runs
// on the lane's own thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace agiddi::node {

class DeliveryLane {
 public:
  using Work = std::function<void()>;
  using Clock = std::chrono::steady_clock;
  static std::int64_t steady_ms() { return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch()).count(); }

  explicit DeliveryLane(std::size_t capacity) : capacity_(capacity) {}
  ~DeliveryLane() { stop(); }
  DeliveryLane(const DeliveryLane&) = delete;
  DeliveryLane& operator=(const DeliveryLane&) = delete;

  void start() {
    thread_ = std::thread([this] { run(); });
  }
  // Runs what is queued, drops the timers, joins. Work that is posted later is refused.
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    ready_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  // False when the queue is full or the lane has stopped: foreign traffic.
  bool post(Work work) { return push(std::move(work), capacity_); }
  // For calls and completions, whose number is bounded by what was admitted. False only when the lane has stopped.
  bool post_always(Work work) { return push(std::move(work), static_cast<std::size_t>(-1)); }
  // On the lane's thread only.
  void after(std::chrono::milliseconds delay, Work work) { timers_.emplace(Clock::now() + delay, std::move(work)); }

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

  // Due timers first, so that a limit in time does not wait behind a flood of messages.
  void run() {
    for (;;) {
      while (!timers_.empty() && timers_.begin()->first <= Clock::now()) {
        const Work work = std::move(timers_.begin()->second);
        timers_.erase(timers_.begin());
        work();
      }
      Work work;
      {
        std::unique_lock lock(mutex_);
        const auto awake = [this] { return stopped_ || !queue_.empty(); };
        if (timers_.empty()) {
          ready_.wait(lock, awake);
        } else {
          ready_.wait_until(lock, timers_.begin()->first, awake);
        }
        if (queue_.empty()) {
          if (stopped_) return;
          continue;
        }
        work = std::move(queue_.front());
        queue_.pop_front();
      }
      work();
    }
  }

  std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Work> queue_;
  bool stopped_ = false;
  std::multimap<Clock::time_point, Work> timers_;   // the lane's thread only
  std::thread thread_;
};

}  // namespace agiddi::node
