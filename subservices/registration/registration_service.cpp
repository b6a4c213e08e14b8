#include "subservices/registration/registration_service.h"

#include "protocol/limits.h"
#include "subservices/payment/authority_rules.h"
#include "subservices/registration/device_records.h"
#include "subservices/registration/thing_documents.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

Error unknown_device(std::string_view urn) { return {Status::not_found, "there is no device " + std::string(urn), {}}; }

}  // namespace

Result<DeviceView> RegistrationService::device(std::string_view urn, std::optional<std::uint32_t> version) const {
  const auto id = device_from_urn(urn);
  if (!id) return fail(Status::not_found, "a device id is urn:agiddi:device: and 64 lower-case hexadecimal digits");
  return device(*id, version);
}

Result<DeviceView> RegistrationService::device(const Hash& id, std::optional<std::uint32_t> version) const {
  const StateView state(snapshot_.state());
  const auto head = load<records::DeviceHead>(state, keys::device(id));
  if (!head) return tl::unexpected(unknown_device(device_urn(id)));
  const std::uint32_t wanted = version.value_or(head->version());
  const auto record = load<records::DeviceVersion>(state, keys::device_version(id, wanted));
  if (!record) return fail(Status::not_found, "the device has no version " + std::to_string(wanted));

  const auto description = recorded_description(*record);
  const auto identity = recorded_identity(id, *record);
  DeviceView view;
  view.device = id;
  view.version = wanted;
  view.current = wanted == head->version();
  view.retired = head->retired();
  view.provider = head->provider();
  view.metadata = ontology::device_metadata(description, identity);
  view.measurement_template = ontology::measurement_template(description, identity);
  view.metadata_triples = ontology::device_triples(description, identity);
  view.template_triples = ontology::template_triples(description, identity);
  return view;
}

Result<Json> RegistrationService::versions(std::string_view urn) const {
  const auto id = device_from_urn(urn);
  if (!id) return tl::unexpected(unknown_device(urn));
  const StateView state(snapshot_.state());
  Json list = Json::array();
  state.scan(keys::device_versions_of(*id), [&](BytesView, BytesView value) {
    const auto record = parse_record<records::DeviceVersion>(value);
    list.push(Json::object({{"version", record.version()},
                            {"transaction", hash_of(record.transaction()).hex()},
                            {"timestamp", time_text(record.timestamp_ms())}}));
    return true;
  });
  if (list.items().empty()) return tl::unexpected(unknown_device(urn));
  return Json::object({{"versions", std::move(list)}});
}

Result<Json> preview_registration(const MemberSet& members, const ledger::LedgerSnapshot& snapshot, const Transaction& transaction) {
  auto body = parse_json(transaction.body);
  if (!body) return tl::unexpected(body.error());
  if (ontology::is_thing_description(*body)) {
    auto document = device_document(*body, false, transaction.header.kid);
    if (!document) return tl::unexpected(document.error());
    *body = std::move(document->body);
  }
  ontology::DeviceContext context;
  context.signer = transaction.header.kid;
  for (const Member& member : members.all()) context.members.push_back(member.id);
  for (const auto& [id, authority] : authorities_in_force(StateView(snapshot.state()))) context.authorities.push_back(id);
  const auto devices = ontology::parse_registration(*body, context);
  if (!devices) return tl::unexpected(devices.error());

  Json entries = Json::array();
  for (std::uint32_t k = 0; k < devices->size(); ++k) {
    ontology::DeviceIdentity identity;
    identity.device = device_id(transaction.id, k);
    identity.provider = transaction.header.kid;
    identity.transaction = transaction.id;
    entries.push(Json::object({{"id", device_urn(identity.device)},
                               {"version", 1},
                               {"metadata", ontology::device_metadata((*devices)[k], identity)},
                               {"template", ontology::measurement_template((*devices)[k], identity)}}));
  }
  return Json::object({{"transaction", transaction.id.hex()}, {"devices", std::move(entries)}});
}

}  // namespace agiddi::subservices
