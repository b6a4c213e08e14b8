#include "subservices/access/access_rules.h"

#include <algorithm>
#include <set>

#include "ontology/units.h"
#include "protocol/limits.h"
#include "subservices/access/count_rules.h"
#include "subservices/access/integration_records.h"
#include "subservices/access/lease_rules.h"
#include "subservices/payment/payment_rules.h"
#include "subservices/registration/device_records.h"

namespace agiddi::subservices {
namespace {

struct AccessRequest {
  std::string application, node, protocol, unit;
  std::string format, context;   // empty where it is the default
  Hash payment;
  std::vector<Hash> devices;
  std::vector<std::optional<std::uint32_t>> versions;   // beside devices
};

void read_devices(FieldReader& fields, AccessRequest& request, std::vector<FieldError>& errors) {
  const auto* devices = fields.required_array("devices", 1, limits::kItemsPerPaymentMax);
  const auto* versions = fields.optional_array("versions", 1, limits::kItemsPerPaymentMax);
  if (!devices) return;
  std::set<Hash> seen;
  for (std::size_t i = 0; i < devices->size(); ++i) {
    const Json& urn = (*devices)[i];
    const auto device = device_from_urn(urn.is_string() ? urn.as_string() : std::string());
    if (!device) {
      errors.push_back({pointer_index("/devices", i), "must be urn:agiddi:device: and 64 lower-case hexadecimal digits"});
    } else if (!seen.insert(*device).second) {
      errors.push_back({pointer_index("/devices", i), "comes twice"});
    }
    request.devices.push_back(device.value_or(Hash{}));
  }
  request.versions.resize(request.devices.size());
  if (!versions) return;
  if (versions->size() != devices->size()) {
    fields.error("versions", "must hold one number for each device");
    return;
  }
  for (std::size_t i = 0; i < versions->size(); ++i) {
    const Json& json = (*versions)[i];
    const auto version = Decimal::parse(json.is_number() ? json.number_text() : std::string());
    if (!version || *version < Decimal(1, 0) || version->scale() != 0 || *version > Decimal(UINT32_MAX, 0)) {
      errors.push_back({pointer_index("/versions", i), "must be a version number"});
    } else {
      request.versions[i] = static_cast<std::uint32_t>(version->mantissa());
    }
  }
}

// The first of the values is the default, for which nothing is recorded.
std::string read_choice(FieldReader& members, std::string_view name, std::string_view first, std::string_view second) {
  const auto asked = members.optional_string(name, 16);
  if (asked && *asked != first && *asked != second) members.error(name, "must be \"" + std::string(first) + "\" or \"" + std::string(second) + "\"");
  return asked && *asked != first ? *asked : std::string();
}

void read_form(const RuleContext& context, FieldReader& members, const Json& delivery, AccessRequest& request) {
  if (context.rules_version >= kRulesWithFormats) {
    request.format = read_choice(members, "format", "unified", "senml");
    request.context = read_choice(members, "context", "inline", "link");
    if (!request.format.empty() && !request.context.empty()) members.error("context", "belongs to the format \"unified\"");
    return;
  }
  if (!context.only_checks) return;   // a receipt of those rules names them as unknown members
  for (const std::string_view name : {"format", "context"}) {
    if (delivery.find(name) == nullptr) continue;
    members.optional_string(name, 16);
    members.error(name, "may be asked for from rules version " + std::to_string(kRulesWithFormats) + " on; this network runs version " + std::to_string(context.rules_version) + ": leave it out");
  }
}

void read_delivery(const RuleContext& context, FieldReader& fields, AccessRequest& request, std::vector<FieldError>& errors) {
  const Json* delivery = fields.required_object("delivery");
  if (!delivery) return;
  FieldReader members(*delivery, "/delivery", errors);
  request.protocol = members.required_string("protocol", 16).value_or("");
  static constexpr std::string_view kProtocols[] = {"mqtt", "sse", "websocket"};
  if (!request.protocol.empty() && std::find(std::begin(kProtocols), std::end(kProtocols), request.protocol) == std::end(kProtocols)) {
    members.error("protocol", "must be \"mqtt\", \"sse\" or \"websocket\"");
  }
  if (const auto unit = members.optional_string("unit", 256)) {
    if (!ontology::units().find(*unit)) members.error("unit", "must be a QUDT unit IRI or a UCUM code of the unit table");
    request.unit = *unit;
  }
  read_form(context, members, *delivery, request);
  members.finish();
}

Result<AccessRequest> read_access(const RuleContext& context, const Json& body) {
  std::vector<FieldError> errors;
  FieldReader fields(body, "", errors);
  AccessRequest request;
  request.application = fields.required_string("application", 128).value_or("");
  if (!request.application.empty() && !key_from_did(request.application)) fields.error("application", "must be the did:key of an Ed25519 key");
  request.payment = read_hash(fields, "payment").value_or(Hash{});
  read_devices(fields, request, errors);
  if (const auto node = fields.optional_string("node", 64)) {
    request.node = *node;
    if (context.members.index_of(*node) < 0) fields.error("node", "must be the id of a member: see /v1/validators");
  }
  read_delivery(context, fields, request, errors);
  fields.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  return request;
}

struct ItemToGrant { std::uint32_t index = 0; records::PaymentItem item; };

// The payment items of the devices asked for, in that order. Whoever asks for a device that was not paid for gets nothing at all.
Result<std::vector<ItemToGrant>> items_to_grant(const StateView& state, const AccessRequest& request) {
  std::vector<ItemToGrant> items;
  for (const Hash& device : request.devices) {
    // A payment of one item need not say where its device is.
    const auto index = state.get(keys::paid_device(request.payment, device));
    const std::uint32_t at = index ? read_u32_be(*index) : 0;
    auto item = load<records::PaymentItem>(state, keys::payment_item(request.payment, at));
    if (!item || hash_of(item->device()) != device) return fail(Status::forbidden, "the payment does not hold device " + device_urn(device));
    items.push_back({at, std::move(*item)});
  }
  return items;
}

// Every device must have a sensor whose readings can be given in the unit that is asked for.
Result<void> check_unit(const RuleContext& context, const AccessRequest& request, const std::vector<ItemToGrant>& items) {
  const ontology::Unit* wanted = request.unit.empty() ? nullptr : ontology::units().find(request.unit);
  if (!wanted) return {};
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto record = load_known<records::DeviceVersion>(context.state, keys::device_version(request.devices[i], items[i].item.version()));
    const ontology::DeviceDescription description = recorded_description(record);
    const bool fits = std::any_of(description.sensors.begin(), description.sensors.end(), [&](const auto& sensor) {
      const ontology::Unit* declared = ontology::units().find(sensor.unit);
      return declared && ontology::commensurable(*declared, *wanted);
    });
    if (!fits) return fail_field("/delivery/unit", "no sensor of " + device_urn(request.devices[i]) + " can be expressed in " + wanted->iri);
  }
  return {};
}

// When the time bought for an item ends.
TimeMs end_of_time(const RuleContext& context, const records::Payment& payment, const records::PaymentItem& item) {
  return (payment.starts_with_integration() ? context.timestamp : payment.timestamp_ms()) + item.limit_ms();
}

// Who has the access of a granted item, and what its payer can do.
std::string where_used(const RuleContext& context, const records::PaymentItem& item) {
  const Hash id = hash_of(item.integration());
  const auto integration = load_known<records::Integration>(context.state, keys::integration(id));
  const bool open = integration.state() == records::INTEGRATION_ACTIVE || integration.state() == records::INTEGRATION_UNCLAIMED;
  if (item.state() != records::ITEM_INTEGRATED || !open) return "was used by integration " + id.hex() + ", which has ended: pay again for more";
  const std::string where = integration.node().empty() ? "at no node yet" : "at " + integration.node();
  return "is in use " + where + " by integration " + id.hex() + ": take it up with integration.credentials there, or end it with integration.close";
}

Result<void> check_grantable(const RuleContext& context, const AccessRequest& request, const records::Payment& payment,
                             const std::vector<ItemToGrant>& items) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto& item = items[i].item;
    const std::string urn = device_urn(request.devices[i]);
    if (item.state() == records::ITEM_INTEGRATED || !item.integration().empty()) {
      return fail(Status::conflict, "this payment's access to " + urn + " " + where_used(context, item));
    }
    if (item.state() == records::ITEM_SETTLED) return fail(Status::payment_required, "what was paid for " + urn + " has lapsed and went back");
    if (item.minutes_milli() > 0 && end_of_time(context, payment, item) <= context.timestamp) {
      return fail(Status::payment_required, "the time paid for " + urn + " has passed");
    }
    if (request.versions[i] && *request.versions[i] != item.version()) {
      return fail(Status::conflict, "version " + std::to_string(item.version()) + " of " + urn + " was paid for");
    }
  }
  return {};
}

