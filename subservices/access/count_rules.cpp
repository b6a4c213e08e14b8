#include "subservices/access/count_rules.h"

#include <map>
#include <set>

#include "ontology/metadata.h"
#include "protocol/limits.h"
#include "subservices/access/integration_records.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

constexpr std::int64_t kCountMax = 999'999'999'999'999;   // 15 digits, as JSON numbers go

struct DeviceCount {
  Hash device;
  std::int64_t measurements = 0;
  std::optional<std::int64_t> bytes, active_ms;
};

struct CountDocument {
  Hash integration;
  std::uint64_t sequence = 0;
  std::vector<DeviceCount> devices;
};

Result<CountDocument> read_count(const Json& body) {
  std::vector<FieldError> errors;
  FieldReader fields(body, "", errors);
  CountDocument document;
  document.integration = read_hash(fields, "integration").value_or(Hash{});
  document.sequence = static_cast<std::uint64_t>(fields.required_integer("sequence", 1, kCountMax).value_or(0));
  std::set<Hash> seen;
  if (const auto* devices = fields.required_array("devices", 1, limits::kItemsPerPaymentMax)) {
    for (std::size_t i = 0; i < devices->size(); ++i) {
      FieldReader members((*devices)[i], "/devices/" + std::to_string(i), errors);
      DeviceCount count;
      if (const auto urn = members.required_string("device", 128)) {
        const auto device = device_from_urn(*urn);
        if (!device) members.error("device", "must be urn:agiddi:device: and 64 lower-case hexadecimal digits");
        if (device && !seen.insert(*device).second) members.error("device", "comes twice");
        count.device = device.value_or(Hash{});
      }
      count.measurements = members.required_integer("measurements", 0, kCountMax).value_or(0);
      count.bytes = members.optional_integer("bytes", 0, kCountMax);
      count.active_ms = members.optional_integer("activeMs", 0, kCountMax);
      members.finish();
      document.devices.push_back(count);
    }
  }
  fields.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  return document;
}

enum class Party { application, provider };

Result<Party> party_of(const RuleContext& context, const Transaction& transaction, const records::Integration& integration, const records::IntegrationDevice& device) {
  if (integration.application() == transaction.header.kid) return Party::application;
  const auto item = load_known<records::PaymentItem>(context.state, keys::payment_item(hash_of(integration.payment()), device.item_index()));
  if (item.provider() == transaction.header.kid) return Party::provider;
  return fail(Status::forbidden, "a count is signed by the application of the integration, or by the provider of " + device_urn(hash_of(device.device())));
}

Result<void> check_application(const records::IntegrationDevice& device, const DeviceCount& count, const std::string& pointer) {
  if (count.bytes && device.has_data() && *count.bytes > device.limit_bytes()) return fail_field(pointer + "/bytes", "is more than was paid for");
  if (count.active_ms && device.has_time() && *count.active_ms > device.limit_ms()) return fail_field(pointer + "/activeMs", "is more than was paid for");
  if (!device.has_application()) return {};
  // One that comes in later could object to what was left unsaid for long.
  const auto& first = device.application();
  if (count.bytes.has_value() != first.has_bytes()) return fail_field(pointer + "/bytes", first.has_bytes() ? "stood in the first count, and stands in each" : "did not stand in the first count");
  if (count.active_ms.has_value() != first.has_active()) {
    return fail_field(pointer + "/activeMs", first.has_active() ? "stood in the first count, and stands in each" : "did not stand in the first count");
  }
  return {};
}

Result<void> check_order(const records::SignedCount& before, const CountDocument& document, const DeviceCount& count) {
  if (document.sequence <= before.sequence()) return fail(Status::conflict, "count " + std::to_string(before.sequence()) + " was taken already");
  if (count.measurements < before.measurements() || count.bytes.value_or(before.bytes()) < before.bytes() || count.active_ms.value_or(before.active_ms()) < before.active_ms()) {
    return fail(Status::conflict, "counts are totals since the first claim and never fall: " + device_urn(count.device));
  }
  return {};
}

// True when it says anything new.
bool take(records::SignedCount& record, const CountDocument& document, const DeviceCount& count) {
  const records::SignedCount before = record;
  record.set_sequence(document.sequence);
  record.set_measurements(count.measurements);
  if (count.bytes) {
    record.set_has_bytes(true);
    record.set_bytes(*count.bytes);
  }
  if (count.active_ms) {
    record.set_has_active(true);
    record.set_active_ms(*count.active_ms);
  }
  return before.sequence() == 0 || record.measurements() != before.measurements() || record.bytes() != before.bytes() || record.active_ms() != before.active_ms();
}

void concede(records::IntegrationDevice& device) {
  const Delivered reported = reported_of(device);
  device.set_conceded_bytes(reported.bytes);
  device.set_conceded_measurements(reported.measurements);
  device.set_conceded_active_ms(reported.active_ms);
  // Its node has begun, and may have delivered all that it had reserved; what is reserved with the claim is not conceded, for a first count that comes with it.
  if (reported.bytes > 0) device.set_conceded_reserved(device.bytes_reserved() - device.bytes_lost());
}

