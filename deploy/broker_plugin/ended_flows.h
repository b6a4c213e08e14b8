// EndedFlows: the last counts of flows that are gone, kept for their node until it says that it has them: the answer that told them may have been lost.
//
// Pure; one thread. Bounded: the last kEndedFlowsMax, one for each user name; older ones are forgotten, and their node goes by what it was told before.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "deploy/broker_plugin/flow.h"

namespace agiddi::broker {

inline constexpr std::size_t kEndedFlowsMax = 10'000;

// A flow as its node sees it.
struct FlowReport {
  std::string username, generation;
  FlowUsage usage;
  bool stopped = false, unfit = false, ended = false;
};

class EndedFlows {
 public:
  void keep(FlowReport report);
  std::optional<FlowReport> find(std::string_view username) const;
  void forget(std::string_view username);
  std::size_t size() const { return reports_.size(); }

 private:
  std::list<FlowReport> reports_;   // the oldest first
  std::unordered_map<std::string, std::list<FlowReport>::iterator> by_name_;
};

}  // namespace agiddi::broker