records::IntegrationDevice grant(const RuleContext& context, const records::Payment& payment, const ItemToGrant& granted) {
  const auto& item = granted.item;
  records::IntegrationDevice device;
  device.set_device(item.device());
  device.set_version(item.version());
  device.set_item_index(granted.index);
  if (item.minutes_milli() > 0) {
    device.set_has_time(true);
    device.set_limit_ms(item.limit_ms());
    device.set_expires_ms(end_of_time(context, payment, item));
  }
  if (item.kilobytes_milli() > 0) {
    device.set_has_data(true);
    device.set_limit_bytes(item.limit_bytes());
  }
  return device;
}

Json grant_json(const records::IntegrationDevice& device) {
  Json json = Json::object({{"device", device_urn(hash_of(device.device()))}, {"version", device.version()}});
  if (device.has_time()) json.set("seconds", Json::number(thousandths_text(device.limit_ms())));
  if (device.has_data()) json.set("bytes", device.limit_bytes());
  if (device.has_time()) json.set("expires", time_text(device.expires_ms()));
  return json;
}

// What an integration.create answers about the devices that it granted, or that it goes on with.
Json access_json(const Hash& id, const records::Integration& integration, Json grants) {
  Json result = Json::object({{"integration", id.hex()}, {"payment", hash_of(integration.payment()).hex()}, {"application", integration.application()}});
  if (!integration.node().empty()) result.set("node", integration.node()).set("epoch", integration.epoch());
  result.set("grants", std::move(grants));
  return result;
}

