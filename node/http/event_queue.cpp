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
    } else if (writer_) {
      if (write(event)) return true;
      taken = true;
    } else {
      count(bytes_ + size, taken_bytes_);
      events_.push_back(std::move(event));
      taken = true;
    }
  }
  wake_();
  return taken;
}

bool EventQueue::write(const StreamEvent& event) {
  std::string text = writer_->encode(event);
  const std::size_t written = writer_->write(text);
  if (written > 0) written_at_ = std::chrono::steady_clock::now();
  if (written == text.size()) return true;
  writer_ = nullptr;
  rest_ = std::move(text);
  rest_.erase(0, written);
  count(rest_.size(), taken_bytes_);
  return false;
}

bool EventQueue::park(const Writer& writer) {
  const std::lock_guard lock(mutex_);
  if (!events_.empty() || !rest_.empty() || state_ != State::open || finished_) return false;
  writer_ = &writer;
  count(0, 0);
  return true;
}

void EventQueue::unpark() {
  const std::lock_guard lock(mutex_);
  writer_ = nullptr;
}

std::chrono::steady_clock::time_point EventQueue::written_at() const {
  const std::lock_guard lock(mutex_);
  return written_at_;
}

std::size_t EventQueue::room() const {
  constexpr std::size_t kUsualMax_bytes = 64 * 1024;
  const std::lock_guard lock(mutex_);
  if (state_ != State::open || finished_) return 0;
  const std::size_t free_bytes = bytes_max_ - std::min(bytes_, bytes_max_);   // what is left of one event is counted as it is written, and may be longer
  return std::min(events_max_ - events_.size(), free_bytes / kUsualMax_bytes);
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

EventQueue::State EventQueue::take(std::string& rest, std::vector<StreamEvent>& out) {
  const std::lock_guard lock(mutex_);
  writer_ = nullptr;
  rest.clear();
  rest.swap(rest_);
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
    writer_ = nullptr;
    if (state_ == State::open) state_ = State::cut;
    events_.clear();
    rest_.clear();
    count(0, 0);
    calls.swap(closed_calls_);
  }
  for (const auto& call : calls) call();
}

}  // namespace agiddi::node
