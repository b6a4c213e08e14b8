// usage.report and what falls due: how integrations come to their end and their money to its owners.
#include <algorithm>
#include <map>

#include "ontology/metadata.h"
#include "protocol/limits.h"
#include "subservices/access/access_rules.h"
#include "subservices/access/count_rules.h"
#include "subservices/access/integration_records.h"
#include "subservices/access/lease_rules.h"
#include "subservices/payment/payment_rules.h"

namespace agiddi::subservices {
namespace {

constexpr std::int64_t kCountMax = 999'999'999'999'999;   // 15 digits, as JSON numbers go

struct DeviceCount {
  Hash device;
  std::int64_t bytes = 0, active_ms = 0, readings = 0;
  std::optional<std::int64_t> reserve;   // a total, as bytes is
  std::optional<std::int64_t> measurements;
  std::int64_t silent_ms = 0;
  bool ended = false;
};

struct Report {
  Hash integration;
  std::uint64_t epoch = 0, sequence = 0;
  bool final = false;
  std::string because;
  std::vector<DeviceCount> devices;
};

bool read_flag(FieldReader& fields, const char* name, const Json* value) {
  if (value && !value->is_bool()) fields.error(name, "must be true or false");
  return value && value->is_bool() && value->as_bool();
}

Result<Report> read_report(const Json& body, std::uint32_t rules) {
  std::vector<FieldError> errors;
  FieldReader fields(body, "", errors);
  Report report;
  report.integration = read_hash(fields, "integration").value_or(Hash{});
  report.epoch = static_cast<std::uint64_t>(fields.required_integer("epoch", 1, kCountMax).value_or(0));
  report.sequence = static_cast<std::uint64_t>(fields.required_integer("sequence", 1, kCountMax).value_or(0));
  report.final = read_flag(fields, "final", fields.required("final"));
  report.because = fields.optional_string("endedBecause", 64).value_or("");
  if (const auto* devices = fields.required_array("devices", 0, limits::kItemsPerPaymentMax)) {
    for (std::size_t i = 0; i < devices->size(); ++i) {
      FieldReader members((*devices)[i], "/devices/" + std::to_string(i), errors);
      DeviceCount count;
      if (const auto urn = members.required_string("device", 128)) {
        if (const auto device = device_from_urn(*urn)) {
          count.device = *device;
        } else {
          members.error("device", "must be urn:agiddi:device: and 64 lower-case hexadecimal digits");
        }
      }
      count.bytes = members.required_integer("bytes", 0, kCountMax).value_or(0);
      count.active_ms = members.required_integer("activeMs", 0, kCountMax).value_or(0);
      count.readings = members.required_integer("readings", 0, kCountMax).value_or(0);
      if (rules >= kRulesWithLeases) {
        count.reserve = members.optional_integer("reserve", 0, kCountMax);
        count.silent_ms = members.optional_integer("silentMs", 0, kCountMax).value_or(0);
      }
      if (rules >= kRulesWithCounts) count.measurements = members.optional_integer("measurements", 0, kCountMax);
      count.ended = read_flag(members, "ended", members.optional("ended"));
      report.devices.push_back(count);
      members.finish();
    }
  }
  fields.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  return report;
}

// A node cannot have served longer than since its claim, whatever its clock says, nor longer than was bought. What nodes before it earned stays.
std::int64_t bounded_active_ms(const RuleContext& context, const records::Integration& integration, const records::IntegrationDevice& device,
                               std::int64_t reported) {
  const std::int64_t since_claim = context.timestamp - integration.claimed_ms() + limits::kBatchClockTolerance_ms;
  std::int64_t active = std::min(reported, device.active_base_ms() + since_claim);
  if (device.has_time()) active = std::min(active, device.limit_ms());
  return std::max(active, device.active_ms());
}

// What was not reserved before it was delivered was not to be delivered; and what is reserved ahead is bounded, for a crash costs all of it.
Result<void> take_reservation(const records::Integration& integration, records::IntegrationDevice& device, const DeviceCount& count, const std::string& pointer) {
  if (!integration.leased() || !device.has_data()) {
    return count.reserve ? fail_field(pointer + "/reserve", "belongs to data of an integration with a lease") : Result<void>{};
  }
  if (count.bytes > device.bytes_reserved()) return fail_field(pointer + "/bytes", "is more than was reserved, " + std::to_string(device.bytes_reserved()));
  if (!count.reserve) return {};
  if (*count.reserve < device.bytes_reserved()) return fail_field(pointer + "/reserve", "is less than was reserved before, " + std::to_string(device.bytes_reserved()));
  if (*count.reserve > device.limit_bytes()) return fail_field(pointer + "/reserve", "is more than was paid for");
  if (*count.reserve - count.bytes > limits::kReservedAheadMax_bytes) {
    return fail_field(pointer + "/reserve", "reserves more than " + std::to_string(limits::kReservedAheadMax_bytes) + " bytes ahead");
  }
  device.set_bytes_reserved(*count.reserve);
  return {};
}

// One count against what was recorded before. A device that has ended keeps what it was settled by.
Result<void> take_count(RuleContext& context, const Transaction& transaction, const Report& report, records::Integration& integration,
                        IndexedDevice& entry, const DeviceCount& count, std::size_t position) {
  auto& device = entry.record;
  if (device.ended()) return {};
  const std::string pointer = "/devices/" + std::to_string(position);
  if (count.measurements && !integration.counted()) return fail_field(pointer + "/measurements", "belongs to an integration claimed from rules version " + std::to_string(kRulesWithCounts) + " on");
  const std::int64_t measurements = integration.counted() ? count.measurements.value_or(std::max(count.readings, device.measurements())) : 0;
  if (count.bytes < device.bytes_used() || count.active_ms < device.active_ms() || count.readings < device.readings() || measurements < device.measurements()) {
    return fail(Status::conflict, "counts are totals since the claim and never fall: " + device_urn(count.device));
  }
  if (device.has_data() && count.bytes > device.limit_bytes()) return fail_field(pointer + "/bytes", "is more than was paid for");
  if (auto reserved = take_reservation(integration, device, count, pointer); !reserved) return reserved;

  const std::int64_t active_ms = bounded_active_ms(context, integration, device, count.active_ms);
  const bool changed = count.bytes != device.bytes_used() || active_ms != device.active_ms() || count.readings != device.readings() || measurements != device.measurements();
  device.set_bytes_used(count.bytes);
  device.set_active_ms(active_ms);
  device.set_readings(count.readings);
  device.set_measurements(measurements);
  device.set_silent_ms(std::max(device.silent_ms(), count.silent_ms));
  store(context.state, keys::integration_device(report.integration, entry.index), device);
  if (!changed && !report.final && !count.ended) return {};

  ontology::UsageFacts facts;
  facts.integration = report.integration;
  facts.device = count.device;
  facts.epoch = report.epoch;
  facts.sequence = report.sequence;
  facts.bytes = static_cast<std::uint64_t>(count.bytes);
  facts.active_ms = static_cast<std::uint64_t>(active_ms);
  facts.readings = static_cast<std::uint64_t>(count.readings);
  if (integration.counted()) facts.measurements = static_cast<std::uint64_t>(measurements);
  facts.final = report.final || count.ended;
  facts.node = integration.node();
  facts.timestamp = context.timestamp;
  facts.transaction = transaction.id;
  for (auto& triple : ontology::usage_triples(facts)) context.triples.push_back({std::move(triple), true});
  return {};
}

// Why a device is over, from its own figures first.
std::string_view reason(const RuleContext& context, const records::Integration& integration, const records::IntegrationDevice& device,
                        std::string_view reported) {
  if (device.has_data() && device.bytes_used() >= device.limit_bytes()) return ended::kData;
  if (device.has_time() && (device.active_ms() >= device.limit_ms() || device.expires_ms() <= context.timestamp)) return ended::kTime;
  if (!reported.empty()) return reported;
  return integration.ended_because().empty() ? ended::kByNode : std::string_view(integration.ended_because());
}

}  // namespace

Result<RuleOutcome> usage_report(RuleContext& context, const Transaction& transaction, const Json& body) {
  const auto report = read_report(body, context.rules_version);
  if (!report) return tl::unexpected(report.error());
  auto integration = find_integration(context.state, report->integration);
  if (!integration) return tl::unexpected(integration.error());
  const int member = context.members.index_of(transaction.signer);
  if (member < 0 || context.members[static_cast<std::size_t>(member)].id != integration->node()) {
    return fail(Status::forbidden, "usage is reported by the member that serves the integration");
  }
  if (integration->state() == records::INTEGRATION_ENDED) return fail(Status::conflict, "the integration has ended and is settled");
  if (report->epoch != integration->epoch()) return fail(Status::conflict, "the integration is at epoch " + std::to_string(integration->epoch()));
  if (report->sequence <= integration->sequence()) {
    return fail(Status::conflict, "report " + std::to_string(integration->sequence()) + " was taken already");
  }

  auto devices = devices_of(context.state, report->integration);
  std::map<Hash, IndexedDevice*> by_id;
  for (auto& entry : devices) by_id.emplace(hash_of(entry.record.device()), &entry);
  for (std::size_t i = 0; i < report->devices.size(); ++i) {
    const auto& count = report->devices[i];
    const auto known = by_id.find(count.device);
    if (known == by_id.end()) return fail_field("/devices/" + std::to_string(i) + "/device", "does not belong to the integration");
    IndexedDevice& entry = *known->second;
    if (auto taken = take_count(context, transaction, *report, *integration, entry, count, i); !taken) return tl::unexpected(taken.error());
    auto& device = entry.record;
    const bool used_up = device.has_data() && device.bytes_used() >= device.limit_bytes();
    if (!device.ended() && (count.ended || used_up)) {
      const std::string because(reason(context, *integration, device, report->because));
      end_device(context, report->integration, *integration, entry.index, device, because, transaction.id);
    }
  }
  integration->set_sequence(report->sequence);

  std::string last = report->because;
  for (auto& [index, device] : devices) {
    if (report->final && !device.ended()) {
      const std::string because(reason(context, *integration, device, report->because));
      end_device(context, report->integration, *integration, index, device, because, transaction.id);
    }
    if (last.empty() && device.ended()) last = device.ended_because();
  }
  if (integration->open_devices() == 0) {
    end_integration(context, report->integration, *integration,
                    integration->ended_because().empty() ? last : std::string(integration->ended_because()), transaction.id);
  } else {
    store(context.state, keys::integration(report->integration), *integration);
  }
  return RuleOutcome{Status::ok, Json::object({{"integration", report->integration.hex()},
                                               {"sequence", report->sequence},
                                               {"state", integration->open_devices() == 0 ? "ended" : "active"}})};
}

void sweep_payment_item(RuleContext& context, const keys::Expiry& entry) {
  auto item = load_known<records::PaymentItem>(context.state, keys::payment_item(entry.id, entry.index));
  AGIDDI_CHECK(item.due_ms() == entry.due, "an item's entry in the expiry index moves with it");
  const std::string_view because = item.minutes_milli() > 0 ? ended::kTime : ended::kLapsed;
  if (item.state() == records::ITEM_OPEN) {
    settle_item(context, entry.id, entry.index, item, 0, 0, ended::kLapsed, Hash{});
    return;
  }
  const Hash id = hash_of(item.integration());
  auto integration = load_known<records::Integration>(context.state, keys::integration(id));
  auto device = load_known<records::IntegrationDevice>(context.state, keys::integration_device(id, item.integration_index()));
  end_device(context, id, integration, item.integration_index(), device, because, Hash{});
  if (integration.open_devices() == 0) {
    // Data lapses unannounced: then only who stopped serving owes anything.
    if (item.minutes_milli() > 0 || leased_until(context.state, integration) < context.timestamp) count_missed_report(context, integration.node());
    end_integration(context, id, integration, integration.ended_because().empty() ? std::string(because) : integration.ended_because(), Hash{});
  } else {
    store(context.state, keys::integration(id), integration);
  }
}

std::size_t sweep_integration(RuleContext& context, const keys::Expiry& entry) {
  auto integration = load_known<records::Integration>(context.state, keys::integration(entry.id));
  AGIDDI_CHECK(integration.state() == records::INTEGRATION_CLOSING && integration.due_ms() == entry.due, "only a closing integration falls due");
  const std::size_t devices = integration.open_devices();
  count_missed_report(context, integration.node());
  end_all(context, entry.id, integration, std::string(integration.ended_because()), Hash{});
  return devices;
}

}  // namespace agiddi::subservices
