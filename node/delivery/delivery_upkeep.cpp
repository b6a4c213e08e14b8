// What goes on beside the readings: commands to devices, the end of time, usage reports.
#include <algorithm>

#include "node/delivery/delivery_core.h"
#include "node/log.h"

namespace agiddi::node {
namespace {

using subservices::MeterEnd;

constexpr auto kUpkeepEvery = std::chrono::milliseconds(200);
constexpr TimeMs kLinger_ms = 30'000;              // the application's credentials outlive the end, so that what is queued for it arrives
constexpr TimeMs kReportRetry_ms = 1'000;
constexpr std::int64_t kAskAgainFirst_ms = 1'000;  // nobody listened on the command topic
constexpr std::int64_t kAskAgainMax_ms = 60'000;
constexpr std::int64_t kPatience_ms = 30'000;      // for a device that took its command and stays silent
constexpr std::uint64_t kCountMax = 999'999'999'999'999;   // that a report takes
constexpr std::size_t kStopTriesMax = 5;
constexpr TimeMs kCommandExpiry_ms = 365LL * 86'400'000;

}  // namespace

void DeliveryCore::upkeep() {
  if (stopping_) return;
  if (!caught_up_) catch_up();
  keep_lease();
  const TimeMs time = now();
  std::vector<Hash> gone;
  for (auto& [id, served] : served_) {
    watch_flows(served);
    watch_counts(served);
    if (served.webhook) post_webhook(served);
    if (served.sink) drain_to_sink(served);
    for (std::size_t i = 0; i < served.devices.size(); ++i) {
      ServedDevice& device = served.devices[i];
      if (!device.access || device.command_on_way) continue;
      if (device.stop_pending) {
        if (time >= device.ask_again_at) send_stop(served, i);
      } else if (!device.over && served.grants_pending == 0 && time >= device.ask_again_at && lease_holds(served)) {
        const std::int64_t patience = std::max(kPatience_ms, 3 * device.granted.sampling_ms);
        if (device.ask_again_ms > 0 || time - std::max(device.heard, device.told) > patience) send_start(served, i);
      }
    }
    // While the lease is out nothing new is to be told, and a renewal is on its way.
    if ((served.report_due || served.changed) && !served.report_on_way && !served.settled && time >= served.report_at && (served.ended || lease_holds(served))) report(served);
    if (served.ended && time - served.ended_at > kLinger_ms) end_credentials(served);
    if (served.settled && served.credentials_gone && time - served.ended_at > kRemember_ms) gone.push_back(id);
  }
  for (const Hash& id : gone) {
    forget(id, served_[id]);
    served_.erase(id);
  }
  devices_.close_idle();
  lane_.after(kUpkeepEvery, [this] { upkeep(); });
}

// ---- time

void DeliveryCore::watch_expiry(const Hash& id, std::size_t index) {
  Served* served = find(id);
  if (served == nullptr || served->devices[index].over || !served->devices[index].granted.expires) return;
  const TimeMs expires = *served->devices[index].granted.expires;
  lane_.after(std::chrono::milliseconds(std::max<TimeMs>(expires - now() + 1, 1)), [this, id, index] {
    Served* then = find(id);
    if (then == nullptr || then->devices[index].over) return;
    ServedDevice& device = then->devices[index];
    if (device.meter.expire(now())) {
      end_device(*then, index, MeterEnd::time, *device.granted.expires);
    } else {
      watch_expiry(id, index);
    }
  });
}

// ---- ends

void DeliveryCore::end_device(Served& served, std::size_t index, MeterEnd reason, TimeMs at) {
  ServedDevice& device = served.devices[index];
  if (device.over) return;
  const bool flowed = !device.flow.is_off();
  if (!flowed) {
    account(served, device, at);
    device.clock.finish(at, std::min(device.granted.expires.value_or(subservices::ServiceClock::kEver), lease_end(served)));
  }
  device.over = true;
  device.ended_at = at;
  device.held.clear();
  device.held_bytes = 0;
  device.meter.stop(reason);
  await_application(served, device);
  keep_meter(served, device);
  broker_->unlisten(device.account.topic);
  if (flowed) {
    await_counts(served, index);
    ask_last_counts(served, index);
  } else if (broker_->revoke(device.account.username) && --served.grants_pending == 0) {
    grants_settled(served);
  }
  routes_.erase(device.account.topic);
  device_users_.erase(device.account.username);
  served.changed = served.report_due = true;
  if (device.access) send_stop(served, index);
  log_info("a device has ended", {{"integration", served.view.id.hex()},
                                  {"device", device.granted.measurement.device},
                                  {"because", subservices::meter_end_text(device.meter.ended())},
                                  {"bytes", device.meter.bytes_used()},
                                  {"readings", device.meter.readings()}});
  end_if_all_over(served);
}

void DeliveryCore::end_if_all_over(Served& served) {
  const bool all = std::all_of(served.devices.begin(), served.devices.end(), [](const ServedDevice& device) { return device.over; });
  if (!all || served.ended) return;
  const ServedDevice* last = nullptr;
  for (const ServedDevice& device : served.devices) {
    if (last == nullptr || device.ended_at >= last->ended_at) last = &device;
  }
  const std::string why = last != nullptr ? subservices::meter_end_text(last->meter.ended()) : "";
  end_all(served, why.empty() ? "ended" : why, last != nullptr ? last->ended_at : now());
}

void DeliveryCore::end_all(Served& served, const std::string& because, std::optional<TimeMs> at) {
  if (served.ended) return;
  served.ended = true;
  served.ended_because = because;
  served.ended_at = now();
  for (std::size_t i = 0; i < served.devices.size(); ++i) {
    const TimeMs last = served.devices[i].meter.last_reading().value_or(served.view.claimed);
    end_device(served, i, MeterEnd::stopped, at.value_or(last));
  }
  served.report_due = !served.settled;
  served.report_at = 0;
  count(integrations, static_cast<std::uint64_t>(-1));
  if (served.sink) {
    served.sink->end(because);
    served.sink.reset();
    count(streams, static_cast<std::uint64_t>(-1));
  }
  std::vector<AccessDone> waiters;
  waiters.swap(served.waiters);
  for (AccessDone& done : waiters) done(fail(Status::not_found, "The integration has ended: " + because + "."));
  log_info("an integration has ended", {{"integration", served.view.id.hex()}, {"because", because}});
  if (!served.report_on_way && served.report_due) report(served);
}

// ---- commands

Json DeliveryCore::command_json(const Served& served, const ServedDevice& device, const char* command) const {
  Json json = Json::object({{"command", command}, {"integration", served.view.id.hex()}, {"epoch", served.view.epoch}});
  if (std::string_view(command) == "start") {
    json.set("broker", options_.broker_public_url);
    json.set("topic", device.account.topic);
    json.set("username", device.account.username);
    if (!device.access->device_key.empty()) {
      json.set("login", "jwt");
      json.set("audience", network_);
    } else if (!device.access->device_password.empty()) {
      json.set("login", "own-password");
    } else {
      json.set("password", device.account.password);
    }
    json.set("expires", time_text(device.granted.expires.value_or(served.view.claimed + kCommandExpiry_ms)));
  }
  if (!device.access->token.empty()) json.set("token", device.access->token);
  return json;
}

void DeliveryCore::send_start(Served& served, std::size_t index) {
  ServedDevice& device = served.devices[index];
  if (!device.access || device.command_on_way) return;
  device.told = now();
  device.command_on_way = true;
  const bool sent = devices_.send(*device.access, command_json(served, device, "start").dump(), [this, id = served.view.id, epoch = served.view.epoch, index](MqttAck ack) {
    Served* then = find(id);
    if (then == nullptr || then->view.epoch != epoch) return;
    ServedDevice& told = then->devices[index];
    told.command_on_way = false;
    if (ack == MqttAck::accepted) {
      told.ask_again_ms = 0;
    } else {
      told.ask_again_ms = std::min(std::max(2 * told.ask_again_ms, kAskAgainFirst_ms), kAskAgainMax_ms);
      told.ask_again_at = now() + told.ask_again_ms;
    }
  });
  if (!sent) {
    device.command_on_way = false;
    device.ask_again_ms = kAskAgainMax_ms;
    device.ask_again_at = now() + kAskAgainMax_ms;
  }
}

void DeliveryCore::send_stop(Served& served, std::size_t index) {
  ServedDevice& device = served.devices[index];
  device.stop_pending = device.stop_tries < kStopTriesMax;
  if (!device.stop_pending || device.command_on_way) return;
  ++device.stop_tries;
  device.command_on_way = true;
  const bool sent = devices_.send(*device.access, command_json(served, device, "stop").dump(), [this, id = served.view.id, epoch = served.view.epoch, index](MqttAck ack) {
    Served* then = find(id);
    if (then == nullptr || then->view.epoch != epoch) return;
    ServedDevice& told = then->devices[index];
    told.command_on_way = false;
    told.stop_pending = ack != MqttAck::accepted;
    told.ask_again_at = now() + kAskAgainFirst_ms * static_cast<TimeMs>(told.stop_tries);
  });
  if (!sent) {
    device.command_on_way = false;
    device.ask_again_at = now() + kAskAgainFirst_ms;
  }
}

// ---- usage reports

// Counts the time served up to now: as far as it was bought, and as far as the lease held.
void DeliveryCore::account(const Served& served, ServedDevice& device, TimeMs at) const {
  if (device.over || device.flow.unasked) return;
  if (!device.flow.is_off() && lease_holds(served)) at = std::min(at, flows_known_until_);   // what came since is not told yet
  const TimeMs bought = device.granted.expires.value_or(subservices::ServiceClock::kEver);
  device.clock.account(at, std::min(bought, lease_end(served)));
}

// Service time earned so far, in former epochs too. A device that sent no reading since the claim earns nothing more. What was reported once is never taken back.
std::int64_t DeliveryCore::active_ms(const ServedDevice& device) {
  if (device.meter.sequence() == 0) return device.granted.active_reported_ms;
  return std::max(device.granted.active_base_ms + device.clock.earned_ms(), device.granted.active_reported_ms);
}

void DeliveryCore::report(Served& served) {
  // A last report says all, or nothing yet: of each device its end, what its flow counted until then, and after the application has had time to count it.
  const bool ending = served.ended && std::any_of(served.devices.begin(), served.devices.end(), [](const ServedDevice& device) { return !device.over; });
  if (ending || counts_awaited(served) || (served.ended && application_awaited(served))) {
    served.report_due = true;
    return;
  }
  const Hash id = served.view.id;
  const bool final = served.ended;
  Json devices(Json::Array{});
  bool disputed = false;
  for (ServedDevice& device : served.devices) {
    if (device.count_due) continue;   // it would be settled
    disputed = disputed || (device.meter.ended() == MeterEnd::disputed && !device.granted.ended);
    device.end_asked = device.over;
    account(served, device, now());
    device.active_asked = active_ms(device);
    Json entry = Json::object({{"device", device.granted.measurement.device},
                               {"bytes", std::min(device.meter.bytes_used(), kCountMax)},
                               {"activeMs", device.active_asked},
                               {"readings", std::min(std::max(device.meter.readings(), device.granted.readings_reported), kCountMax)}});
    if (device.over) entry.set("ended", true);
    if (served.view.counted) entry.set("measurements", std::min(std::max(device.meter.measurements(), device.granted.measurements_reported), kCountMax));
    if (served.view.leased) entry.set("silentMs", std::min(static_cast<std::uint64_t>(device.clock.silent_ms()), kCountMax));
    device.reserve_asked = 0;
    if (served.view.leased && device.granted.bytes_limit && !device.over) {
      device.reserve_asked = wanted_reservation(device);
      device.reported_bytes = device.meter.bytes_used();
      entry.set("reserve", device.reserve_asked);
    }
    devices.push(std::move(entry));
  }
  ledger_.local_put(notes::session(id), session_note(served));
  served.report = std::max(served.report, served.view.last_report) + 1;
  Json body = Json::object({{"integration", id.hex()},
                            {"epoch", served.view.epoch},
                            {"sequence", served.report},
                            {"final", final},
                            {"devices", std::move(devices)}});
  if (final) body.set("endedBecause", served.ended_because.substr(0, 64));
  if (!final && disputed) body.set("endedBecause", meter_end_text(MeterEnd::disputed));
  served.report_on_way = true;
  served.report_due = served.changed = false;
  served.report_at = now() + options_.report_interval_ms;
  chain_.submit_own("usage.report", std::move(body), [weak = weak_from_this(), id, epoch = served.view.epoch, final](Result<Outcome> outcome) {
    const auto self = weak.lock();
    if (self) self->lane_.post_always([core = self.get(), id, epoch, final, outcome = std::move(outcome)] { core->reported(id, epoch, final, outcome); });
  });
}

void DeliveryCore::reported(const Hash& id, std::uint64_t epoch, bool final, Result<Outcome> outcome) {
  Served* served = find(id);
  if (served == nullptr || stopping_ || served->view.epoch != epoch) return;
  served->report_on_way = false;
  const bool taken = outcome && outcome->receipt.status <= Status::created;
  if (taken && final) served->settled = true;
  if (taken) {
    for (ServedDevice& device : served->devices) device.granted.bytes_reserved = std::max(device.granted.bytes_reserved, device.reserve_asked);
    for (ServedDevice& device : served->devices) device.granted.active_reported_ms = std::max(device.granted.active_reported_ms, device.active_asked);
    for (ServedDevice& device : served->devices) device.granted.ended = device.granted.ended || device.end_asked;
    release_held(*served);
    raise_flows(*served);
  }
  if (!taken) {
    const auto view = ledger_.integration(id);
    if (!view || view->state == IntegrationState::ended || view->node != member_ || view->epoch != served->view.epoch) {
      served->settled = true;
    } else {
      served->view.last_report = view->last_report;
      for (std::size_t i = 0; i < served->devices.size(); ++i) {
        GrantedDevice& granted = served->devices[i].granted;
        granted.bytes_reserved = view->devices[i].bytes_reserved;
        granted.active_reported_ms = view->devices[i].active_reported_ms;
        granted.readings_reported = view->devices[i].readings_reported;
      }
      served->report_due = true;
      served->refused_at = now();
      served->report_at = served->refused_at + kReportRetry_ms;
      log_warn("a usage report was not taken and is sent again",
               {{"integration", id.hex()}, {"reason", outcome ? outcome->receipt.result : outcome.error().detail}});
    }
  }
  // The end may have come while an earlier report was on its way.
  if (served->ended && !served->settled && !final) {
    served->report_due = true;
    served->report_at = 0;
  }
  if (served->report_due && !served->report_on_way && !served->settled && now() >= served->report_at) report(*served);
}

}  // namespace agiddi::node
