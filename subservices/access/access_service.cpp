#include "subservices/access/access_service.h"

#include "ontology/metadata.h"
#include "subservices/access/access_wraps.h"
#include "subservices/access/count_rules.h"
#include "subservices/access/integration_records.h"
#include "subservices/access/lease_rules.h"
#include "subservices/registration/device_records.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

ServiceState service_state(records::IntegrationState state) {
  switch (state) {
    case records::INTEGRATION_UNCLAIMED: return ServiceState::unclaimed;
    case records::INTEGRATION_ACTIVE: return ServiceState::active;
    case records::INTEGRATION_CLOSING: return ServiceState::closing;
    default: return ServiceState::ended;
  }
}

const char* phase_name(ServiceState state) {
  switch (state) {
    case ServiceState::unclaimed: return "unclaimed";
    case ServiceState::active: return "active";
    case ServiceState::closing: return "closing";
    default: return "ended";
  }
}

Json count_json(const records::SignedCount& record) {
  Json json = Json::object({{"sequence", record.sequence()}, {"measurements", record.measurements()}});
  if (record.has_bytes()) json.set("bytes", record.bytes());
  if (record.has_active()) json.set("activeSeconds", Json::number(thousandths_text(record.active_ms())));
  return json;
}

Json figures_json(const Delivered& figures) {
  return Json::object({{"measurements", figures.measurements}, {"bytes", figures.bytes}, {"activeSeconds", Json::number(thousandths_text(figures.active_ms))}});
}

// Of node, application and provider, each by its own word, and what of it is settled.
Json counts_json(const records::IntegrationDevice& device) {
  Json json = Json::object({{"node", figures_json(reported_of(device))}});
  if (const auto count = application_count(device)) {
    Delivered conceded = count->conceded;
    conceded.bytes = std::max(conceded.bytes, count->conceded_bytes);
    json.set("application", count_json(device.application()).set("conceded", figures_json(conceded)));
  }
  if (device.has_provider()) json.set("provider", count_json(device.provider()));
  return json.set("settled", figures_json(settlement_of(device)));
}

Json device_json(const records::Integration& integration, const records::IntegrationDevice& device) {
  Json json = Json::object({{"device", device_urn(hash_of(device.device()))},
                            {"version", device.version()},
                            {"bytesUsed", device.bytes_used() - device.bytes_lost()}});
  if (device.has_data()) json.set("bytesRemaining", device.limit_bytes() - device.bytes_used());
  if (device.bytes_lost() > 0) json.set("bytesLost", device.bytes_lost());
  if (device.has_time()) json.set("expires", time_text(device.expires_ms()));
  json.set("readings", device.readings());
  if (device.silent_ms() > 0) json.set("silentSeconds", Json::number(thousandths_text(device.silent_ms())));
  json.set("lastMeasurement", nullptr);   // known to the serving node only
  json.set("state", device.ended() ? "ended" : "active");
  if (device.ended()) json.set("endedBecause", device.ended_because());
  if (integration.counted()) json.set("counts", counts_json(device));
  return json;
}

ServedDevice served_device(const StateView& state, const records::IntegrationDevice& device) {
  const Hash id = hash_of(device.device());
  const auto record = load_known<records::DeviceVersion>(state, keys::device_version(id, device.version()));
  auto description = parse_json(record.description());
  AGIDDI_CHECK(description.has_value(), "a recorded description is JSON");
  ServedDevice served;
  served.device = id;
  served.version = device.version();
  served.provider = record.provider();
  served.description = with_wraps(state, id, device.version(), std::move(*description));
  served.parsed = recorded_description(record);
  served.measurement_template = ontology::measurement_template(served.parsed, recorded_identity(id, record));
  if (device.has_time()) {
    served.limit_ms = device.limit_ms();
    served.expires = device.expires_ms();
  }
  if (device.has_data()) served.limit_bytes = device.limit_bytes();
  served.bytes_used = device.bytes_used();
  served.bytes_lost = device.bytes_lost();
  served.bytes_reserved = device.bytes_reserved();
  served.active_ms = device.active_ms();
  served.silent_ms = device.silent_ms();
  served.active_base_ms = device.active_base_ms();
  served.readings = device.readings();
  served.measurements = device.measurements();
  served.application = application_count(device);
  served.ended = device.ended();
  return served;
}

}  // namespace

