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
      bytes_ += size;
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

void EventQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::open) state_ = State::draining;
  }
  wake_();
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
  bytes_ = 0;
  return state_;
}

void EventQueue::finish() {
  std::vector<std::function<void()>> calls;
  {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    if (state_ == State::open) state_ = State::cut;
    events_.clear();
    calls.swap(closed_calls_);
  }
  for (const auto& call : calls) call();
}

}  // namespace agiddi::node
