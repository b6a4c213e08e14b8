// The members (validators) in force: identity, keys and address of each node; quorum arithmetic for any n. Genesis names the members of
// epoch 0, and governance each later set with the height from which it is in force.
#pragma once

#include <optional>
#include <vector>

#include "protocol/identity.h"
#include "protocol/json.h"

namespace agiddi {

struct Member {
  std::string id;                                // short name, "node-1"; unique
  PublicKey key{};                               // Ed25519: votes, node transactions, and the TLS certificate pinned to it
  std::array<std::uint8_t, 32> sealing_key{};    // X25519
  std::string address;                           // host:port of the peer listener
  std::string did() const { return did_from_key(key); }
  friend bool operator==(const Member&, const Member&) = default;
};

class MemberSet {
 public:
  MemberSet() = default;
  explicit MemberSet(std::vector<Member> members, std::uint64_t epoch = 0);  // 1 to 16; sorted by id by the caller's genesis order
  std::size_t size() const { return members_.size(); }
  const Member& operator[](std::size_t index) const { return members_[index]; }
  const std::vector<Member>& all() const { return members_; }
  std::uint64_t epoch() const { return epoch_; }
  int index_of(std::string_view id) const;             // -1 when unknown
  int index_of(const PublicKey& key) const;
  std::size_t faults() const { return (size() - 1) / 3; }                        // f = floor((n-1)/3)
  std::size_t quorum() const { return (size() + faults() + 2) / 2; }             // ceil((n+f+1)/2)
  Hash digest() const;                                                           // membersDigest of a block header

 private:
  std::vector<Member> members_;
  std::uint64_t epoch_ = 0;
};

// A member set and the first height that it votes on.
struct MemberEpoch {
  std::uint64_t from_height = 0;
  MemberSet members;
};

bool is_member_id(std::string_view text);                      // 1 to 32 of a-z 0-9 -
bool is_member_address(std::string_view text);                 // host:port

// What is wrong with a member list, in one sentence: empty or too long, an id, key, sealing key or address that stands twice. Nothing = sound.
std::optional<std::string> fault_of_members(const std::vector<Member>& members);

// {"epoch","fromHeight","members":[{"id","did","sealingKey","address"}]}: as the receipt of the deciding transaction holds it, and back (strict).
Json member_epoch_json(const MemberEpoch& epoch);
Result<MemberEpoch> member_epoch_from_json(const Json& json);

// What a new key signs to prove that it is there: "agiddi/possession/1" 0x00 len(4) network, len(4) member id, key(32), sealing key(32).
Bytes possession_bytes(std::string_view network, std::string_view id, const PublicKey& key, const std::array<std::uint8_t, 32>& sealing_key);

// The same for the new key of an account: "agiddi/account-key/1" 0x00 len(4) network, len(4) account's DID, len(4) new key's DID.
Bytes account_possession_bytes(std::string_view network, std::string_view account, std::string_view new_key);

}  // namespace agiddi
