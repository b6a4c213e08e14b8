#include "subservices/registration/registration_rules.h"

#include "protocol/field_reader.h"
#include "protocol/limits.h"
#include "subservices/payment/authority_rules.h"
#include "subservices/registration/device_records.h"
#include "subservices/registration/thing_documents.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

ontology::DeviceContext device_context(const RuleContext& context, const MemberSet& members, const Transaction& transaction) {
  ontology::DeviceContext out;
  out.signer = transaction.header.kid;
  for (const Member& member : members.all()) out.members.push_back(member.id);
  if (context.rules_version >= kRulesWithAuthorities) {
    for (const auto& [id, authority] : authorities_in_force(context.state)) out.authorities.push_back(id);
  }
  return out;
}

// Sealed access is for exactly the members in force. While a change is decided and not yet in force, for exactly the coming ones does as well: a
// registration that is under way when the members change is not lost.
template <class Parse>
auto parse_for_members(const RuleContext& context, const Transaction& transaction, const Json& body, Parse parse) {
  auto parsed = parse(body, device_context(context, context.members, transaction));
  if (parsed || context.next_members == nullptr) return parsed;
  auto for_the_next = parse(body, device_context(context, *context.next_members, transaction));
  return for_the_next ? for_the_next : parsed;
}

// What the ontology's parser cannot know: that credit goes to a DID, and that the sealed access is the provider's own.
void check_on_ledger(const StateView& state, const ontology::DeviceDescription& description, const std::string& provider,
                     const std::string& pointer, std::vector<FieldError>& errors) {
  for (const std::string& method : description.payment_methods) {
    if (method == "credit" && !key_from_did(description.pay_to)) {
      errors.push_back({pointer + "/payment/address", "must be the did:key of the account that credit is paid to"});
    }
  }
  const auto owner = load<records::CiphertextOwner>(state, keys::ciphertext(description.sealed.ciphertext));
  if (owner && owner->provider() != provider) {
    errors.push_back({pointer + "/access/sealed/ciphertext", "another provider recorded this sealed access first: seal your own"});
  }
}

records::DeviceVersion make_record(const RuleContext& context, const Transaction& transaction, const ontology::DeviceDescription& description,
                                   const Json& json, std::uint32_t version, TimeMs registered) {
  records::DeviceVersion record;
  record.set_version(version);
  record.set_transaction(Bytes(transaction.id.view()));
  record.set_height(context.height);
  record.set_timestamp_ms(context.timestamp);
  record.set_provider(transaction.header.kid);
  record.set_description(json.dump());
  record.set_currency(description.cost.currency);
  if (const auto& price = description.cost.time) {
    record.mutable_time_price()->set_micro(price->amount);
    record.mutable_time_price()->set_unit(ontology::minutes_of(price->per) * 60'000);
  }
  if (const auto& price = description.cost.data) {
    record.mutable_data_price()->set_micro(price->amount);
    record.mutable_data_price()->set_unit(ontology::kilobytes_of(price->per) * 1000);
  }
  for (const std::string& method : description.payment_methods) record.add_methods(method);
  record.set_pay_to(description.pay_to);
  record.set_registered_ms(registered);
  return record;
}

void change_triples(RuleContext& context, const Hash& device, const records::DeviceVersion& record,
                    const ontology::DeviceDescription& description, bool added) {
  if (context.only_checks) return;
  for (auto& triple : ontology::device_triples(description, recorded_identity(device, record))) {
    context.triples.push_back({std::move(triple), added});
  }
}

void emit(RuleContext& context, const Hash& device, const Transaction& transaction, const char* state, std::uint32_t version) {
  context.events.push_back({"device", device, transaction.id,
                            Json::object({{"device", device_urn(device)},
                                          {"version", version},
                                          {"state", state},
                                          {"provider", transaction.header.kid}})});
}

void record_version(RuleContext& context, const Hash& device, const Transaction& transaction, const ontology::DeviceDescription& description,
                    const Json& json, std::uint32_t version, TimeMs registered) {
  const auto record = make_record(context, transaction, description, json, version, registered);
  store(context.state, keys::device_version(device, version), record);
  records::DeviceHead head;
  head.set_provider(transaction.header.kid);
  head.set_version(version);
  store(context.state, keys::device(device), head);
  records::CiphertextOwner owner;
  owner.set_provider(transaction.header.kid);
  store(context.state, keys::ciphertext(description.sealed.ciphertext), owner);
  change_triples(context, device, record, description, true);
}

void erase_triples(RuleContext& context, const Hash& device, std::uint32_t version) {
  const auto record = load_known<records::DeviceVersion>(context.state, keys::device_version(device, version));
  change_triples(context, device, record, recorded_description(record), false);
}

Json device_entry(const Hash& device, std::uint32_t version) {
  return Json::object({{"id", device_urn(device)}, {"version", version}});
}

// The head of a device that the signer may change, at the version that the document names.
Result<records::DeviceHead> head_to_change(const StateView& state, const Hash& device, std::uint64_t version, const std::string& signer) {
  auto head = load<records::DeviceHead>(state, keys::device(device));
  if (!head) return fail(Status::not_found, "there is no device " + device_urn(device));
  if (head->provider() != signer) return fail(Status::forbidden, "only the provider of a device's first version may change it");
  if (head->retired()) return fail(Status::conflict, "the device is retired");
  if (head->version() != version) {
    return fail(Status::conflict, "version " + std::to_string(version) + " is not the current one: the device is at version " +
                                      std::to_string(head->version()));
  }
  return std::move(*head);
}

}  // namespace

