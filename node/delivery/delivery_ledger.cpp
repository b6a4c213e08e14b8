#include "node/delivery/delivery_ledger.h"

#include <algorithm>

#include "ledger/ledger.h"
#include "ontology/metadata.h"
#include "subservices/access/access_service.h"

namespace agiddi::node {
namespace {

IntegrationState state_of(subservices::ServiceState state) {
  switch (state) {
    case subservices::ServiceState::unclaimed: return IntegrationState::unclaimed;
    case subservices::ServiceState::active: return IntegrationState::active;
    case subservices::ServiceState::closing: return IntegrationState::closing;
    case subservices::ServiceState::ended: return IntegrationState::ended;
  }
  return IntegrationState::ended;
}

std::optional<std::uint64_t> unsigned_of(std::optional<std::int64_t> value) {
  if (!value) return std::nullopt;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(*value, 0));
}

GrantedDevice granted(const subservices::ServedDevice& served) {
  GrantedDevice device;
  device.device = served.device;
  device.provider = served.provider;
  if (const Json* access = served.description.find("access")) device.access = *access;
  device.measurement.context = ontology::measurement_context();
  device.measurement.device = device_urn(served.device);
  device.measurement.version = served.version;
  Rational slowest_s;
  for (const auto& sensor : served.parsed.sensors) {
    device.measurement.sensors.push_back(
        {sensor.name, ontology::sensor_iri(served.device, sensor.name), sensor.observed_property, sensor.unit});
    if (sensor.sampling_s) slowest_s = std::max(slowest_s, Rational(*sensor.sampling_s));
  }
  constexpr std::int64_t kSamplingMax_ms = 366LL * 86'400'000;
  device.sampling_ms = static_cast<std::int64_t>(std::min((slowest_s * Rational(1000)).ceil(), BigInt(kSamplingMax_ms)));
  device.bytes_limit = unsigned_of(served.limit_bytes);
  device.time_limit_ms = served.limit_ms;
  device.expires = served.expires;
  device.bytes_reported = static_cast<std::uint64_t>(served.bytes_used);
  device.readings_reported = static_cast<std::uint64_t>(served.readings);
  device.measurements_reported = static_cast<std::uint64_t>(served.measurements);
  device.application = served.application;
  device.bytes_lost = static_cast<std::uint64_t>(served.bytes_lost);
  device.bytes_reserved = static_cast<std::uint64_t>(served.bytes_reserved);
  device.active_reported_ms = served.active_ms;
  device.active_base_ms = served.active_base_ms;
  device.silent_reported_ms = served.silent_ms;
  device.ended = served.ended;
  return device;
}

IntegrationHead head_of(const subservices::ServiceTask& task) {
  return {task.integration, state_of(task.state), task.node, task.epoch, task.sequence, task.unit, task.ended_because};
}

class ChainDeliveryLedger : public DeliveryLedger {
 public:
  ChainDeliveryLedger(const Chain& chain, ledger::Ledger& ledger) : chain_(chain), ledger_(ledger) {}

  std::optional<IntegrationHead> head(const Hash& id) const override {
    const auto snapshot = chain_.snapshot();
    const auto task = subservices::AccessService(*snapshot).task_without_devices(id);
    if (!task) return std::nullopt;
    return head_of(*task);
  }

  std::optional<IntegrationView> integration(const Hash& id) const override {
    const auto snapshot = chain_.snapshot();
    const auto task = subservices::AccessService(*snapshot).task(id);
    if (!task) return std::nullopt;
    IntegrationView view;
    static_cast<IntegrationHead&>(view) = head_of(*task);
    view.claimed = task->claimed;
    view.ended = task->ended;
    view.leased = task->leased;
    view.counted = task->counted;
    view.lease_term = task->lease_term;
    view.protocol = task->protocol;
    view.senml = task->senml;
    view.linked_context = task->linked_context;
    for (const auto& served : task->devices) view.devices.push_back(granted(served));
    return view;
  }

  std::vector<std::optional<subservices::ApplicationCount>> counts(const Hash& id) const override {
    const auto snapshot = chain_.snapshot();
    return subservices::AccessService(*snapshot).counts(id);
  }

  std::vector<Hash> served_by(const std::string& member) const override {
    const auto snapshot = chain_.snapshot();
    return subservices::AccessService(*snapshot).served_by(member);
  }

  std::optional<Bytes> local_get(BytesView key) const override { return ledger_.local_get(key); }
  std::vector<std::pair<Bytes, Bytes>> local_scan(BytesView prefix) const override { return ledger_.local_scan(prefix); }
  void local_put(BytesView key, BytesView value) override { ledger_.local_put(key, value); }
  void local_erase(BytesView key) override { ledger_.local_erase(key); }

 private:
  const Chain& chain_;
  ledger::Ledger& ledger_;
};

}  // namespace

std::unique_ptr<DeliveryLedger> make_delivery_ledger(const Chain& chain, ledger::Ledger& ledger) {
  return std::make_unique<ChainDeliveryLedger>(chain, ledger);
}

}  // namespace agiddi::node
