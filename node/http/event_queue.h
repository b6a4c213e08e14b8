// EventQueue: the bounded queue between whoever sends events and the connection that writes them to one client.
//
// While the connection has nothing to write it parks, and then an event goes from the sender's thread straight to the socket, as far as the socket takes
// it: with thousands of clients who get an event now and then, waking each connection costs several times the sending.
//
// Threads: send, close and on_closed from any; take, park, unpark, finish from the connection. The wake call is made outside the lock, after each change
// that the connection has to see.
#pragma once

#include <algorithm>
#include <chrono>
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
  // What is left of a text that the socket did not take whole, and what is queued behind it, in order; what was taken before has been written. Ends parking.
  State take(std::string& rest, std::vector<StreamEvent>& out);
  struct Writer {
    std::function<std::string(const StreamEvent&)> encode;
    std::function<std::size_t(std::string_view)> write;   // without waiting: how many bytes were taken
  };
  // Until take or unpark, send uses the writer (under the lock: after take no write is under way). False when there is something to take.
  bool park(const Writer& writer);                   // the writer outlives the parking
  void unpark();
  std::chrono::steady_clock::time_point written_at() const;   // by the writer, last
  void finish();                                     // the connection has ended: on_closed calls happen here

 private:
  void count(std::size_t queued, std::size_t taken);   // the new numbers, here and in the group
  bool write(const StreamEvent& event);                // straight to the socket; what it did not take is kept in rest_

  const std::size_t events_max_, bytes_max_;
  const std::function<void()> wake_, joined_;
  mutable std::mutex mutex_;
  std::deque<StreamEvent> events_;
  std::string rest_;                                 // of the event before those
  const Writer* writer_ = nullptr;                   // while parked
  std::chrono::steady_clock::time_point written_at_{};
  std::size_t bytes_ = 0, taken_bytes_ = 0;          // queued; taken and not yet known to be written
  std::shared_ptr<StreamGroup> group_;
  State state_ = State::open;
  bool finished_ = false;
  std::vector<std::function<void()>> closed_calls_;
};

}  // namespace agiddi::node
