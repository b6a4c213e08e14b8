#include "node/delivery/served.h"

#include <algorithm>
#include <charconv>

namespace agiddi::node {
namespace {

constexpr std::string_view kSession = "delivery/s/", kMeter = "delivery/m/", kOutbox = "delivery/o/", kFlow = "delivery/f/";

Json account_json(const BrokerAccount& account) {
  return Json::object({{"topic", account.topic}, {"username", account.username}, {"password", account.password}});
}

bool text(const Json& json, const char* name, std::string& out) {
  const Json* value = json.find(name);
  if (value == nullptr || !value->is_string()) return false;
  out = value->as_string();
  return true;
}

bool read_account(const Json* json, BrokerAccount& out) {
  return json != nullptr && text(*json, "topic", out.topic) && text(*json, "username", out.username) && text(*json, "password", out.password);
}

bool whole_number(const Json& json, const char* name, std::int64_t& out) {
  std::string digits;
  if (!text(json, name, digits)) return false;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return failure == std::errc{} && end == digits.data() + digits.size() && out >= 0;
}

Bytes key(std::string_view prefix, std::initializer_list<BytesView> parts) {
  Bytes out(prefix);
  for (const BytesView part : parts) out += part;
  return out;
}

}  // namespace

std::int64_t patience_of(const Served& served, const ServedDevice& device) {
  constexpr std::int64_t kMissed = 3, kLeast_ms = 1'000, kByDefault_ms = 60'000;
  if (!served.view.leased) return subservices::ServiceClock::kEver;
  return device.granted.sampling_ms > 0 ? std::max(kMissed * device.granted.sampling_ms, kLeast_ms) : kByDefault_ms;
}

std::int64_t absence_of(const Served& served, const ServedDevice& device) {
  constexpr std::int64_t kLeast_ms = 1'000;
  if (!served.view.leased || device.granted.sampling_ms <= 0) return subservices::ServiceClock::kEver;
  return std::max(device.granted.sampling_ms, kLeast_ms);
}

BrokerAccount random_account(std::string_view prefix) {
  return {std::string(prefix) + "/" + random_token(), std::string(prefix.substr(0, 1)) + "-" + random_token(), random_token()};
}

std::size_t Served::outbox_size() const {
  std::size_t size = 0;
  for (const ServedDevice& device : devices) size += device.outbox.size();
  return size;
}

std::size_t Served::outbox_bytes() const {
  std::size_t size = 0;
  for (const ServedDevice& device : devices) size += device.outbox_bytes;
  return size;
}

namespace notes {

Bytes session(const Hash& integration) { return key(kSession, {integration.view()}); }
Bytes meter(const Hash& integration, const Hash& device) { return key(kMeter, {integration.view(), device.view()}); }
Bytes flow(const Hash& integration, const Hash& device) { return key(kFlow, {integration.view(), device.view()}); }
Bytes outbox_prefix(const Hash& integration, const Hash& device) { return key(kOutbox, {integration.view(), device.view()}); }
Bytes outbox(const Hash& integration, const Hash& device, std::uint64_t sequence) {
  Bytes out = outbox_prefix(integration, device);
  append_u64_be(out, sequence);
  return out;
}

std::optional<Hash> integration_of(BytesView note) {
  static_assert(kSession.size() == kMeter.size() && kMeter.size() == kOutbox.size() && kOutbox.size() == kFlow.size());
  if (note.size() < kSession.size() + 32) return std::nullopt;
  const auto id = Hash::from_bytes(note.substr(kSession.size(), 32));
  return id ? std::optional<Hash>(*id) : std::nullopt;
}

}  // namespace notes

Bytes session_note(const Served& served) {
  Json devices(Json::Array{});
  for (const ServedDevice& device : served.devices) {
    Json entry = account_json(device.account);
    entry.set("device", device.granted.device.hex());
    entry.set("earnedMs", std::to_string(device.clock.earned_ms()));
    entry.set("silentMs", std::to_string(device.clock.silent_ms()));
    entry.set("accountedTo", std::to_string(device.clock.accounted_to()));
    devices.push(std::move(entry));
  }
  Json note = Json::object({{"epoch", std::to_string(served.view.epoch)},
                            {"application", account_json(served.account)},
                            {"token", served.token},
                            {"devices", std::move(devices)}});
  if (served.webhook) {   // by two names: a release that knows the first alone must not post to one that is gone
    Json webhook = served.webhook->terms.json().set("integration", served.view.id.hex());
    if (served.webhook->gone) note.set("webhookGoneSince", std::to_string(served.webhook->last_error_at));
    note.set(served.webhook->gone ? "webhookGone" : "webhook", std::move(webhook));
  }
  return note.dump();
}

std::optional<std::uint64_t> session_epoch(BytesView note) {
  const auto json = parse_json(note);
  std::int64_t epoch = 0;
  if (!json || !whole_number(*json, "epoch", epoch)) return std::nullopt;
  return static_cast<std::uint64_t>(epoch);
}

std::optional<NotedWebhook> webhook_of_note(BytesView note) {
  const auto json = parse_json(note);
  if (!json) return std::nullopt;
  std::int64_t since = 0;
  const bool gone = whole_number(*json, "webhookGoneSince", since);
  const Json* webhook = json->find(gone ? "webhookGone" : "webhook");
  auto terms = webhook ? parse_webhook_request(*webhook) : fail(Status::not_found, "");
  if (!terms) return std::nullopt;
  return NotedWebhook{std::move(*terms), gone ? std::optional(since) : std::nullopt};
}

bool read_session_note(BytesView note, Served& served) {
  const auto json = parse_json(note);
  if (!json || session_epoch(note) != served.view.epoch) return false;
  if (!read_account(json->find("application"), served.account) || !text(*json, "token", served.token)) return false;
  const Json* devices = json->find("devices");
  if (!devices || !devices->is_array() || devices->items().size() != served.devices.size()) return false;
  for (std::size_t i = 0; i < served.devices.size(); ++i) {
    std::string device;
    const Json& entry = devices->items()[i];
    if (!text(entry, "device", device) || device != served.devices[i].granted.device.hex()) return false;
    if (!read_account(&entry, served.devices[i].account)) return false;
    std::int64_t earned = 0, silent = 0, to = 0;
    // A note of a former release has none: what the ledger knows has to do.
    if (!whole_number(entry, "earnedMs", earned) || !whole_number(entry, "silentMs", silent) || !whole_number(entry, "accountedTo", to)) continue;
    served.devices[i].clock = subservices::ServiceClock(to, patience_of(served, served.devices[i]), earned, silent);
  }
  return true;
}

}  // namespace agiddi::node