// The member whose key signed; -1 for anybody else.
int signing_member(const RuleContext& context, const Transaction& transaction) { return context.members.index_of(transaction.signer); }

void claim(RuleContext& context, const Hash& id, records::Integration& integration, const std::string& node) {
  integration.set_node(node);
  integration.set_epoch(integration.epoch() + 1);
  integration.set_state(records::INTEGRATION_ACTIVE);
  integration.set_claimed_ms(context.timestamp);
  context.state.put(keys::served(node, id), {});
  if (context.rules_version < kRulesWithLeases) return;
  integration.set_leased(true);
  const bool first_counted = context.rules_version >= kRulesWithCounts && !integration.counted();
  if (first_counted) integration.set_counted(true);
  for (auto& [index, device] : devices_of(context.state, id)) {
    if (device.ended()) continue;
    if (first_counted) device.set_measurements(device.readings());   // of epochs before these rules
    if (device.has_data()) device.set_bytes_reserved(first_reservation(device));
    if (!device.has_data() && !first_counted) continue;
    store(context.state, keys::integration_device(id, index), device);
  }
}

// The open integration that all of the items belong to, when it is one that may change hands.
std::optional<Hash> integration_of(const RuleContext& context, const std::vector<ItemToGrant>& items) {
  const std::string& id = items.front().item.integration();   // of an item that is settled too: its device has ended before the others
  if (context.rules_version < kRulesWithLeases || id.empty()) return std::nullopt;
  for (const ItemToGrant& one : items) {
    if (one.item.integration() != id) return std::nullopt;
  }
  const auto integration = load_known<records::Integration>(context.state, keys::integration(hash_of(id)));
  const bool unclaimed = integration.state() == records::INTEGRATION_UNCLAIMED;
  return unclaimed || (integration.state() == records::INTEGRATION_ACTIVE && integration.leased()) ? std::optional(hash_of(id)) : std::nullopt;
}

