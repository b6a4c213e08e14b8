// Flows of a GrantTable: begun, raised and ended by the node that owns the grant, and run by what its device sends.
#include <algorithm>

#include "deploy/broker_plugin/grant_table.h"

namespace agiddi::broker {

GrantTable::Grant* GrantTable::own_grant(Owner owner, std::string_view username) {
  const auto found = grants_.find(username);
  return found == grants_.end() || found->second.owner != owner ? nullptr : &found->second;
}

void GrantTable::account(const Grant& grant) {
  const Lease& lease = leases_[grant.owner];
  grant.flow->account(steady_ms_() + lease.to_ledger_ms, lease.until_steady_ms + lease.to_ledger_ms);
}

void GrantTable::lose_device(Grants::value_type& entry, Effects& effects) {
  Grant& grant = entry.second;
  if (grant.lost) return;
  grant.lost = true;
  effects.notices.push_back({grant.owner, entry.first, Effects::What::lost, grant.left_ms});
  if (!grant.flow) return;
  grant.flow->lost(grant.left_ms + leases_[grant.owner].to_ledger_ms);
  mark_changed(entry, steady_ms_(), false);
}

void GrantTable::find_device(Grants::value_type& entry, Effects& effects) {
  Grant& grant = entry.second;
  const std::int64_t now = steady_ms_();
  grant.lost = false;
  effects.notices.push_back({grant.owner, entry.first, Effects::What::back, now});
  if (!grant.flow) return;
  account(grant);   // what it was away for
  grant.flow->back(now + leases_[grant.owner].to_ledger_ms);
  mark_changed(entry, now, false);
}

FlowReport GrantTable::report(Grants::value_type& entry) {
  Flow& flow = *entry.second.flow;
  account(entry.second);
  flow.told();
  return {entry.first, flow.terms().generation, flow.usage(), flow.stopped(), flow.unfit(), false};
}

void GrantTable::drop_flow(Grants::value_type& entry) {
  Grant& grant = entry.second;
  if (!grant.flow) return;
  ended_[grant.owner].keep(report(entry));
  grant.sequence = grant.flow->usage().sequence;
  grant.flow.reset();
  --flow_counts_[grant.owner];
}

// What was served under the former lease is counted by it.
void GrantTable::lease(Owner owner, const Lease& lease) {
  if (flow_counts_[owner] > 0) {
    for (const auto& [name, grant] : grants_) {
      if (grant.owner == owner && grant.flow) account(grant);
    }
  }
  leases_[owner] = lease;
}

bool GrantTable::marks_may_grow(const Grant& grant) const {
  return marks_bytes_ - grant.recent.memory_bytes() + grant.recent.next_memory_bytes() <= kMarksMax_bytes;
}

Result<void> GrantTable::begin_flow(Owner owner, std::string_view username, std::uint64_t passed, FlowTerms terms) {
  Grant* grant = own_grant(owner, username);
  if (grant == nullptr) return fail(Status::not_found, "no such grant");
  if (std::find(grant->publish.begin(), grant->publish.end(), terms.device_topic) == grant->publish.end()) return fail(Status::invalid, "the grant has no such topic");
  if (grant->passed != passed) return fail(Status::conflict, "messages are on their way to the node");
  if (grant->flow) return fail(Status::conflict, "a flow of this device runs: end it first");
  if (terms.sequence < grant->sequence) return fail(Status::conflict, "numbers up to " + std::to_string(grant->sequence) + " have been given");
  // The topic is changed in place.
  if (terms.application_topic.size() > terms.device_topic.size()) return fail(Status::invalid, "the application's topic is longer than the device's");
  if (!is_single_topic(terms.application_topic) || !terms.application_topic.starts_with("out/")) return fail(Status::invalid, "the application's topic is a single one under out/");
  if (terms.sensors.empty() || terms.sensors.size() > kFlowSensorsMax) return fail(Status::invalid, "a flow has 1 to 64 sensors");
  std::size_t text = 0;
  for (const FlowSensor& sensor : terms.sensors) text += sensor.text.head.size() + sensor.text.middle.size() + sensor.text.tail.size();
  if (text > kFlowTextMax_bytes) return fail(Status::too_large, "the texts of a flow are larger than 64 KiB");
  for (const std::uint64_t mark : terms.marks) {
    const std::size_t before = grant->recent.memory_bytes();
    grant->recent.add(mark, marks_may_grow(*grant));
    marks_bytes_ += grant->recent.memory_bytes() - before;
  }
  terms.marks = {};
  ended_[owner].forget(username);
  grant->flow = std::make_unique<Flow>(std::move(terms));
  ++flow_counts_[owner];
  return {};
}

Result<void> GrantTable::raise_flow(Owner owner, std::string_view username, std::string_view generation, std::optional<std::uint64_t> bytes, std::uint64_t sequence_limit) {
  Grant* grant = own_grant(owner, username);
  if (grant == nullptr || !grant->flow || grant->flow->terms().generation != generation) return fail(Status::not_found, "no such flow");
  grant->flow->raise(bytes, sequence_limit);
  return {};
}

std::optional<FlowReport> GrantTable::flow(Owner owner, std::string_view username) {
  const auto found = grants_.find(username);
  if (found == grants_.end() || found->second.owner != owner || !found->second.flow) return ended_[owner].find(username);
  return report(*found);
}

std::optional<FlowReport> GrantTable::end_flow(Owner owner, std::string_view username) {
  if (const auto found = grants_.find(username); found != grants_.end() && found->second.owner == owner) drop_flow(*found);
  return ended_[owner].find(username);
}

void GrantTable::forget_flow(Owner owner, std::string_view username, std::string_view generation) {
  const auto ended = ended_[owner].find(username);
  if (ended && ended->generation == generation) ended_[owner].forget(username);
}

std::uint64_t GrantTable::passed(std::string_view username) const {
  const auto found = grants_.find(username);
  return found == grants_.end() ? 0 : found->second.passed;
}

std::uint64_t GrantTable::sequence(std::string_view username) const {
  const auto found = grants_.find(username);
  if (found == grants_.end()) return 0;
  return found->second.flow ? found->second.flow->usage().sequence : found->second.sequence;
}

std::vector<std::uint64_t> GrantTable::marks(std::string_view username) const {
  const auto found = grants_.find(username);
  return found == grants_.end() ? std::vector<std::uint64_t>{} : found->second.recent.last(kFlowMarksMax);
}

bool GrantTable::subscribed(const FlowTerms& terms) const {
  const auto found = grants_.find(terms.application);
  return found != grants_.end() && !found->second.subscribers.empty() &&
         std::find(found->second.subscribe.begin(), found->second.subscribe.end(), terms.application_topic) != found->second.subscribe.end();
}

void GrantTable::mark_changed(Grants::value_type& entry, std::int64_t now_ms, bool urgent) {
  Grant& grant = entry.second;
  if (!grant.flow_changed) {
    grant.flow_changed = true;
    changed_[grant.owner].push_back({entry.first, now_ms});
  }
  if (urgent && !grant.flow_urgent) {
    grant.flow_urgent = true;
    urgent_[grant.owner].push_back(entry.first);
  }
}

FlowVerdict GrantTable::route(const FlowMessage& message, std::string& measurement, std::string_view& new_topic) {
  const auto found = grants_.find(message.username);
  if (found == grants_.end()) return FlowVerdict::pass;
  Grant& grant = found->second;
  const bool flows = grant.flow && !grant.flow->stopped() && grant.flow->terms().device_topic == message.topic;
  if (!flows) {
    ++grant.passed;
    return FlowVerdict::pass;
  }
  Flow& flow = *grant.flow;
  const Lease& lease = leases_[grant.owner];
  const std::int64_t now = steady_ms_();
  const std::size_t marks_before = grant.recent.memory_bytes();
  const FlowArrival arrival{message.payload,           now + lease.to_ledger_ms, lease.until_steady_ms + lease.to_ledger_ms,
                            subscribed(flow.terms()), message.plain,            marks_may_grow(grant)};
  const FlowVerdict verdict = flow.take(arrival, grant.recent, measurement);
  marks_bytes_ += grant.recent.memory_bytes() - marks_before;
  if (verdict == FlowVerdict::pass) ++grant.passed;
  mark_changed(*found, now, verdict == FlowVerdict::pass || flow.low());
  new_topic = flow.terms().application_topic;
  return verdict;
}

std::vector<FlowReport> GrantTable::take_changed(Owner owner, std::size_t max) {
  std::vector<FlowReport> out;
  const auto take = [&](const std::string& username, bool Grant::* mark) {
    const auto found = grants_.find(username);
    if (found == grants_.end()) {
      if (auto ended = ended_[owner].find(username)) out.push_back(std::move(*ended));
      return;
    }
    if (found->second.owner != owner) return;
    found->second.*mark = false;
    if (found->second.flow) out.push_back(report(*found));
  };
  for (; !urgent_[owner].empty() && out.size() < max; urgent_[owner].pop_back()) take(urgent_[owner].back(), &Grant::flow_urgent);
  for (; !changed_[owner].empty() && out.size() < max; changed_[owner].pop_front()) take(changed_[owner].front().username, &Grant::flow_changed);
  return out;
}

}  // namespace agiddi::broker
