// Keyed hashes instead of Ed25519, for simulations and tests: cheap, and enough where nobody forges.
#pragma once

#include <algorithm>

#include "consensus/signing.h"

namespace agiddi::tools {

inline Signature cheap_mark(BytesView key, BytesView message) {
  const Hash hash = blake2b({"sim/key", key, message});
  Signature out{};
  std::copy(hash.bytes.begin(), hash.bytes.end(), out.begin());
  return out;
}

// Of a member by its index: where members never change.
class CheapAuthenticator final : public consensus::Authenticator {
 public:
  explicit CheapAuthenticator(consensus::MemberIndex self) : self_(self) {}
  Signature sign(BytesView message) const override { return mark(self_, message); }
  bool verify(consensus::MemberIndex member, BytesView message, const Signature& signature) const override {
    return mark(member, message) == signature;
  }

 private:
  static Signature mark(consensus::MemberIndex member, BytesView message) {
    Bytes key;
    append_u32_be(key, member);
    return cheap_mark(key, message);
  }
  consensus::MemberIndex self_;
};

// Of a member by its key, among the members of an epoch.
class CheapKeyAuthenticator final : public consensus::Authenticator {
 public:
  CheapKeyAuthenticator(const PublicKey& key, MemberSet members) : key_(key), members_(std::move(members)) {}
  Signature sign(BytesView message) const override { return cheap_mark(view(key_), message); }
  bool verify(consensus::MemberIndex member, BytesView message, const Signature& signature) const override {
    return member < members_.size() && cheap_mark(view(members_[member].key), message) == signature;
  }

 private:
  PublicKey key_;
  MemberSet members_;
};

}  // namespace agiddi::tools
