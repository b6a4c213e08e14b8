#include "subservices/access/integration_records.h"

#include "ontology/metadata.h"
#include "subservices/access/count_rules.h"
#include "subservices/payment/payment_rules.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {

std::optional<Hash> read_hash(FieldReader& fields, const char* name) {
  const auto text = fields.required_string(name, 64);
  if (!text) return std::nullopt;
  const auto hash = Hash::from_hex(*text);
  if (!hash) {
    fields.error(name, "must be 64 lower-case hexadecimal digits");
    return std::nullopt;
  }
  return *hash;
}

Result<records::Integration> find_integration(const StateView& state, const Hash& id) {
  auto record = load<records::Integration>(state, keys::integration(id));
  if (!record) return fail(Status::not_found, "there is no such integration");
  return std::move(*record);
}

std::vector<IndexedDevice> devices_of(const StateView& state, const Hash& integration) {
  std::vector<IndexedDevice> devices;
  const Bytes prefix = keys::integration_devices_of(integration);
  state.scan(prefix, [&](BytesView key, BytesView value) {
    devices.push_back({read_u32_be(key.substr(prefix.size())), parse_record<records::IntegrationDevice>(value)});
    return true;
  });
  return devices;
}

void end_device(RuleContext& context, const Hash& id, records::Integration& integration, std::uint32_t index, records::IntegrationDevice& device,
                std::string_view because, const Hash& transaction) {
  AGIDDI_CHECK(!device.ended() && integration.open_devices() > 0, "a device ends once");
  const Hash payment = hash_of(integration.payment());
  auto item = load_known<records::PaymentItem>(context.state, keys::payment_item(payment, device.item_index()));
  // Time counts from the first reading on: a device that sent none has earned nothing.
  const Delivered delivered = settlement_of(device);
  const std::int64_t active_ms = device.readings() > 0 ? delivered.active_ms : 0;
  settle_item(context, payment, device.item_index(), item, active_ms, delivered.bytes, because, transaction);
  if (integration.counted()) add_counts(context, payment, device);
  device.set_ended(true);
  device.set_ended_because(std::string(because));
  store(context.state, keys::integration_device(id, index), device);
  integration.set_open_devices(integration.open_devices() - 1);
  if (integration.open_devices() == 0) return;
  context.events.push_back({"integration", id, transaction,
                            Json::object({{"integration", id.hex()},
                                          {"state", "deviceEnded"},
                                          {"device", device_urn(hash_of(device.device()))},
                                          {"node", integration.node()},
                                          {"epoch", integration.epoch()},
                                          {"because", because}})});
}

void end_integration(RuleContext& context, const Hash& id, records::Integration& integration, std::string_view because, const Hash& transaction) {
  AGIDDI_CHECK(integration.open_devices() == 0 && integration.state() != records::INTEGRATION_ENDED, "an integration ends once, after its devices");
  if (integration.due_ms() != 0) context.state.erase(keys::expiry({integration.due_ms(), keys::ExpiryKind::integration, id, 0}));
  integration.set_due_ms(0);
  integration.set_state(records::INTEGRATION_ENDED);
  integration.set_ended_ms(context.timestamp);
  integration.set_ended_because(std::string(because));
  if (!integration.node().empty()) context.state.erase(keys::served(integration.node(), id));
  store(context.state, keys::integration(id), integration);
  count_open(context.state, 0, -1);
  emit_integration(context, id, integration, "ended", transaction);
}

void end_all(RuleContext& context, const Hash& id, records::Integration& integration, std::string_view because, const Hash& transaction) {
  for (auto& [index, device] : devices_of(context.state, id)) {
    if (!device.ended()) end_device(context, id, integration, index, device, because, transaction);
  }
  end_integration(context, id, integration, because, transaction);
}

void close_integration(RuleContext& context, const Hash& id, records::Integration& integration, std::string_view because, const Hash& transaction) {
  if (integration.state() == records::INTEGRATION_UNCLAIMED) return end_all(context, id, integration, because, transaction);
  if (integration.state() != records::INTEGRATION_ACTIVE) return;
  integration.set_state(records::INTEGRATION_CLOSING);
  integration.set_ended_because(std::string(because));
  integration.set_due_ms(context.timestamp + kSettleGrace_ms);
  context.state.put(keys::expiry({integration.due_ms(), keys::ExpiryKind::integration, id, 0}), {});
  store(context.state, keys::integration(id), integration);
  emit_integration(context, id, integration, "closing", transaction);
}

std::vector<ontology::DataAccessFacts> recorded_access_facts(const StateView& state, const Hash& id, const records::Integration& integration) {
  std::vector<ontology::DataAccessFacts> all;
  for (const auto& [index, device] : devices_of(state, id)) {
    ontology::DataAccessFacts facts;
    facts.integration = id;
    facts.device = hash_of(device.device());
    facts.device_version = device.version();
    facts.application = integration.application();
    facts.payment = hash_of(integration.payment());
    facts.start = integration.timestamp_ms();
    if (device.has_time()) facts.limit_ms = device.limit_ms();
    if (device.has_data()) facts.limit_bytes = device.limit_bytes();
    facts.node = integration.node();
    facts.epoch = integration.epoch();
    facts.transaction = hash_of(integration.transaction());
    all.push_back(std::move(facts));
  }
  return all;
}

void change_access_triples(RuleContext& context, const Hash& id, const records::Integration& integration, bool added) {
  for (const auto& facts : recorded_access_facts(context.state, id, integration)) {
    for (auto& triple : ontology::data_access_triples(facts)) context.triples.push_back({std::move(triple), added});
  }
}

void emit_integration(RuleContext& context, const Hash& id, const records::Integration& integration, std::string_view state,
                      const Hash& transaction) {
  Json data = Json::object({{"integration", id.hex()},
                            {"state", state},
                            {"application", integration.application()},
                            {"payment", hash_of(integration.payment()).hex()}});
  if (!integration.node().empty()) data.set("node", integration.node()).set("epoch", integration.epoch());
  if (!integration.ended_because().empty()) data.set("because", integration.ended_because());
  context.events.push_back({"integration", id, transaction, std::move(data)});
}

}  // namespace agiddi::subservices
