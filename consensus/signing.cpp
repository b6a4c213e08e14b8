#include "consensus/signing.h"

#include "protocol/check.h"

namespace agiddi::consensus {
namespace {

class Ed25519Authenticator final : public Authenticator {
 public:
  Ed25519Authenticator(std::shared_ptr<const KeyPair> key, MemberSet members) : key_(std::move(key)), members_(std::move(members)) {
    AGIDDI_CHECK(key_ != nullptr, "an authenticator needs a key");
  }
  Signature sign(BytesView message) const override { return key_->sign(message); }
  bool verify(MemberIndex member, BytesView message, const Signature& signature) const override {
    return member < members_.size() && agiddi::verify(members_[member].key, message, signature);
  }

 private:
  std::shared_ptr<const KeyPair> key_;
  MemberSet members_;
};

void append_text(Bytes& out, std::string_view text) {
  append_u32_be(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

// The common beginning of all signing bytes.
Bytes begin(std::string_view tag, const SigningContext& context, View view, Height height, MemberIndex sender) {
  Bytes out(tag);
  out.push_back('\0');
  append_text(out, context.network);
  append_u64_be(out, context.members.epoch());
  append_u64_be(out, view);
  append_u64_be(out, height);
  append_text(out, sender < context.members.size() ? context.members[sender].id : std::string());
  return out;
}

void append_stable(Bytes& out, const std::optional<CertifiedHeader>& stable) {
  append_u64_be(out, stable ? stable->header.height : 0);
  out += stable ? stable->header.hash().view() : Hash{}.view();
}

}  // namespace

std::shared_ptr<const Authenticator> make_ed25519_authenticator(std::shared_ptr<const KeyPair> key, MemberSet members) {
  return std::make_shared<Ed25519Authenticator>(std::move(key), std::move(members));
}

Bytes signing_bytes(const SigningContext& context, const Vote& vote) {
  Bytes out = begin(vote.phase == Phase::prepare ? "agiddi/prepare/1" : "agiddi/commit/1", context, vote.view, vote.height, vote.sender);
  out += vote.digest.view();
  return out;
}

Bytes signing_bytes(const SigningContext& context, const ViewChange& message) {
  Bytes out = begin("agiddi/view-change/1", context, message.view, message.stable_height(), message.sender);
  append_stable(out, message.stable);
  append_u32_be(out, static_cast<std::uint32_t>(message.prepared.size()));
  for (const PreparedCertificate& certificate : message.prepared) {
    append_u64_be(out, certificate.height);
    append_u64_be(out, certificate.view);
    out += certificate.digest.view();
  }
  return out;
}

Bytes signing_bytes(const SigningContext& context, const NewView& message) {
  Bytes out = begin("agiddi/new-view/1", context, message.view, 0, message.sender);
  append_u32_be(out, static_cast<std::uint32_t>(message.view_changes.size()));
  for (const ViewChange& view_change : message.view_changes) {
    append_text(out, signing_bytes(context, view_change));
    out += view(view_change.signature);
  }
  append_u32_be(out, static_cast<std::uint32_t>(message.prepares.size()));
  for (const Vote& vote : message.prepares) {
    append_u64_be(out, vote.height);
    out += vote.digest.view();
  }
  return out;
}

Bytes signing_bytes(const SigningContext& context, const MemberStatus& message) {
  Bytes out = begin("agiddi/status/1", context, message.view, message.executed, message.sender);
  out.push_back(message.active ? '\1' : '\0');
  append_u64_be(out, message.first_uncertified);
  append_stable(out, message.stable);
  append_u32_be(out, static_cast<std::uint32_t>(message.slots.size()));
  for (const SlotStatus& slot : message.slots) {
    append_u64_be(out, slot.height);
    out.push_back(static_cast<char>((slot.has_batch ? 1 : 0) | (slot.prepared ? 2 : 0) | (slot.committed ? 4 : 0)));
  }
  return out;
}

Bytes signing_bytes(const SigningContext& context, const SnapshotAttestation& message) {
  Bytes out = begin("agiddi/snapshot-attestation/1", context, 0, message.height, message.sender);
  out += message.id.view();
  return out;
}

Bytes signing_bytes(const SigningContext& context, const HeaderVote& message) {
  return header_vote_bytes(message.header, message.sender < context.members.size() ? context.members[message.sender].id : std::string());
}

}  // namespace agiddi::consensus
