#include "protocol/membership.h"

#include <algorithm>
#include <set>

#include "protocol/check.h"
#include "protocol/encoding.h"
#include "protocol/field_reader.h"
#include "protocol/limits.h"

namespace agiddi {
namespace {

BytesView sealing_view(const Member& member) { return {reinterpret_cast<const char*>(member.sealing_key.data()), member.sealing_key.size()}; }

void append_text(Bytes& out, std::string_view value) {
  append_u32_be(out, static_cast<std::uint32_t>(value.size()));
  out += value;
}

}  // namespace

MemberSet::MemberSet(std::vector<Member> members, std::uint64_t epoch) : members_(std::move(members)), epoch_(epoch) {
  AGIDDI_CHECK(!members_.empty() && members_.size() <= limits::kMembersMax, "a member set has 1 to 16 members");
}

int MemberSet::index_of(std::string_view id) const {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].id == id) return static_cast<int>(i);
  }
  return -1;
}

int MemberSet::index_of(const PublicKey& key) const {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].key == key) return static_cast<int>(i);
  }
  return -1;
}

Hash MemberSet::digest() const {
  Bytes encoded;
  append_u64_be(encoded, epoch_);
  append_u32_be(encoded, static_cast<std::uint32_t>(members_.size()));
  for (const Member& member : members_) {
    append_text(encoded, member.id);
    encoded += view(member.key);
    encoded += view(member.sealing_key);
    append_text(encoded, member.address);
  }
  return tagged_hash("agiddi/members/1", {encoded});
}

bool is_member_id(std::string_view text) {
  return !text.empty() && text.size() <= 32 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

bool is_member_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos || colon == 0 || text.size() > 255) return false;
  const std::string_view port = text.substr(colon + 1);
  if (port.empty() || port.size() > 5 || port[0] == '0') return false;
  int value = 0;
  for (const char c : port) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + (c - '0');
  }
  const std::string_view host = text.substr(0, colon);
  return value <= 65535 && std::all_of(host.begin(), host.end(), [](char c) { return c > ' ' && c < '\x7f' && c != '/'; });
}

std::optional<std::string> fault_of_members(const std::vector<Member>& members) {
  if (members.empty()) return "a network needs at least one member";
  if (members.size() > limits::kMembersMax) return "a network has at most " + std::to_string(limits::kMembersMax) + " members";
  std::set<std::string> ids, addresses;
  std::set<PublicKey> keys;
  std::set<std::array<std::uint8_t, 32>> sealing_keys;
  for (const Member& member : members) {
    if (!is_member_id(member.id)) return "a member's id is made of a to z, 0 to 9 and -";
    if (!is_member_address(member.address)) return "the address of " + member.id + " must be host:port";
    if (!ids.insert(member.id).second) return "there is a member " + member.id + " already";
    if (!keys.insert(member.key).second) return "the key of " + member.id + " is another member's already";
    if (!sealing_keys.insert(member.sealing_key).second) return "the sealing key of " + member.id + " is another member's already";
    if (!addresses.insert(member.address).second) return "the address of " + member.id + " is another member's already";
  }
  return std::nullopt;
}

Json member_epoch_json(const MemberEpoch& epoch) {
  Json members = Json::array();
  for (const Member& member : epoch.members.all()) {
    members.push(Json::object({{"id", member.id}, {"did", member.did()}, {"sealingKey", to_base64url(sealing_view(member))}, {"address", member.address}}));
  }
  return Json::object({{"epoch", epoch.members.epoch()}, {"fromHeight", epoch.from_height}, {"members", std::move(members)}});
}

Result<MemberEpoch> member_epoch_from_json(const Json& json) {
  std::vector<FieldError> errors;
  FieldReader reader(json, "", errors);
  const auto epoch = reader.required_integer("epoch", 1, 999'999'999'999'999);
  const auto from_height = reader.required_integer("fromHeight", 1, 999'999'999'999'999);
  std::vector<Member> members;
  if (const auto* items = reader.required_array("members", 1, limits::kMembersMax)) {
    for (std::size_t i = 0; i < items->size(); ++i) {
      FieldReader entry((*items)[i], pointer_index("/members", i), errors);
      const auto id = entry.required_string("id", 32), did = entry.required_string("did", 128), sealing = entry.required_string("sealingKey", 64),
                 address = entry.required_string("address", 255);
      entry.finish();
      if (!id || !did || !sealing || !address) continue;
      Member member{*id, {}, {}, *address};
      const auto key = key_from_did(*did);
      const auto raw = from_base64url(*sealing);
      if (!key) entry.error("did", key.error().detail);
      if (!raw || raw->size() != member.sealing_key.size()) entry.error("sealingKey", "must be 32 bytes in base64url");
      if (!errors.empty()) continue;
      member.key = *key;
      std::copy(raw->begin(), raw->end(), member.sealing_key.begin());
      members.push_back(std::move(member));
    }
  }
  reader.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  if (const auto fault = fault_of_members(members)) return fail(Status::invalid, *fault);
  return MemberEpoch{static_cast<std::uint64_t>(*from_height), MemberSet(std::move(members), static_cast<std::uint64_t>(*epoch))};
}

Bytes possession_bytes(std::string_view network, std::string_view id, const PublicKey& key, const std::array<std::uint8_t, 32>& sealing_key) {
  Bytes out("agiddi/possession/1");
  out.push_back('\0');
  append_text(out, network);
  append_text(out, id);
  out += view(key);
  out.append(reinterpret_cast<const char*>(sealing_key.data()), sealing_key.size());
  return out;
}

Bytes account_possession_bytes(std::string_view network, std::string_view account, std::string_view new_key) {
  Bytes out("agiddi/account-key/1");
  out.push_back('\0');
  append_text(out, network);
  append_text(out, account);
  append_text(out, new_key);
  return out;
}

}  // namespace agiddi
