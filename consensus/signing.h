// Signing of peer messages: the bytes that are signed, and who signs them. Signing bytes begin with a domain tag, network, membership
// epoch, view, sequence number and sender, so that no signature can be read as another one.
//
// Thread-safe: an Authenticator is immutable.
#pragma once

#include "consensus/messages.h"
#include "consensus/test_faults.h"

namespace agiddi::consensus {

class Authenticator {
 public:
  virtual ~Authenticator() = default;
  virtual Signature sign(BytesView message) const = 0;
  virtual bool verify(MemberIndex member, BytesView message, const Signature& signature) const = 0;
};

// Ed25519 with the member's own key: the daemon.
std::shared_ptr<const Authenticator> make_ed25519_authenticator(std::shared_ptr<const KeyPair> key, MemberSet members);

// The members from a height on, and who checks their signatures.
struct EpochKeys {
  Height from = 0;
  MemberSet members;
  std::shared_ptr<const Authenticator> authenticator;
};
using EpochTable = std::vector<EpochKeys>;   // ascending

// What every signature is bound to.
struct SigningContext {
  std::string network;
  MemberSet members;             // of the epoch in which this node is
  std::size_t votes_short = 0;   // tests only: a quorum that is too small by so many votes
  // For certificates of blocks of other epochs, past and decided. Nothing: `members` at every height.
  std::shared_ptr<const EpochTable> epochs{};
  TestFaults test_faults{};      // tests only
  std::size_t quorum() const { return members.quorum() - votes_short; }
};

Bytes signing_bytes(const SigningContext& context, const Vote& vote);
Bytes signing_bytes(const SigningContext& context, const ViewChange& message);    // covers heights, views and digests, not the batches beside them
Bytes signing_bytes(const SigningContext& context, const NewView& message);
Bytes signing_bytes(const SigningContext& context, const MemberStatus& message);
Bytes signing_bytes(const SigningContext& context, const SnapshotAttestation& message);
Bytes signing_bytes(const SigningContext& context, const HeaderVote& message);    // header_vote_bytes of the protocol floor

}  // namespace agiddi::consensus
