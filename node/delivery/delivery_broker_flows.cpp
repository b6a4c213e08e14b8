// Readings that go through the broker's plugin alone: when such a flow begins and ends, what it counted, and how its limits follow the lease and the ledger.
#include <algorithm>

#include "node/delivery/delivery_core.h"
#include "node/log.h"

namespace agiddi::node {
namespace {

using FlowState = BrokerFlow::State;

constexpr std::uint64_t kSequenceAhead = 100'000;       // numbers that a flow may give before it is heard of again
constexpr std::size_t kFlowTextsMax_bytes = 32 * 1024;
constexpr TimeMs kFlowAgain_ms = 200;
constexpr TimeMs kDeviceWaits_ms = 2'000;               // with its start command, for the flow
constexpr TimeMs kCountsWithin_ms = 3'000, kAnswerWithin_ms = 5'000;

std::uint64_t more(std::uint64_t now, std::uint64_t before) { return now - std::min(now, before); }

std::int64_t steady_now_ms() { return std::chrono::duration_cast<std::chrono::milliseconds>(DeliveryLane::Clock::now().time_since_epoch()).count(); }

}  // namespace

// Over MQTT, with a lease (so that a flow ends with its node), and nothing that has to be converted.
bool DeliveryCore::flow_possible(const Served& served, const ServedDevice& device) const {
  return options_.broker_flows && served.over_mqtt() && served.view.leased && device.flow.passed && !device.flow.unfit && !device.over && !served.ended &&
         served.account.topic.size() <= device.account.topic.size();
}

// Up to which total of the meter readings may be forwarded; nothing: no limit in bytes.
std::optional<std::uint64_t> DeliveryCore::allowed_bytes(const ServedDevice& device) const {
  if (!device.granted.bytes_limit) return std::nullopt;
  return more(std::min(device.granted.bytes_reserved, *device.granted.bytes_limit), device.flow.lost);
}

void DeliveryCore::keep_flow(const Served& served, const ServedDevice& device) {
  ledger_.local_put(notes::flow(served.view.id, device.granted.device), flow_note(device.flow));
}

void DeliveryCore::set_flow(ServedDevice& device, FlowState state) {
  const bool before = device.flow.state == FlowState::running, after = state == FlowState::running;
  if (before != after) count(flows, after ? 1 : static_cast<std::uint64_t>(-1));
  device.flow.state = state;
}

// What a lease is worth on the broker's clock. A message takes time, so the broker's clock is at most later than believed here, and a flow ends early.
void DeliveryCore::tell_lease() {
  if (!broker_ || !broker_->ready() || lease_until_ == DeliveryLane::Clock::time_point{}) return;
  const auto difference = broker_->broker_clock();
  if (!difference) return;
  const TimeMs ledger = now();
  const std::int64_t left = std::chrono::duration_cast<std::chrono::milliseconds>(lease_until_ - DeliveryLane::Clock::now()).count();
  lease_told_ = true;
  broker_->ask(Json::object({{"command", "lease"}, {"until", std::max<TimeMs>(ledger + left, 0)}, {"toLedger", ledger - (steady_now_ms() + *difference)}}), {});
}

// ---- begin and end

// True: the device gets its start command when its flow has begun, or soon in any case.
bool DeliveryCore::device_waits(Served& served, std::size_t index) {
  BrokerFlow& flow = served.devices[index].flow;
  if (!flow_possible(served, served.devices[index])) return false;
  flow.device_waits = true;
  flow.device_waits_until = now() + kDeviceWaits_ms;
  keep_lease();
  begin_flow(served, index);
  return true;
}

void DeliveryCore::start_waiting_device(Served& served, std::size_t index) {
  BrokerFlow& flow = served.devices[index].flow;
  if (!flow.device_waits || (flow.state != FlowState::running && now() < flow.device_waits_until)) return;
  flow.device_waits = false;
  if (!served.devices[index].over) send_start(served, index);
}

// Only when nothing of the device is in hand here: what it sent before must reach the application before.
void DeliveryCore::begin_flow(Served& served, std::size_t index) {
  ServedDevice& device = served.devices[index];
  BrokerFlow& flow = device.flow;
  if (!flow.is_off() || !flow_possible(served, device) || now() < flow.again_at || !broker_->ready() || !lease_told_ || !lease_holds(served)) return;
  if (!device.held.empty() || !device.outbox.empty()) return;
  const auto allowed = allowed_bytes(device);
  if (allowed && *allowed <= device.meter.bytes_used()) return;
  const auto texts = subservices::texts_without_conversion(device.frame);
  std::size_t size = 0;
  if (texts) {
    for (const auto& text : *texts) size += text.head.size() + text.middle.size() + text.tail.size();
  }
  if (!texts || size > kFlowTextsMax_bytes) {
    flow.unfit = true;
    return;
  }
  flow.generation = random_token();
  flow.bytes_base = device.meter.bytes_used();
  flow.readings_base = device.meter.readings();
  flow.bytes_end = allowed;
  flow.sequence_end = device.meter.sequence() + kSequenceAhead;
  flow.told = FlowCounts{};
  flow.told.sequence = device.meter.sequence();
  flow.told_at = flow.asked_at = now();
  set_flow(device, FlowState::starting);
  keep_flow(served, device);   // before the plugin has it: whatever becomes of it, this much may have been forwarded
  Json sensors(Json::Array{});
  for (std::size_t i = 0; i < texts->size(); ++i) {
    const auto& text = (*texts)[i];
    sensors.push(Json::object({{"name", device.granted.measurement.sensors[i].name}, {"head", text.head}, {"middle", text.middle}, {"tail", text.tail}}));
  }
  Json command = Json::object({{"command", "flow"},
                               {"username", device.account.username},
                               {"generation", flow.generation},
                               {"passed", *flow.passed},
                               {"topic", device.account.topic},
                               {"application", served.account.username},
                               {"applicationTopic", served.account.topic},
                               {"sequence", device.meter.sequence()},
                               {"sequenceLimit", flow.sequence_end},
                               {"sensors", std::move(sensors)}});
  if (allowed) command.set("bytes", *allowed - flow.bytes_base);
  if (device.granted.expires) command.set("expires", *device.granted.expires);
  broker_->ask(std::move(command), [this, id = served.view.id, epoch = served.view.epoch, index, generation = flow.generation, seen = *flow.passed](const Json* answer) {
    Served* then = find(id);
    if (then != nullptr && then->view.epoch == epoch && then->devices[index].flow.generation == generation) flow_began(*then, index, seen, answer);
  });
}

void DeliveryCore::flow_began(Served& served, std::size_t index, std::uint64_t seen, const Json* answer) {
  ServedDevice& device = served.devices[index];
  BrokerFlow& flow = device.flow;
  if (answer == nullptr || flow.state != FlowState::starting) return;   // whether it began is asked when the connection is back
  const Json* ok = answer->find("ok");
  const Json* passed = answer->find("passed");
  if (passed && passed->is_number()) flow.passed = std::stoull(passed->number_text());
  if (!ok || !ok->is_bool() || !ok->as_bool()) {
    if (flow.passed == seen) {   // else something was on its way
      flow.unfit = true;
      log_warn("a device's readings stay on the node's own path", {{"device", device.granted.measurement.device}, {"reason", answer->dump()}});
    }
    set_flow(device, FlowState::off);
    flow.again_at = now() + kFlowAgain_ms;
    keep_flow(served, device);
    return release_held(served);
  }
  set_flow(device, FlowState::running);
  start_waiting_device(served, index);
  if (!device.held.empty()) end_flow(served, index);
}

// Something came that the plugin left to the node, or the flow's terms have changed.
void DeliveryCore::end_flow(Served& served, std::size_t index) {
  ServedDevice& device = served.devices[index];
  if (device.flow.is_off() || device.flow.state == FlowState::ending || device.over) return;
  set_flow(device, FlowState::ending);
  ask_flow(served, index, "flow-end");
}

// "flow-state" after an absence, or "flow-end".
void DeliveryCore::ask_flow(Served& served, std::size_t index, const char* command) {
  ServedDevice& device = served.devices[index];
  device.flow.asked_at = now();
  broker_->ask(Json::object({{"command", command}, {"username", device.account.username}}),
               [this, id = served.view.id, epoch = served.view.epoch, index, generation = device.flow.generation, end = std::string_view(command) == "flow-end"](const Json* answer) {
                 Served* then = find(id);
                 if (then == nullptr || then->view.epoch != epoch || answer == nullptr) return;
                 const BrokerFlow& flow = then->devices[index].flow;
                 if (!flow.is_off() && flow.generation == generation && !then->devices[index].over) flow_answered(*then, index, *answer, end);
               });
}

void DeliveryCore::flow_answered(Served& served, std::size_t index, const Json& answer, bool end) {
  ServedDevice& device = served.devices[index];
  BrokerFlow& flow = device.flow;
  if (const Json* passed = answer.find("passed"); passed && passed->is_number()) flow.passed = std::stoull(passed->number_text());
  const Json* told = answer.find("flow");
  const auto counts = told ? read_flow_counts(*told) : std::nullopt;
  const bool known = counts && counts->generation == flow.generation;
  if (known) take_counts(served, index, *counts);
  if (device.over) return;
  if (known && !end) {
    set_flow(device, FlowState::running);
    raise_flow(served, index);
    if (counts->stopped || !device.held.empty()) end_flow(served, index);
    return;
  }
  if (!known) lose_flow(served, index);
  set_flow(device, FlowState::off);
  flow.again_at = now() + kFlowAgain_ms;
  keep_flow(served, device);
  release_held(served);
  if (device.meter.bytes_remaining() == std::uint64_t{0}) return end_device(served, index, subservices::MeterEnd::data, now());
  reserve_ahead(served, index);
}

// The plugin that counted is gone. All that it was allowed to may have been forwarded: nobody pays for it, and it is never forwarded again.
void DeliveryCore::lose_flow(Served& served, std::size_t index) {
  ServedDevice& device = served.devices[index];
  BrokerFlow& flow = device.flow;
  const std::uint64_t unknown = flow.bytes_end ? more(*flow.bytes_end, device.meter.bytes_used()) : 0;
  const std::uint64_t numbers = flow.bytes_end ? std::min(unknown, more(flow.sequence_end, device.meter.sequence())) : more(flow.sequence_end, device.meter.sequence());
  flow.lost += unknown;
  device.meter.lose(unknown, device.meter.sequence() + numbers);
  keep_meter(served, device);
  served.changed = true;
  log_warn("the broker's plugin lost its count of a device", {{"device", device.granted.measurement.device}, {"bytes", unknown}, {"sequence", device.meter.sequence()}});
}

// ---- counts

void DeliveryCore::on_passed(const std::string& username, std::uint64_t passed) {
  const auto route = device_users_.find(username);
  Served* served = route == device_users_.end() ? nullptr : find(route->second.integration);
  if (served != nullptr) served->devices[route->second.device].flow.passed = passed;
}

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
    if (!device.over && counts->stopped) end_flow(*served, index);
  }
  const Json* until = event.find("reportedUntil");
  const auto difference = broker_->broker_clock();
  if (!until || !until->is_number() || !difference) return;
  const std::int64_t age = std::max<std::int64_t>(steady_now_ms() + *difference - std::stoll(until->number_text()), 0);
  flows_known_until_ = std::max(flows_known_until_, now() - age);
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
  for (const auto& sign : {counts.heard_first, counts.heard_last}) {
    if (!sign) continue;
    device.clock.account(*sign, std::min(device.granted.expires.value_or(ServiceClock::kEver), lease_end(served)));
    device.clock.heard(*sign);
    device.heard = std::max(device.heard, *sign);
    device.ask_again_ms = 0;
  }
  device.meter.catch_up(flow.bytes_base + counts.bytes, flow.readings_base + counts.readings, counts.sequence, counts.last);
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
  const auto allowed = allowed_bytes(device);
  const bool more_bytes = allowed && flow.bytes_end && *allowed > *flow.bytes_end;
  const bool more_numbers = more(flow.sequence_end, device.meter.sequence()) < kSequenceAhead / 2;
  if (!more_bytes && !more_numbers) return;
  if (more_bytes) flow.bytes_end = allowed;
  if (more_numbers) flow.sequence_end = device.meter.sequence() + kSequenceAhead;
  keep_flow(served, device);
  Json command = Json::object({{"command", "raise"}, {"username", device.account.username}, {"generation", flow.generation}, {"sequenceLimit", flow.sequence_end}});
  if (flow.bytes_end) command.set("bytes", *flow.bytes_end - flow.bytes_base);
  broker_->ask(std::move(command), {});
}

