#include "subservices/registration/device_records.h"

#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

// The members that the sealed access was made for: those in force when the version was recorded.
std::vector<std::string> recorded_recipients(const Json& device) {
  std::vector<std::string> members;
  const Json* access = device.find("access");
  const Json* sealed = access ? access->find("sealed") : nullptr;
  const Json* recipients = sealed ? sealed->find("recipients") : nullptr;
  AGIDDI_CHECK(recipients && recipients->is_array(), "a recorded device has sealed access");
  for (const Json& recipient : recipients->items()) members.push_back(recipient.find("member")->as_string());
  return members;
}

}  // namespace

ontology::DeviceDescription recorded_description(const records::DeviceVersion& record) {
  const auto json = parse_json(record.description());
  AGIDDI_CHECK(json.has_value(), "a recorded description is JSON");
  ontology::DeviceContext context;
  context.update = json->find("id") != nullptr;
  context.signer = record.provider();
  context.members = recorded_recipients(*json);
  for (const auto& method : record.methods()) {
    if (method != "credit") context.authorities.push_back(method);
  }
  std::vector<FieldError> errors;
  auto description = ontology::parse_device(*json, "", context, errors);
  AGIDDI_CHECK(description.has_value(), "a recorded description parses as it did when it was recorded");
  return std::move(*description);
}

ontology::DeviceIdentity recorded_identity(const Hash& device, const records::DeviceVersion& record) {
  ontology::DeviceIdentity identity;
  identity.device = device;
  identity.version = record.version();
  identity.provider = record.provider();
  identity.transaction = hash_of(record.transaction());
  identity.height = record.height();
  identity.timestamp = record.timestamp_ms();
  identity.registered_at = record.registered_ms();
  return identity;
}

Json recorded_template(const StateView& state, const Hash& device, std::uint32_t version) {
  const auto record = load_known<records::DeviceVersion>(state, keys::device_version(device, version));
  return ontology::measurement_template(recorded_description(record), recorded_identity(device, record));
}

}  // namespace agiddi::subservices