namespace {

Result<RuleOutcome> register_devices(RuleContext& context, const Transaction& transaction, const Json& body) {
  const auto devices = parse_for_members(context, transaction, body, ontology::parse_registration);
  if (!devices) return tl::unexpected(devices.error());

  std::vector<FieldError> errors;
  for (std::size_t k = 0; k < devices->size(); ++k) {
    check_on_ledger(context.state, (*devices)[k], transaction.header.kid, "/devices/" + std::to_string(k), errors);
  }
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));

  const Json::Array& json = body.find("devices")->items();
  Json entries = Json::array();
  for (std::uint32_t k = 0; k < devices->size(); ++k) {
    const Hash id = device_id(transaction.id, k);
    record_version(context, id, transaction, (*devices)[k], json[k], 1, context.timestamp);
    emit(context, id, transaction, "registered", 1);
    entries.push(device_entry(id, 1));
  }
  return RuleOutcome{Status::created, Json::object({{"devices", std::move(entries)}})};
}

Result<RuleOutcome> update_device(RuleContext& context, const Transaction& transaction, const Json& body) {
  const auto description = parse_for_members(context, transaction, body, ontology::parse_update);
  if (!description) return tl::unexpected(description.error());
  std::vector<FieldError> errors;
  check_on_ledger(context.state, *description, transaction.header.kid, "", errors);
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));

  const auto device = device_from_urn(description->id);
  if (!device) return fail_field("/id", "must be urn:agiddi:device: and 64 lower-case hexadecimal digits");
  const auto head = head_to_change(context.state, *device, description->version, transaction.header.kid);
  if (!head) return tl::unexpected(head.error());

  const auto former = load_known<records::DeviceVersion>(context.state, keys::device_version(*device, head->version()));
  erase_triples(context, *device, head->version());
  const std::uint32_t version = head->version() + 1;
  record_version(context, *device, transaction, *description, body, version, former.registered_ms());
  emit(context, *device, transaction, "updated", version);
  return RuleOutcome{Status::created, Json::object({{"devices", Json::array({device_entry(*device, version)})}})};
}

using DeviceRule = Result<RuleOutcome> (*)(RuleContext&, const Transaction&, const Json&);

// The document as the rule wants it: a Thing Description is taken for the device that it describes.
Result<RuleOutcome> with_device_document(RuleContext& context, const Transaction& transaction, const Json& body, bool update, DeviceRule rule) {
  if (!ontology::is_thing_description(body)) return rule(context, transaction, body);
  if (context.rules_version < kRulesWithThings) {
    if (!context.only_checks) return rule(context, transaction, body);   // a receipt of those rules names "@context" as an unknown member
    return fail(Status::invalid, "Thing Descriptions are registered from rules version " + std::to_string(kRulesWithThings) + " on; this network runs version " +
                                     std::to_string(context.rules_version) + ". Send the device to POST /v1/devices.");
  }
  const auto document = device_document(body, update, transaction.header.kid);
  if (!document) return tl::unexpected(document.error());
  auto outcome = rule(context, transaction, document->body);
  if (!outcome) return tl::unexpected(document->at_thing(std::move(outcome.error())));
  return outcome;
}

}  // namespace

Result<RuleOutcome> device_register(RuleContext& context, const Transaction& transaction, const Json& body) {
  return with_device_document(context, transaction, body, false, register_devices);
}

Result<RuleOutcome> device_update(RuleContext& context, const Transaction& transaction, const Json& body) {
  return with_device_document(context, transaction, body, true, update_device);
}

Result<RuleOutcome> device_retire(RuleContext& context, const Transaction& transaction, const Json& body) {
  std::vector<FieldError> errors;
  FieldReader fields(body, "", errors);
  const auto urn = fields.required_string("id", 128);
  const auto version = fields.required_integer("version", 1, UINT32_MAX);
  const auto device = device_from_urn(urn.value_or(""));
  if (urn && !device) fields.error("id", "must be urn:agiddi:device: and 64 lower-case hexadecimal digits");
  fields.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));

  auto head = head_to_change(context.state, *device, static_cast<std::uint64_t>(*version), transaction.header.kid);
  if (!head) return tl::unexpected(head.error());
  erase_triples(context, *device, head->version());
  head->set_retired(true);
  store(context.state, keys::device(*device), *head);
  emit(context, *device, transaction, "retired", head->version());
  Json result = device_entry(*device, head->version());
  result.set("retired", true);
  return RuleOutcome{Status::ok, std::move(result)};
}

}  // namespace agiddi::subservices