void DeliveryCore::raise_flows(Served& served) {
  for (std::size_t i = 0; i < served.devices.size(); ++i) raise_flow(served, i);
}

// ---- after an absence, and at the end

void DeliveryCore::ask_flows() {
  tell_lease();
  for (auto& [id, served] : served_) {
    for (std::size_t i = 0; i < served.devices.size(); ++i) {
      if (!served.devices[i].flow.is_off() && !served.devices[i].over) ask_flow(served, i, "flow-state");
    }
  }
}

// The device has ended: what its flow counted until its grant was revoked, or nothing when nobody can tell any more.
void DeliveryCore::last_counts(Served& served, std::size_t index, const Json* answer) {
  ServedDevice& device = served.devices[index];
  BrokerFlow& flow = device.flow;
  if (!flow.counts_due) return;
  flow.counts_due = false;
  const Json* told = answer ? answer->find("flow") : nullptr;
  const auto counts = told ? read_flow_counts(*told) : std::nullopt;
  if (counts && counts->generation == flow.generation) take_counts(served, index, *counts);
  device.clock.account(device.ended_at, std::min(device.granted.expires.value_or(ServiceClock::kEver), lease_end(served)));
  set_flow(device, FlowState::off);
  keep_meter(served, device);
  keep_flow(served, device);
  if (served.settled) return;
  served.report_due = true;
  if (served.ended && !served.report_on_way) report(served);
}

bool DeliveryCore::counts_awaited(const Served& served) {
  return std::any_of(served.devices.begin(), served.devices.end(), [](const ServedDevice& device) { return device.flow.counts_due; });
}

void DeliveryCore::watch_flows(Served& served) {
  for (std::size_t i = 0; i < served.devices.size(); ++i) {
    const BrokerFlow& flow = served.devices[i].flow;
    if (flow.counts_due && now() >= flow.counts_until) last_counts(served, i, nullptr);
    const bool between = flow.state == FlowState::starting || flow.state == FlowState::ending;
    if (between && !served.devices[i].over && broker_->ready() && now() - flow.asked_at > kAnswerWithin_ms) {   // a full queue may have lost it
      set_flow(served.devices[i], FlowState::ending);
      ask_flow(served, i, "flow-end");
    }
    begin_flow(served, i);
    start_waiting_device(served, i);
  }
}

void DeliveryCore::await_counts(ServedDevice& device) {
  device.flow.counts_due = true;
  device.flow.counts_until = now() + kCountsWithin_ms;
}

}  // namespace agiddi::node
