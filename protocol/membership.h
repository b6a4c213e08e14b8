// The members (validators) in force: identity, keys and address of each node. From genesis; quorum arithmetic for any n.
#pragma once

#include <vector>

#include "protocol/identity.h"

namespace agiddi {

struct Member {
  std::string id;                                // short name, "node-1"; unique
  PublicKey key{};                               // Ed25519: votes, node transactions, and the TLS certificate pinned to it
  std::array<std::uint8_t, 32> sealing_key{};    // X25519
  std::string address;                           // host:port of the peer listener
  std::string did() const { return did_from_key(key); }
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

}  // namespace agiddi
