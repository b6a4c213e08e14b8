// Contact: a far end that may go away and come back while a command reads from it. Spaces the attempts, gives up after a while, and tells the user.
//
// Pure but for `say`: the time is given. One thread. A connection that breaks again soon after it came up does not count as regained, so that a far
// end that accepts and drops for ever is given up too.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace agiddi::tools {

class Contact {
 public:
  using Clock = std::chrono::steady_clock;
  using Say = std::function<void(const std::string&)>;   // one line for people
  // what: "the broker at 127.0.0.1:8100". patience: how long it may be away.
  Contact(std::string what, std::chrono::milliseconds patience, Say say);

  void up(Clock::time_point now);
  // The connection broke, or an attempt failed. False when patience is over: verdict() says so.
  bool lost(const std::string& reason, Clock::time_point now);
  bool is_up() const { return is_up_; }
  std::chrono::milliseconds pause() const { return pause_; }   // until the next attempt
  std::string verdict() const;

 private:
  std::string what_, reason_;
  std::chrono::milliseconds patience_, pause_;
  Say say_;
  bool is_up_ = false, ever_up_ = false;
  Clock::time_point up_since_, lost_since_, told_at_;
  bool away_ = false;         // lost_since_ counts
};

}  // namespace agiddi::tools
