// EventQueue: the bounded queue between whoever sends events and the connection that writes them to one client.
//
// Threads: send, close and on_closed from any; take, finish from the connection. The wake call is made after each change, outside the lock.
#pragma once

#include <algorithm>
#include <deque>
#include <mutex>

#include "node/http/request.h"

namespace agiddi::node {

class EventQueue final : public EventStream {
 public:
  EventQueue(std::size_t events_max, std::size_t bytes_max, std::function<void()> wake)
      : events_max_(events_max), bytes_max_(bytes_max), wake_(std::move(wake)) {}

  bool send(StreamEvent event) override;
  std::size_t room() const override;
  void close() override;
  void on_closed(std::function<void()> call) override;

  enum class State { open, draining, cut };          // cut: the client is too slow, or gone
  State take(std::vector<StreamEvent>& out);         // what is queued, in order
  void finish();                                     // the connection has ended: on_closed calls happen here

 private:
  const std::size_t events_max_, bytes_max_;
  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::deque<StreamEvent> events_;
  std::size_t bytes_ = 0;
  State state_ = State::open;
  bool finished_ = false;
  std::vector<std::function<void()>> closed_calls_;
};

}  // namespace agiddi::node
