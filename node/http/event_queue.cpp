#include "node/http/event_queue.h"

namespace agiddi::node {

bool EventQueue::send(StreamEvent event) {
  bool taken = false;
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::open || finished_) return false;
    const std::size_t size = event.data.size() + event.event.size() + event.id.size() + event.comment.size();
    if (events_.size() >= events_max_ || bytes_ + size > bytes_max_) {
      state_ = State::cut;
    } else {
      count(bytes_ + size, taken_bytes_);
      events_.push_back(std::move(event));
      taken = true;
    }
  }
  wake_();
  return taken;
}

std::size_t EventQueue::room() const {
  constexpr std::size_t kUsualMax_bytes = 64 * 1024;
  const std::lock_guard lock(mutex_);
  if (state_ != State::open || finished_) return 0;
  return std::min(events_max_ - events_.size(), (bytes_max_ - bytes_) / kUsualMax_bytes);
}

std::size_t EventQueue::unsent_bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_ + taken_bytes_;
}

void EventQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::open) state_ = State::draining;
  }
  wake_();
}

void EventQueue::join(std::shared_ptr<StreamGroup> group) {
  {
    const std::lock_guard lock(mutex_);
    group_ = std::move(group);
    group_->unsent_bytes += bytes_ + taken_bytes_;
  }
  if (joined_) joined_();
}

void EventQueue::count(std::size_t queued, std::size_t taken) {
  if (group_) group_->unsent_bytes += queued + taken - bytes_ - taken_bytes_;   // unsigned: what is taken off wraps around to the same sum
  bytes_ = queued;
  taken_bytes_ = taken;
}

void EventQueue::on_closed(std::function<void()> call) {
  {
    const std::lock_guard lock(mutex_);
    if (!finished_) {
      closed_calls_.push_back(std::move(call));
      return;
    }
  }
  call();
}

EventQueue::State EventQueue::take(std::vector<StreamEvent>& out) {
  const std::lock_guard lock(mutex_);
  out.assign(std::make_move_iterator(events_.begin()), std::make_move_iterator(events_.end()));
  events_.clear();
  count(0, bytes_);
  return state_;
}

void EventQueue::finish() {
  std::vector<std::function<void()>> calls;
  {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    if (state_ == State::open) state_ = State::cut;
    events_.clear();
    count(0, 0);
    calls.swap(closed_calls_);
  }
  for (const auto& call : calls) call();
}

}  // namespace agiddi::node
