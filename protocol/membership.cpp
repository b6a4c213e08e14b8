#include "protocol/membership.h"

#include "protocol/check.h"
#include "protocol/limits.h"

namespace agiddi {

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
  const auto text = [&](std::string_view value) {
    append_u32_be(encoded, static_cast<std::uint32_t>(value.size()));
    encoded += value;
  };
  for (const Member& member : members_) {
    text(member.id);
    encoded += view(member.key);
    encoded += view(member.sealing_key);
    text(member.address);
  }
  return tagged_hash("agiddi/members/1", {encoded});
}

}  // namespace agiddi