// Asks for what is in use already: its application goes on with it at another node when the one that served it has let its lease run out.
Result<RuleOutcome> hand_over(RuleContext& context, const Transaction& transaction, const AccessRequest& request, const std::vector<ItemToGrant>& items, const Hash& id) {
  auto integration = load_known<records::Integration>(context.state, keys::integration(id));
  if (items.size() != integration.device_count()) {
    return fail(Status::conflict, "integration " + id.hex() + " has " + std::to_string(integration.device_count()) + " devices: it goes on with all of them, or with none");
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (request.versions[i] && *request.versions[i] != items[i].item.version()) {
      return fail(Status::conflict, "version " + std::to_string(items[i].item.version()) + " of " + device_urn(request.devices[i]) + " was paid for");
    }
  }
  if (const auto fits = check_unit(context, request, items); !fits) return tl::unexpected(fits.error());
  const bool served = integration.state() == records::INTEGRATION_ACTIVE;
  const TimeMs until = leased_until(context.state, integration);
  const bool gone = served && context.members.index_of(integration.node()) < 0;
  if (!gone && until >= context.timestamp) {
    return fail(Status::conflict, "this payment's access " + where_used(context, items.front().item) + "; another node may take it over after " + time_text(until) + ", unless it is renewed");
  }
  change_access_triples(context, id, integration, false);
  if (served) release(context, id, integration, transaction.id);
  if (integration.open_devices() == 0) {
    store(context.state, keys::integration(id), integration);
    change_access_triples(context, id, integration, true);
    end_integration(context, id, integration, ended::kData, transaction.id);
    return RuleOutcome{Status::created, access_json(id, integration, Json::array()).set("state", "ended").set("endedBecause", ended::kData)};
  }
  integration.set_protocol(request.protocol);
  integration.set_unit(request.unit);
  integration.set_format(request.format);
  integration.set_context(request.context);
  if (!request.node.empty()) claim(context, id, integration, request.node);
  store(context.state, keys::integration(id), integration);
  change_access_triples(context, id, integration, true);
  if (served) emit_integration(context, id, integration, "handedOver", transaction.id);
  if (!request.node.empty()) emit_integration(context, id, integration, "claimed", transaction.id);

  Json grants = Json::array();
  for (const auto& [index, device] : devices_of(context.state, id)) {
    if (!device.ended()) grants.push(grant_json(device));
  }
  return RuleOutcome{Status::created, access_json(id, integration, std::move(grants))};
}

}  // namespace

