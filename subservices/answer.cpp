// From a receipt to the HTTP answer. What the ledger holds anyway (metadata, templates) is not repeated in receipts and is put in here.
#include "subservices/executor.h"
#include "subservices/registration/device_records.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

struct DeviceAt { Hash device; std::uint32_t version = 0; };

DeviceAt device_at(const Json& entry, const char* name) {
  const auto device = device_from_urn(entry.find(name)->as_string());
  const auto version = Decimal::parse(entry.find("version")->number_text());
  AGIDDI_CHECK(device && version, "a receipt of ours names a device and a version");
  return {*device, static_cast<std::uint32_t>(version->mantissa())};
}

Json with_documents(const StateView& state, const Json& entries) {
  Json devices = Json::array();
  for (const Json& entry : entries.items()) {
    const auto [device, version] = device_at(entry, "id");
    const auto record = load_known<records::DeviceVersion>(state, keys::device_version(device, version));
    const auto description = recorded_description(record);
    const auto identity = recorded_identity(device, record);
    Json full = entry;
    full.set("metadata", ontology::device_metadata(description, identity));
    full.set("template", ontology::measurement_template(description, identity));
    devices.push(std::move(full));
  }
  return devices;
}

Json templates_of(const StateView& state, const Json& grants) {
  Json templates = Json::array();
  for (const Json& grant : grants.items()) {
    const auto [device, version] = device_at(grant, "device");
    templates.push(recorded_template(state, device, version));
  }
  return templates;
}

}  // namespace

Error error_from_receipt(const Receipt& receipt) {
  Error error{receipt.status, {}, {}};
  const auto result = parse_json(receipt.result);
  AGIDDI_CHECK(result && result->is_object(), "a receipt's result is a JSON object");
  if (const Json* detail = result->find("detail")) error.detail = detail->as_string();
  if (const Json* errors = result->find("errors")) {
    for (const Json& field : errors->items()) {
      error.fields.push_back({field.find("pointer")->as_string(), field.find("detail")->as_string()});
    }
  }
  return error;
}

Result<Json> answer_for(const ledger::LedgerSnapshot& snapshot, const Transaction& transaction, const Receipt& receipt, std::uint64_t height,
                        TimeMs timestamp) {
  if (receipt.status != Status::ok && receipt.status != Status::created) return tl::unexpected(error_from_receipt(receipt));
  auto result = parse_json(receipt.result);
  AGIDDI_CHECK(result && result->is_object(), "a receipt's result is a JSON object");
  const StateView state(snapshot.state());
  const std::string& action = transaction.header.action;
  if (action == "device.register" || action == "device.update") result->set("devices", with_documents(state, *result->find("devices")));
  if (action == "integration.create") result->set("templates", templates_of(state, *result->find("grants")));

  Json answer = Json::object({{"transaction", transaction.id.hex()}, {"height", height}, {"timestamp", time_text(timestamp)}});
  for (auto& [name, value] : result->members()) answer.set(name, std::move(value));
  return answer;
}

}  // namespace agiddi::subservices
