// Readings that go through the broker's plugin alone: when such a flow begins and ends. What it counted, and how its limits follow the ledger, is in
// delivery_flow_counts.cpp.
#include <algorithm>

#include "node/delivery/delivery_core.h"
#include "node/log.h"
#include "protocol/limits.h"

namespace agiddi::node {
namespace {

constexpr std::size_t kFlowTextsMax_bytes = 32 * 1024;
constexpr TimeMs kFlowAgain_ms = 200;
constexpr TimeMs kDeviceWaits_ms = 2'000;               // with its start command, for the flow
constexpr TimeMs kAnswerWithin_ms = 5'000, kCountsAgain_ms = 2'000;
// All that may be lost in an epoch with brokers that die. It stays reserved and is never reported, and no more than kReservedAheadMax_bytes may be: the rest is
// for what goes on.
constexpr std::uint64_t kLossMax_bytes = limits::kReservedAheadMax_bytes / 2, kLossLeft_bytes = 64 * 1024;

Json clock_json(const subservices::ServiceClock& clock) {
  Json json = Json::object({{"accountedTo", clock.accounted_to()}, {"heard", clock.last_sign()}, {"earnedMs", clock.earned_ms()}, {"silentMs", clock.silent_ms()}});
  if (clock.patience_ms() != subservices::ServiceClock::kEver) json.set("patienceMs", clock.patience_ms());
  if (clock.absence_ms() != subservices::ServiceClock::kEver) json.set("absenceMs", clock.absence_ms());
  if (clock.lost_at()) json.set("lost", *clock.lost_at());
  return json;
}

}  // namespace

// Over MQTT, with a lease (so that a flow ends with its node), and nothing that has to be converted.
bool DeliveryCore::flow_possible(const Served& served, const ServedDevice& device) const {
  return options_.broker_flows && served.over_mqtt() && served.view.leased && device.flow.passed && !device.flow.unfit && !device.over && !served.ended &&
         served.account.topic.size() <= device.account.topic.size() && device.flow.lost + kLossLeft_bytes <= kLossMax_bytes &&
         window_fits_flow(served, device);
}

// Up to which total of the meter a flow may forward readings; nothing: no limit in bytes.
std::optional<std::uint64_t> DeliveryCore::allowed_bytes(const Served& served, const ServedDevice& device) const {
  if (!device.granted.bytes_limit) return std::nullopt;
  const std::uint64_t left = more(std::min(device.granted.bytes_reserved, *device.granted.bytes_limit), device.flow.lost);
  const std::uint64_t ahead = std::min(more(kLossMax_bytes, device.flow.lost), window_left(served, device).value_or(kLossMax_bytes));
  return std::min(left, device.meter.bytes_used() + ahead);
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
  broker_->ask(Json::object({{"command", "lease"}, {"until", std::max<TimeMs>(ledger + left, 0)}, {"toLedger", ledger - (DeliveryLane::steady_ms() + *difference)}}), {});
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
  const auto allowed = allowed_bytes(served, device);
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
  account(served, device, now());
  flow.bytes_end = allowed;
  flow.sequence_end = device.meter.sequence() + kSequenceAhead;
  flow.told = counts_so_far(device);
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
                               {"bytesUsed", device.meter.bytes_used()},
                               {"readings", device.meter.readings()},
                               {"sequence", device.meter.sequence()},
                               {"sequenceLimit", flow.sequence_end},
                               {"clock", clock_json(device.clock)},
                               {"sensors", std::move(sensors)}});
  if (device.frame.senml) command.set("form", "senml");
  if (const auto marks = device.recent.last(kMarksHandedMax); !marks.empty()) command.set("marks", marks_text(marks));
  if (allowed) command.set("bytes", *allowed);
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
  if (const auto passed = read_count(*answer, "passed")) flow.passed = passed;
  if (!ok || !ok->is_bool() || !ok->as_bool()) {
    if (answer->find("flow") != nullptr) {   // of which this node knew nothing
      set_flow(device, FlowState::off);
      return take_over_flow(served, index, *answer);
    }
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

// After an absence: as the former run, or this one before the connection broke, left it.
void DeliveryCore::ask_again(Served& served, std::size_t index) {
  ServedDevice& device = served.devices[index];
  if (device.flow.counts_due) return ask_last_counts(served, index);
  if (device.flow.is_off() || device.over) return;
  if (flow_possible(served, device) && device.flow.state != FlowState::ending) return ask_flow(served, index, "flow-state");
  set_flow(device, FlowState::ending);
  ask_flow(served, index, "flow-end");
}

void DeliveryCore::ask_flows() {
  tell_lease();
  for (auto& [id, served] : served_) {
    for (std::size_t i = 0; i < served.devices.size(); ++i) ask_again(served, i);
  }
}

void DeliveryCore::flow_answered(Served& served, std::size_t index, const Json& answer, bool end) {
  ServedDevice& device = served.devices[index];
  BrokerFlow& flow = device.flow;
  if (const auto passed = read_count(answer, "passed")) flow.passed = passed;
  const Json* told = answer.find("flow");
  const auto counts = told ? read_flow_counts(*told) : std::nullopt;
  const bool known = counts && counts->generation == flow.generation;
  if (known) take_counts(served, index, *counts);
  if (device.over) return;
  if (known && !end && !counts->ended) {
    if (flow.state == FlowState::ending) return;
    set_flow(device, FlowState::running);
    raise_flow(served, index);
    if (counts->stopped || !device.held.empty() || !flow_possible(served, device)) end_flow(served, index);
    return;
  }
  if (!known) lose_flow(served, index);
  for (const std::uint64_t mark : read_marks(answer.find("marks"))) device.recent.add(mark);   // sent again, they are not to be taken here
  set_flow(device, FlowState::off);
  flow.again_at = now() + kFlowAgain_ms;
  keep_meter(served, device);
  keep_flow(served, device);
  if (known) forget_flow(device);
  release_held(served);
  if (device.over) return;
  if (device.meter.bytes_remaining() == std::uint64_t{0}) return end_device(served, index, subservices::MeterEnd::data, now());
  reserve_ahead(served, index);
}

void DeliveryCore::watch_flows(Served& served) {
  for (std::size_t i = 0; i < served.devices.size(); ++i) {
    const BrokerFlow& flow = served.devices[i].flow;
    if (flow.counts_due && now() >= flow.counts_until) last_counts(served, i, std::nullopt);
    if (flow.counts_due && broker_->ready() && now() - flow.asked_at > kCountsAgain_ms) ask_last_counts(served, i);
    const bool between = flow.state == FlowState::starting || flow.state == FlowState::ending;
    if (between && !served.devices[i].over && broker_->ready() && now() - flow.asked_at > kAnswerWithin_ms) {   // a full queue may have lost it
      set_flow(served.devices[i], FlowState::ending);
      ask_flow(served, i, "flow-end");
    }
    begin_flow(served, i);
    start_waiting_device(served, i);
  }
}

// What the plugin says of a device whose grant is in force.
void DeliveryCore::on_granted(const std::string& username, const Json& answer) {
  const auto route = device_users_.find(username);
  Served* served = route == device_users_.end() ? nullptr : find(route->second.integration);
  const auto passed = read_count(answer, "passed");
  if (served == nullptr || !passed) return;
  ServedDevice& device = served->devices[route->second.device];
  device.flow.passed = passed;
  device.meter.lose(0, read_count(answer, "sequence").value_or(0));
  if (answer.find("flow") != nullptr && !device.over) take_over_flow(*served, route->second.device, answer);
}

// A flow whose beginning this node has forgotten (its machine failed before the notes reached the disk): it ends, and its totals are taken up.
void DeliveryCore::take_over_flow(Served& served, std::size_t index, const Json& answer) {
  ServedDevice& device = served.devices[index];
  const auto counts = read_flow_counts(*answer.find("flow"));
  if (!counts || (!device.flow.is_off() && device.flow.generation == counts->generation)) return;
  // Of a flow that has ended there is news only when it counted more than is known here.
  if (counts->ended && (counts->bytes <= device.meter.bytes_used() && counts->sequence <= device.meter.sequence())) return;
  device.flow.generation = counts->generation;
  device.flow.unasked = true;
  device.flow.bytes_end = allowed_bytes(served, device);
  device.flow.sequence_end = std::max(counts->sequence, device.meter.sequence() + kSequenceAhead);
  device.flow.told = counts_so_far(device);
  set_flow(device, FlowState::ending);
  keep_flow(served, device);
  ask_flow(served, index, "flow-end");
}

}  // namespace agiddi::node