Result<Json> AccessService::integration(std::string_view id) const {
  const StateView state(snapshot_.state());
  const auto hash = Hash::from_hex(id);
  if (!hash) return fail(Status::not_found, "there is no such integration");
  const auto record = find_integration(state, *hash);
  if (!record) return tl::unexpected(record.error());
  const ServiceState phase = service_state(record->state());
  Json devices = Json::array();
  for (const auto& entry : devices_of(state, *hash)) devices.push(device_json(*record, entry.record));
  const bool over = phase == ServiceState::closing || phase == ServiceState::ended;
  Json json = Json::object({{"integration", hash->hex()},
                            {"application", record->application()},
                            {"payment", hash_of(record->payment()).hex()},
                            {"transaction", hash_of(record->transaction()).hex()},
                            {"timestamp", time_text(record->timestamp_ms())},
                            {"state", over ? "ended" : "active"},
                            {"phase", phase_name(phase)}});
  if (!record->node().empty()) json.set("node", record->node()).set("epoch", record->epoch());
  if (phase == ServiceState::active && record->leased()) json.set("leasedUntil", time_text(leased_until(state, *record)));
  Json delivery = Json::object({{"protocol", record->protocol()}});
  if (!record->format().empty()) delivery.set("format", record->format());
  if (!record->context().empty()) delivery.set("context", record->context());
  json.set("delivery", std::move(delivery));
  json.set("devices", std::move(devices));
  if (over) json.set("endedBecause", record->ended_because());
  return json;
}

Result<ServiceTask> AccessService::task_without_devices(const Hash& integration) const {
  const StateView state(snapshot_.state());
  const auto record = find_integration(state, integration);
  if (!record) return tl::unexpected(record.error());
  ServiceTask task;
  task.integration = integration;
  task.application = record->application();
  task.payment = hash_of(record->payment());
  task.state = service_state(record->state());
  task.node = record->node();
  task.epoch = record->epoch();
  task.sequence = record->sequence();
  task.protocol = record->protocol();
  task.unit = record->unit();
  task.senml = record->format() == "senml";
  task.linked_context = record->context() == "link";
  task.granted = record->timestamp_ms();
  task.claimed = record->claimed_ms();
  task.ended = record->ended_ms();
  task.leased = record->leased();
  task.counted = record->counted();
  task.lease_term = lease_term(state);
  task.ended_because = record->ended_because();
  return task;
}

Result<ServiceTask> AccessService::task(const Hash& integration) const {
  auto task = task_without_devices(integration);
  if (!task) return task;
  const StateView state(snapshot_.state());
  for (const auto& entry : devices_of(state, integration)) task->devices.push_back(served_device(state, entry.record));
  return task;
}

std::vector<std::optional<ApplicationCount>> AccessService::counts(const Hash& integration) const {
  std::vector<std::optional<ApplicationCount>> all;
  for (const auto& entry : devices_of(StateView(snapshot_.state()), integration)) all.push_back(application_count(entry.record));
  return all;
}

std::vector<Hash> AccessService::served_by(std::string_view member) const {
  const StateView state(snapshot_.state());
  const Bytes prefix = keys::served_by(member);
  std::vector<Hash> integrations;
  state.scan(prefix, [&](BytesView key, BytesView) {
    integrations.push_back(*Hash::from_bytes(key.substr(prefix.size())));
    return true;
  });
  return integrations;
}

}  // namespace agiddi::subservices