void record_triples(RuleContext& context, const Transaction& transaction, const CountDocument& document, const DeviceCount& count, Party party) {
  if (context.only_checks) return;
  ontology::CountFacts facts;
  facts.integration = document.integration;
  facts.device = count.device;
  facts.by_provider = party == Party::provider;
  facts.by = transaction.header.kid;
  facts.sequence = document.sequence;
  facts.measurements = static_cast<std::uint64_t>(count.measurements);
  if (count.bytes) facts.bytes = static_cast<std::uint64_t>(*count.bytes);
  if (count.active_ms) facts.active_ms = static_cast<std::uint64_t>(*count.active_ms);
  facts.timestamp = context.timestamp;
  facts.transaction = transaction.id;
  for (auto& triple : ontology::count_triples(facts)) context.triples.push_back({std::move(triple), true});
}

// What the node has reported, so that who counts sees how far apart they are.
Json reported_json(const records::IntegrationDevice& device) {
  const Delivered reported = reported_of(device);
  Json json = Json::object({{"device", device_urn(hash_of(device.device()))},
                            {"reportedMeasurements", reported.measurements},
                            {"reportedBytes", reported.bytes},
                            {"reportedActiveMs", reported.active_ms}});
  if (device.has_data()) json.set("countAgainWithin", count_again_within(reported, device.limit_bytes()));
  return json;
}

}  // namespace

Delivered reported_of(const records::IntegrationDevice& device) { return {device.bytes_used() - device.bytes_lost(), device.measurements(), device.active_ms()}; }

std::optional<ApplicationCount> application_count(const records::IntegrationDevice& device) {
  if (!device.has_application()) return std::nullopt;
  const auto& record = device.application();
  ApplicationCount count;
  count.measurements = record.measurements();
  if (record.has_bytes()) count.bytes = record.bytes();
  if (record.has_active()) count.active_ms = record.active_ms();
  count.conceded = {device.conceded_bytes(), device.conceded_measurements(), device.conceded_active_ms()};
  count.conceded_bytes = device.conceded_reserved();
  if (device.has_data()) count.limit_bytes = device.limit_bytes();
  if (device.has_time()) count.limit_ms = device.limit_ms();
  return count;
}

Delivered settlement_of(const records::IntegrationDevice& device) {
  const auto application = application_count(device);
  return application ? settled_by(reported_of(device), *application) : reported_of(device);
}

Result<RuleOutcome> usage_count(RuleContext& context, const Transaction& transaction, const Json& body) {
  const auto document = read_count(body);
  if (!document) return tl::unexpected(document.error());
  const auto integration = find_integration(context.state, document->integration);
  if (!integration) return tl::unexpected(integration.error());
  if (integration->state() == records::INTEGRATION_ENDED) return fail(Status::conflict, "the integration has ended and is settled");
  if (!integration->counted()) {
    return fail(Status::conflict, integration->epoch() == 0 ? "nobody serves the integration yet: there is nothing to count"
                                                            : "the integration was claimed under rules before version " + std::to_string(kRulesWithCounts) + ": its node's figures hold");
  }
  auto devices = devices_of(context.state, document->integration);
  std::map<Hash, IndexedDevice*> by_id;
  for (auto& entry : devices) by_id.emplace(hash_of(entry.record.device()), &entry);

  Json answers = Json::array();
  bool news = false;
  for (std::size_t i = 0; i < document->devices.size(); ++i) {
    const DeviceCount& count = document->devices[i];
    const std::string pointer = "/devices/" + std::to_string(i);
    const auto known = by_id.find(count.device);
    if (known == by_id.end()) return fail_field(pointer + "/device", "does not belong to the integration");
    auto& device = known->second->record;
    const auto party = party_of(context, transaction, *integration, device);
    if (!party) return tl::unexpected(party.error());
    if (device.ended()) return fail(Status::conflict, device_urn(count.device) + " has ended and is settled");
    const bool by_application = *party == Party::application;
    if (by_application) {
      if (auto fits = check_application(device, count, pointer); !fits) return tl::unexpected(fits.error());
    }
    if (auto in_order = check_order(by_application ? device.application() : device.provider(), *document, count); !in_order) return tl::unexpected(in_order.error());
    if (by_application && !device.has_application()) concede(device);
    if (take(by_application ? *device.mutable_application() : *device.mutable_provider(), *document, count)) {
      news = true;
      record_triples(context, transaction, *document, count, *party);
    }
    store(context.state, keys::integration_device(document->integration, known->second->index), device);
    answers.push(reported_json(device));
  }
  if (news) emit_integration(context, document->integration, *integration, "counted", transaction.id);
  return RuleOutcome{Status::ok, Json::object({{"integration", document->integration.hex()}, {"sequence", document->sequence}, {"devices", std::move(answers)}})};
}

}  // namespace agiddi::subservices
