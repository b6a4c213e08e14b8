// The path of a reading: from the device's topic over the meter to the application.
#include "node/delivery/delivery_core.h"
#include "node/log.h"
#include "subservices/forwarding/reading.h"

namespace agiddi::node {
namespace {

constexpr std::size_t kOutboxMax = 2'000;   // measurements of one integration that nobody has acknowledged
constexpr std::size_t kOutboxMax_bytes = 8 * 1024 * 1024;   // checked before a message is taken, whose measurements may pass it

}  // namespace

void DeliveryCore::on_message(const std::string& topic, const Bytes& payload, TimeMs arrival) {
  count(received);
  const auto route = routes_.find(topic);
  Served* served = route == routes_.end() ? nullptr : find(route->second.integration);
  if (served == nullptr || stopping_) return;
  const std::size_t index = route->second.device;
  ServedDevice& device = served->devices[index];
  if (device.over || served->ended) return count(beyond_limit);
  if (device.meter.expire(arrival)) {
    count(beyond_limit);
    return end_device(*served, index, subservices::MeterEnd::time, *device.granted.expires);
  }
  device.ask_again_ms = 0;
  if (device.flow.passed) ++*device.flow.passed;
  if (!device.flow.is_off()) {   // its count is not known yet
    hold(*served, index, payload, arrival);
    if (device.flow.state == BrokerFlow::State::running) end_flow(*served, index);
    return;
  }
  if (must_wait(*served, device, payload.size())) return hold(*served, index, payload, arrival);
  take(*served, index, payload, arrival);
}

// Meters a reading and forwards it.
void DeliveryCore::take(Served& served, std::size_t index, const Bytes& payload, TimeMs arrival, Way way) {
  ServedDevice& device = served.devices[index];
  const auto readings = subservices::parse_readings(payload, arrival);
  if (!readings) return count(unreadable);
  const auto resolved = subservices::resolve_readings(device.frame, *readings, arrival);
  if (resolved.empty()) return count(unknown_sensor);
  if (way == Way::push) {   // else it was when it came
    account(served, device, arrival);
    device.clock.heard(arrival);
    device.heard = std::max(device.heard, arrival);
  }
  const auto mark = subservices::RecentReadings::mark(payload, *readings);
  if (mark && device.recent.contains(*mark)) return count(duplicates);
  if (way == Way::push) {
    const Room room = room_for(served, resolved.size());
    if (room == Room::nobody && !served.over_mqtt()) device.unclaimed = ServedDevice::Held{payload, arrival};
    if (room != Room::yes) return count(room == Room::nobody ? no_receiver : overflow);
    device.unclaimed.reset();   // passed over: it was not asked for
  }
  if (!device.meter.admit(payload.size(), static_cast<std::uint32_t>(resolved.size()), arrival)) {
    count(beyond_limit);
    return end_device(served, index, device.meter.ended(), arrival);
  }
  if (mark) device.recent.add(*mark);
  served.changed = true;
  count(bytes, payload.size());
  forward(served, index, resolved, way);
  reserve_ahead(served, index);
  // Used up to the last byte: whatever comes next would pass the limit.
  if (device.meter.bytes_remaining() == std::uint64_t{0}) end_device(served, index, subservices::MeterEnd::data, arrival);
}

// Whether somebody takes so many measurements now. If not the reading is dropped, neither charged nor numbered.
DeliveryCore::Room DeliveryCore::room_for(Served& served, std::size_t measurements) {
  const auto outbox_has_room = [&] { return served.outbox_size() + measurements <= kOutboxMax && served.outbox_bytes() < kOutboxMax_bytes; };
  if (served.over_mqtt()) {
    if (!served.attached || !broker_->ready()) return Room::nobody;
    return outbox_has_room() ? Room::yes : Room::full;
  }
  if (served.posts()) {
    if (outbox_has_room()) return Room::yes;
    ++served.webhook->dropped;
    return Room::full;
  }
  if (!served.sink) return Room::nobody;
  return drain_to_sink(served) && served.sink->room() >= measurements ? Room::yes : Room::full;
}

void DeliveryCore::keep_meter(const Served& served, const ServedDevice& device) {
  ledger_.local_put(notes::meter(served.view.id, device.granted.device), device.meter.record());
}

// The note of a measurement is written before the meter's, the meter's before the measurement goes out: after a crash, what is noted and counted is
// sent (again), what is noted and not counted is dropped.
void DeliveryCore::forward(Served& served, std::size_t index, const std::vector<subservices::ResolvedReading>& readings, Way way) {
  ServedDevice& device = served.devices[index];
  const Hash& id = served.view.id;
  std::uint64_t sequence = device.meter.sequence() - readings.size();
  std::vector<std::pair<std::uint64_t, std::shared_ptr<const std::string>>> stream;
  const bool to_outbox = served.over_mqtt() || (way == Way::push && served.posts());
  for (const auto& reading : readings) {
    auto json = std::make_shared<const std::string>(subservices::measurement_json(device.frame, reading, ++sequence));
    if (!served.over_mqtt()) device.latest[reading.sensor] = {sequence, json};
    if (to_outbox) {
      ledger_.local_put(notes::outbox(id, device.granted.device, sequence), *json);
      device.outbox_bytes += json->size();
      device.outbox[sequence].json = std::move(json);
    } else if (way == Way::push) {
      stream.emplace_back(sequence, std::move(json));
    }
  }
  keep_meter(served, device);
  count(forwarded, readings.size());
  if (served.over_mqtt()) return publish_outbox(id, served, index);
  if (to_outbox) return post_webhook(served);
  for (auto& [number, json] : stream) push_to_sink(served, index, number, std::move(json));
}

void DeliveryCore::publish_outbox(const Hash& id, Served& served, std::size_t index) {
  for (auto& [sequence, entry] : served.devices[index].outbox) {
    if (entry.on_way) continue;
    entry.on_way = broker_->publish(served.account.topic, *entry.json, [this, id, epoch = served.view.epoch, index, number = sequence](MqttAck ack) {
      acknowledged(id, epoch, index, number, ack);
    });
    if (!entry.on_way) return;
  }
}

void DeliveryCore::acknowledged(const Hash& id, std::uint64_t epoch, std::size_t index, std::uint64_t sequence, MqttAck ack) {
  Served* served = find(id);
  if (served == nullptr || served->view.epoch != epoch) return;
  ServedDevice& device = served->devices[index];
  const auto entry = device.outbox.find(sequence);
  if (entry == device.outbox.end()) return;
  if (ack == MqttAck::accepted) {
    erase_outbox(*served, index, sequence);
    begin_flow(*served, index);   // the best moment: nothing is in hand, and the next reading is probably not yet on its way
    return;
  }
  // Nobody has it: it waits for the application to come back.
  entry->second.on_way = false;
  if (ack == MqttAck::no_subscriber) served->attached = false;
}

void DeliveryCore::erase_outbox(Served& served, std::size_t index, std::uint64_t sequence) {
  ServedDevice& device = served.devices[index];
  const auto entry = device.outbox.find(sequence);
  if (entry == device.outbox.end()) return;
  device.outbox_bytes -= entry->second.json->size();
  device.outbox.erase(entry);
  ledger_.local_erase(notes::outbox(served.view.id, device.granted.device, sequence));
}

void DeliveryCore::on_attached(const std::string& username, bool attached) {
  const auto found = applications_.find(username);
  Served* served = found == applications_.end() ? nullptr : find(found->second);
  if (served == nullptr) return;
  served->attached = attached;
  if (!attached) return;
  for (std::size_t i = 0; i < served->devices.size(); ++i) publish_outbox(served->view.id, *served, i);
}

}  // namespace agiddi::node
