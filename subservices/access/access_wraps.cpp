#include "subservices/access/access_wraps.h"

#include <algorithm>

#include "protocol/encoding.h"
#include "protocol/field_reader.h"
#include "subservices/governance/member_state.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

constexpr std::size_t kWrap_bytes = 80;   // a sealed box of 32 bytes

struct Named {
  Hash device;
  std::uint32_t version = 0;
};

std::optional<Named> read_named(FieldReader& fields) {
  const auto urn = fields.required_string("device", 128);
  const auto version = fields.required_integer("version", 1, UINT32_MAX);
  const auto device = device_from_urn(urn.value_or(""));
  if (urn && !device) fields.error("device", "must be urn:agiddi:device: and 64 lower-case hexadecimal digits");
  if (!device || !version) return std::nullopt;
  return Named{*device, static_cast<std::uint32_t>(*version)};
}

const Json* recipients_of(const Json& description) {
  const Json* access = description.find("access");
  const Json* sealed = access ? access->find("sealed") : nullptr;
  return sealed ? sealed->find("recipients") : nullptr;
}

bool was_recipient(const records::DeviceVersion& version, const std::string& member) {
  const auto description = parse_json(version.description());
  AGIDDI_CHECK(description.has_value(), "a recorded description is JSON");
  const Json* recipients = recipients_of(*description);
  if (recipients == nullptr) return false;
  return std::any_of(recipients->items().begin(), recipients->items().end(), [&](const Json& one) { return one.find("member")->as_string() == member; });
}

// sealing_since: the height from which the member has its present sealing key; what was sealed for it before is sealed for another key.
bool lacks_key(const StateView& state, const Hash& device, const records::DeviceVersion& version, const std::string& member, std::uint64_t sealing_since) {
  const auto wrap = load<records::AccessWrap>(state, keys::access_wrap(device, version.version(), member));
  if (wrap && !wrap->unopenable() && wrap->height() >= sealing_since) return false;
  if (wrap && wrap->unopenable()) return true;
  return version.height() < sealing_since || !was_recipient(version, member);
}

std::optional<std::uint64_t> sealing_since(const StateView& state, const std::string& member, std::uint64_t height) {
  const auto entry = epoch_entry(state, members_at(state, height).members.epoch());
  for (const auto& one : entry.members()) {
    if (one.id() == member) return one.sealing_since();
  }
  return std::nullopt;
}

}  // namespace

std::vector<Member> members_without_key(const StateView& state, const Hash& device, const records::DeviceVersion& version, std::uint64_t height) {
  const MemberSet members = members_at(state, height).members;
  std::vector<Member> out;
  for (const Member& member : members.all()) {
    if (lacks_key(state, device, version, member.id, *sealing_since(state, member.id, height))) out.push_back(member);
  }
  return out;
}

Json with_wraps(const StateView& state, const Hash& device, std::uint32_t version, Json description) {
  const Bytes prefix = keys::access_wraps_of(device, version);
  std::vector<std::pair<std::string, std::string>> wraps;
  state.scan(prefix, [&](BytesView key, BytesView value) {
    const auto wrap = parse_record<records::AccessWrap>(value);
    if (!wrap.unopenable()) wraps.emplace_back(std::string(key.substr(prefix.size())), to_base64url(wrap.key()));
    return true;
  });
  if (wraps.empty() || recipients_of(description) == nullptr) return description;
  Json access = *description.find("access"), sealed = *access.find("sealed"), recipients = Json::array();
  for (const Json& one : sealed.find("recipients")->items()) {
    const std::string& member = one.find("member")->as_string();
    if (std::none_of(wraps.begin(), wraps.end(), [&](const auto& wrap) { return wrap.first == member; })) recipients.push(one);
  }
  for (const auto& [member, key] : wraps) recipients.push(Json::object({{"member", member}, {"key", key}}));
  sealed.set("recipients", std::move(recipients));
  access.set("sealed", std::move(sealed));
  description.set("access", std::move(access));
  return description;
}

Result<RuleOutcome> access_rewrap(RuleContext& context, const Transaction& transaction, const Json& body) {
  struct Wrap {
    Named named;
    std::string member;
    Bytes key;
  };
  std::vector<FieldError> errors;
  FieldReader fields(body, "", errors);
  std::vector<Wrap> wraps;
  std::vector<Named> unopenable;
  if (const auto* items = fields.optional_array("wraps", 0, kWrapsMax)) {
    for (std::size_t i = 0; i < items->size(); ++i) {
      FieldReader entry((*items)[i], pointer_index("/wraps", i), errors);
      const auto named = read_named(entry);
      const auto member = entry.required_string("member", 32);
      const auto key = from_base64url(entry.required_string("key", 128).value_or(""));
      if (!key || key->size() != kWrap_bytes) entry.error("key", "must be a sealed key of 80 bytes in base64url");
      entry.finish();
      if (named && member && key) wraps.push_back({*named, *member, *key});
    }
  }
  if (const auto* items = fields.optional_array("unopenable", 0, kWrapsMax)) {
    for (std::size_t i = 0; i < items->size(); ++i) {
      FieldReader entry((*items)[i], pointer_index("/unopenable", i), errors);
      if (const auto named = read_named(entry)) unopenable.push_back(*named);
      entry.finish();
    }
  }
  fields.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  const int index = context.members.index_of(transaction.signer);
  if (index < 0) return fail(Status::forbidden, "only members in force wrap keys");
  const std::string& signer = context.members[static_cast<std::size_t>(index)].id;

  std::uint64_t stored = 0, passed_over = 0;
  for (const Wrap& wrap : wraps) {
    const auto version = load<records::DeviceVersion>(context.state, keys::device_version(wrap.named.device, wrap.named.version));
    const auto since = sealing_since(context.state, wrap.member, context.height);
    if (!version || !since || !lacks_key(context.state, wrap.named.device, *version, wrap.member, *since)) {
      ++passed_over;
      continue;
    }
    records::AccessWrap record;
    record.set_key(wrap.key);
    record.set_by(signer);
    record.set_height(context.height);
    store(context.state, keys::access_wrap(wrap.named.device, wrap.named.version, wrap.member), record);
    ++stored;
  }
  for (const Named& named : unopenable) {
    if (!context.state.contains(keys::device_version(named.device, named.version))) {
      ++passed_over;
      continue;
    }
    records::AccessWrap record;
    record.set_unopenable(true);
    record.set_by(signer);
    record.set_height(context.height);
    store(context.state, keys::access_wrap(named.device, named.version, signer), record);
    ++stored;
  }
  return RuleOutcome{Status::ok, Json::object({{"stored", stored}, {"passedOver", passed_over}})};
}

}  // namespace agiddi::subservices