Result<RuleOutcome> integration_create(RuleContext& context, const Transaction& transaction, const Json& body) {
  const auto request = read_access(context, body);
  if (!request) return tl::unexpected(request.error());
  if (request->application != transaction.header.kid) return fail(Status::forbidden, "an integration is signed by its application");
  const auto payment = load<records::Payment>(context.state, keys::payment(request->payment));
  if (!payment) return fail(Status::payment_required, "there is no such payment on the ledger");
  if (payment->payer() != request->application) return fail(Status::forbidden, "the payment belongs to another payer");
  auto items = items_to_grant(context.state, *request);
  if (!items) return tl::unexpected(items.error());
  if (const auto open = integration_of(context, *items)) return hand_over(context, transaction, *request, *items, *open);
  if (const auto grantable = check_grantable(context, *request, *payment, *items); !grantable) return tl::unexpected(grantable.error());
  if (const auto fits = check_unit(context, *request, *items); !fits) return tl::unexpected(fits.error());

  const Hash id = integration_id(transaction.id);
  records::Integration integration;
  integration.set_application(request->application);
  integration.set_payment(Bytes(request->payment.view()));
  integration.set_protocol(request->protocol);
  integration.set_unit(request->unit);
  integration.set_format(request->format);
  integration.set_context(request->context);
  integration.set_transaction(Bytes(transaction.id.view()));
  integration.set_height(context.height);
  integration.set_timestamp_ms(context.timestamp);
  integration.set_device_count(static_cast<std::uint32_t>(items->size()));
  integration.set_open_devices(static_cast<std::uint32_t>(items->size()));

  Json grants = Json::array();
  for (std::uint32_t i = 0; i < items->size(); ++i) {
    auto& [index, item] = (*items)[i];
    const auto device = grant(context, *payment, (*items)[i]);
    item.set_state(records::ITEM_INTEGRATED);
    item.set_integration(Bytes(id.view()));
    item.set_integration_index(i);
    const TimeMs end = device.has_time() ? device.expires_ms() : payment->timestamp_ms() + kDataLapse_ms;
    reschedule_item(context, request->payment, index, item, end + kSettleGrace_ms);
    store(context.state, keys::integration_device(id, i), device);
    grants.push(grant_json(device));
  }
  if (!request->node.empty()) claim(context, id, integration, request->node);
  store(context.state, keys::integration(id), integration);
  count_open(context.state, 0, 1);
  change_access_triples(context, id, integration, true);
  emit_integration(context, id, integration, "created", transaction.id);
  if (!request->node.empty()) emit_integration(context, id, integration, "claimed", transaction.id);

  return RuleOutcome{Status::created, access_json(id, integration, std::move(grants))};
}

Result<RuleOutcome> integration_claim(RuleContext& context, const Transaction& transaction, const Json& body) {
  std::vector<FieldError> errors;
  FieldReader fields(body, "", errors);
  const auto id = read_hash(fields, "integration");
  const auto node = fields.required_string("node", 64);
  const auto epoch = fields.required_integer("epoch", 1, 1'000'000'000);
  fields.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));

  const int member = signing_member(context, transaction);
  if (member < 0 || context.members[static_cast<std::size_t>(member)].id != *node) {
    return fail(Status::forbidden, "a claim is signed by the member that will serve");
  }
  auto integration = find_integration(context.state, *id);
  if (!integration) return tl::unexpected(integration.error());
  if (integration->state() == records::INTEGRATION_ENDED) return fail(Status::conflict, "the integration has ended");
  if (integration->state() != records::INTEGRATION_UNCLAIMED) {
    return fail(Status::conflict, "the integration is served by " + integration->node());
  }
  if (static_cast<std::uint64_t>(*epoch) != integration->epoch() + 1) {
    return fail(Status::conflict, integration->epoch() == 0 ? "the first claim has epoch 1" : "the next claim has epoch " + std::to_string(integration->epoch() + 1));
  }

  change_access_triples(context, *id, *integration, false);
  claim(context, *id, *integration, *node);
  store(context.state, keys::integration(*id), *integration);
  change_access_triples(context, *id, *integration, true);
  emit_integration(context, *id, *integration, "claimed", transaction.id);
  return RuleOutcome{Status::ok, Json::object({{"integration", id->hex()}, {"node", *node}, {"epoch", integration->epoch()}})};
}

Result<RuleOutcome> integration_close(RuleContext& context, const Transaction& transaction, const Json& body) {
  std::vector<FieldError> errors;
  FieldReader fields(body, "", errors);
  const auto id = read_hash(fields, "integration");
  fields.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  auto integration = find_integration(context.state, *id);
  if (!integration) return tl::unexpected(integration.error());
  if (integration->application() != transaction.header.kid) return fail(Status::forbidden, "only its application may close an integration");

  if (integration->state() == records::INTEGRATION_ENDED) return fail(Status::conflict, "the integration has ended already: " + integration->ended_because());
  close_integration(context, *id, *integration, ended::kClosed, transaction.id);
  return RuleOutcome{Status::ok, Json::object({{"integration", id->hex()}, {"state", "ended"}, {"endedBecause", ended::kClosed}})};
}

}  // namespace agiddi::subservices
