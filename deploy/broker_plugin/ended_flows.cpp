#include "deploy/broker_plugin/ended_flows.h"

#include <iterator>

namespace agiddi::broker {

void EndedFlows::keep(FlowReport report) {
  forget(report.username);
  if (reports_.size() >= kEndedFlowsMax) forget(std::string(reports_.front().username));
  report.ended = true;
  reports_.push_back(std::move(report));
  by_name_[reports_.back().username] = std::prev(reports_.end());
}

std::optional<FlowReport> EndedFlows::find(std::string_view username) const {
  const auto found = by_name_.find(std::string(username));
  return found == by_name_.end() ? std::nullopt : std::optional(*found->second);
}

void EndedFlows::forget(std::string_view username) {
  const auto found = by_name_.find(std::string(username));
  if (found == by_name_.end()) return;
  reports_.erase(found->second);
  by_name_.erase(found);
}

}  // namespace agiddi::broker
