// What readings that go through the broker's plugin alone have used, and how their limits follow the ledger. The plugin's figures are totals, so they are taken as
// they are, however often they come.
#include <algorithm>

#include "node/delivery/delivery_core.h"
#include "node/log.h"

namespace agiddi::node {
namespace {

constexpr TimeMs kCountsWithin_ms = 10'000;             // of the 30 s that the ledger waits for a last report
constexpr TimeMs kNotedEvery_ms = 10'000;                // what a run has served is noted at least so often, while readings come

}  // namespace

FlowCounts DeliveryCore::counts_so_far(const ServedDevice& device) {
  FlowCounts counts;
  counts.bytes = device.meter.bytes_used();
  counts.readings = device.meter.readings();
  counts.sequence = device.meter.sequence();
  return counts;
}

// A former run of this node ended at an unknown moment after its last reading: from there until now nobody served.
void DeliveryCore::skip_absence(ServedDevice& device) const {
  const TimeMs last = device.meter.last_reading().value_or(0);
  device.clock.account(std::min(last, device.clock.accounted_to() + kNotedEvery_ms), device.granted.expires.value_or(subservices::ServiceClock::kEver));
  device.clock.account(now(), 0);
  device.clock.heard(now());
}

// The plugin that counted is gone. All that it was allowed to may have been forwarded: nobody pays for it, and it is never forwarded again.
void DeliveryCore::lose_flow(Served& served, std::size_t index) {
  ServedDevice& device = served.devices[index];
  BrokerFlow& flow = device.flow;
  if (std::exchange(flow.unasked, false)) skip_absence(device);
  const std::uint64_t unknown = flow.bytes_end ? more(*flow.bytes_end, device.meter.bytes_used()) : 0;
  const std::uint64_t numbers = flow.bytes_end ? std::min(unknown, more(flow.sequence_end, device.meter.sequence())) : more(flow.sequence_end, device.meter.sequence());
  flow.lost += unknown;
  device.meter.lose(unknown, device.meter.sequence() + numbers);
  keep_meter(served, device);
  served.changed = true;
  log_warn("the broker's plugin lost its count of a device", {{"device", device.granted.measurement.device}, {"bytes", unknown}, {"sequence", device.meter.sequence()}});
}

// ---- counts

void DeliveryCore::on_usage(const Json& event) {
  const Json* list = event.find("flows");
  if (stopping_ || !list || !list->is_array()) return;
  for (const Json& told : list->items()) {
    const Json* username = told.find("username");
    const auto counts = read_flow_counts(told);
    const auto route = username && username->is_string() ? device_users_.find(username->as_string()) : device_users_.end();
    Served* served = route == device_users_.end() ? nullptr : find(route->second.integration);
    if (served == nullptr || !counts) continue;
    const std::size_t index = route->second.device;
    const ServedDevice& device = served->devices[index];
    if (device.over || device.flow.is_off() || device.flow.generation != counts->generation) continue;
    take_counts(*served, index, *counts);
    if (!device.over && (counts->stopped || counts->ended)) end_flow(*served, index);
  }
  const auto until = read_count(event, "reportedUntil");
  if (const auto at = until ? ledger_time(*until) : std::nullopt) flows_known_until_ = std::max(flows_known_until_, *at);
}

// Of a moment of the broker's steady clock, not later than it was.
std::optional<TimeMs> DeliveryCore::ledger_time(std::uint64_t broker_ms) const {
  constexpr std::uint64_t kSteadyMax_ms = 253'402'300'799'999;
  const auto difference = broker_->broker_clock();
  if (!difference || broker_ms > kSteadyMax_ms) return std::nullopt;
  return now() - std::max<std::int64_t>(DeliveryLane::steady_ms() + *difference - static_cast<std::int64_t>(broker_ms), 0);
}

// A device's connection broke (its last will says so), or it is connected again: told by the plugin, which looks at the clock of a flow itself.
void DeliveryCore::on_connection(const std::string& username, bool lost, std::uint64_t broker_ms) {
  const auto route = device_users_.find(username);
  Served* served = route == device_users_.end() ? nullptr : find(route->second.integration);
  const auto at = ledger_time(broker_ms);
  if (served == nullptr || !at) return;
  ServedDevice& device = served->devices[route->second.device];
  if (device.over) return;
  account(*served, device, *at);
  lost ? device.clock.lost(*at) : device.clock.back(*at);
}

void DeliveryCore::take_counts(Served& served, std::size_t index, const FlowCounts& counts) {
  ServedDevice& device = served.devices[index];
  BrokerFlow& flow = device.flow;
  const FlowCounts before = std::exchange(flow.told, counts);
  const std::uint64_t bytes_more = more(counts.bytes, before.bytes), readings_more = more(counts.readings, before.readings);
  const std::uint64_t dropped = more(counts.duplicates, before.duplicates) + more(counts.unreadable, before.unreadable) +
                                more(counts.unknown_sensor, before.unknown_sensor) + more(counts.no_receiver, before.no_receiver);
  count(received, readings_more + dropped);
  count(forwarded, readings_more);
  count(bytes, bytes_more);
  count(duplicates, more(counts.duplicates, before.duplicates));
  count(unreadable, more(counts.unreadable, before.unreadable));
  count(unknown_sensor, more(counts.unknown_sensor, before.unknown_sensor));
  count(no_receiver, more(counts.no_receiver, before.no_receiver));
  flow.unfit = flow.unfit || counts.unfit;
  const TimeMs lived = std::max<TimeMs>(now() - std::exchange(flow.told_at, now()), 1);
  flow.bytes_per_s = std::max(1'000 * bytes_more / static_cast<std::uint64_t>(lived), flow.bytes_per_s / 2);
  const bool resumed = std::exchange(flow.unasked, false);
  device.clock.take_up(counts.accounted_to, counts.heard, counts.lost, counts.earned_ms, counts.silent_ms);
  if (resumed && (counts.stopped || counts.ended)) {   // while this node was away: from then on nobody served
    device.clock.account(now(), 0);
    device.clock.heard(now());
  }
  if (counts.heard > device.heard) {
    device.heard = counts.heard;
    device.ask_again_ms = 0;
  }
  device.meter.catch_up(counts.bytes, counts.readings, counts.sequence, counts.last);
  if (readings_more == 0) return;
  served.changed = true;
  keep_meter(served, device);
  if (device.over) return;
  raise_flow(served, index);
  reserve_ahead(served, index);
  if (device.meter.bytes_remaining() == std::uint64_t{0}) end_device(served, index, subservices::MeterEnd::data, counts.last.value_or(now()));
}

// What the ledger has reserved since, and numbers enough. Noted before the plugin has it.
void DeliveryCore::raise_flow(Served& served, std::size_t index) {
  ServedDevice& device = served.devices[index];
  BrokerFlow& flow = device.flow;
  if (flow.state != FlowState::running || device.over) return;
  const auto allowed = allowed_bytes(served, device);
  const bool more_bytes = allowed && flow.bytes_end && *allowed > *flow.bytes_end;
  const bool more_numbers = more(flow.sequence_end, device.meter.sequence()) < kSequenceAhead / 2;
  if (!more_bytes && !more_numbers) return;
  if (more_bytes) flow.bytes_end = allowed;
  if (more_numbers) flow.sequence_end = device.meter.sequence() + kSequenceAhead;
  keep_flow(served, device);
  Json command = Json::object({{"command", "raise"}, {"username", device.account.username}, {"generation", flow.generation}, {"sequenceLimit", flow.sequence_end}});
  if (flow.bytes_end) command.set("bytes", *flow.bytes_end);
  broker_->ask(std::move(command), {});
}

void DeliveryCore::raise_flows(Served& served) {
  for (std::size_t i = 0; i < served.devices.size(); ++i) raise_flow(served, i);
}

// ---- at the end

// The plugin keeps the last counts until it is told that they are here.
void DeliveryCore::forget_flow(const ServedDevice& device) {
  broker_->ask(Json::object({{"command", "flow-forget"}, {"username", device.account.username}, {"generation", device.flow.generation}}), {});
}

// The device has ended: what its flow counted until its grant is revoked. Asked again when an answer is lost, also by the next run of this node.
void DeliveryCore::await_counts(Served& served, std::size_t index) {
  BrokerFlow& flow = served.devices[index].flow;
  flow.counts_due = true;
  flow.counts_until = now() + kCountsWithin_ms;
}

void DeliveryCore::ask_last_counts(Served& served, std::size_t index) {
  ServedDevice& device = served.devices[index];
  device.flow.asked_at = now();
  const bool unanswered = broker_->revoke(device.account.username, [this, id = served.view.id, epoch = served.view.epoch, index](const Json* answer) {
    Served* then = find(id);
    if (then == nullptr || then->view.epoch != epoch || answer == nullptr || !then->devices[index].flow.counts_due) return;
    const Json* told = answer->find("flow");
    const auto counts = told ? read_flow_counts(*told) : std::nullopt;
    last_counts(*then, index, counts && counts->generation == then->devices[index].flow.generation ? counts : std::nullopt);
  });
  if (unanswered && --served.grants_pending == 0) grants_settled(served);
}

void DeliveryCore::last_counts(Served& served, std::size_t index, const std::optional<FlowCounts>& counts) {
  ServedDevice& device = served.devices[index];
  BrokerFlow& flow = device.flow;
  flow.counts_due = false;
  if (counts) {
    take_counts(served, index, *counts);
  } else {
    if (std::exchange(flow.unasked, false)) skip_absence(device);
    log_warn("a device is settled by what its node knew: the broker's plugin could not be asked, or has no count any more",
             {{"integration", served.view.id.hex()}, {"device", device.granted.measurement.device}, {"bytes", device.meter.bytes_used()}});
  }
  device.clock.finish(device.ended_at, std::min(device.granted.expires.value_or(subservices::ServiceClock::kEver), lease_end(served)));
  set_flow(device, FlowState::off);
  keep_meter(served, device);
  keep_flow(served, device);
  if (counts) forget_flow(device);
  await_application(served, device);
  if (served.settled) return;
  served.report_due = true;
  if (served.ended && !served.report_on_way) report(served);
}

bool DeliveryCore::counts_awaited(const Served& served) {
  return std::any_of(served.devices.begin(), served.devices.end(), [](const ServedDevice& device) { return device.flow.counts_due; });
}

}  // namespace agiddi::node
