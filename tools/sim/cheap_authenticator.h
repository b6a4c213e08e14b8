// A keyed hash instead of Ed25519, for simulations and tests: cheap, and enough where nobody forges.
#pragma once

#include <algorithm>

#include "consensus/signing.h"

namespace agiddi::tools {

class CheapAuthenticator final : public consensus::Authenticator {
 public:
  explicit CheapAuthenticator(consensus::MemberIndex self) : self_(self) {}
  Signature sign(BytesView message) const override { return mark(self_, message); }
  bool verify(consensus::MemberIndex member, BytesView message, const Signature& signature) const override {
    return mark(member, message) == signature;
  }

 private:
  static Signature mark(consensus::MemberIndex member, BytesView message) {
    Bytes secret("sim/key");
    append_u32_be(secret, member);
    const Hash hash = blake2b({secret, message});
    Signature out{};
    std::copy(hash.bytes.begin(), hash.bytes.end(), out.begin());
    return out;
  }
  consensus::MemberIndex self_;
};

}  // namespace agiddi::tools
