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
  // joined: called when the stream joins a group.
  EventQueue(std::size_t events_max, std::size_t bytes_max, std::function<void()> wake, std::function<void()> joined = {})
      : events_max_(events_max), bytes_max_(bytes_max), wake_(std::move(wake)), joined_(std::move(joined)) {}
  ~EventQueue() override { count(0, 0); }

  bool send(StreamEvent event) override;
  std::size_t room() const override;
  std::size_t unsent_bytes() const override;
  void close() override;
  void join(std::shared_ptr<StreamGroup> group) override;
  void on_closed(std::function<void()> call) override;

  enum class State { open, draining, cut };          // cut: the client is too slow, or gone
  State take(std::vector<StreamEvent>& out);         // what is queued, in order; what was taken before has been written
  void finish();                                     // the connection has ended: on_closed calls happen here

 private:
  void count(std::size_t queued, std::size_t taken);   // the new numbers, here and in the group

  const std::size_t events_max_, bytes_max_;
  const std::function<void()> wake_, joined_;
  mutable std::mutex mutex_;
  std::deque<StreamEvent> events_;
  std::size_t bytes_ = 0, taken_bytes_ = 0;          // queued; taken and not yet known to be written
  std::shared_ptr<StreamGroup> group_;
  State state_ = State::open;
  bool finished_ = false;
  std::vector<std::function<void()>> closed_calls_;
};

}  // namespace agiddi::node
