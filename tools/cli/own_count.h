// What an application counts of an integration itself (usage.count): totals for each device, and when they are told next. Pure; one thread.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "protocol/json.h"

namespace agiddi::tools {

class OwnCount {
 public:
  using Clock = std::chrono::steady_clock;
  explicit OwnCount(Clock::duration every) : every_(every) {}

  // The integration's record (GET /v1/integrations/{id}) before anything is read, and again after a refusal. What the node delivered before counts as received: who
  // begins in the middle cannot know better.
  void begin(const Json& record);
  void refresh(const Json& record);                 // sequences, and which devices have ended
  void add(const std::string& device);
  bool due(Clock::time_point now) const;
  bool complete() const;                            // all that came is told
  // usage.count's body of what is not told yet; all devices the first time. Devices that have ended are left out; null when nothing is left.
  Json body(const std::string& integration, Clock::time_point now);
  void taken(const Json& answer);                   // of the last body
  std::uint64_t total() const;

 private:
  struct Device {
    std::uint64_t count = 0, asked = 0, told = 0;
    std::uint64_t within = 1;                       // the node waits for a count after so many more
    bool ended = false, first = true;
  };
  Clock::duration every_;
  Clock::time_point last_{};
  std::uint64_t sequence_ = 0;
  std::map<std::string, Device> devices_;
};

}  // namespace agiddi::tools
