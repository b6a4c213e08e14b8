// HTTP Message Signatures (RFC 9421) with Ed25519, and Content-Digest (RFC 9530), for the one shape of request that a node sends to a webhook:
// covered are the method, the target, the digest of the body, its type, and the integration. Pure and thread-safe.
//
// The signature base begins with "\"@method\"", which no document of the ledger and no message of the consensus does: a member's key can sign both.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/crypto/crypto.h"
#include "protocol/time.h"

namespace agiddi::node {

struct SignedPost {
  std::string target_uri;       // the whole address
  std::string content_type;
  std::string integration;      // hex, the field Agiddi-Integration
  std::string_view body;
};

// The fields to send, in order: Content-Type, Content-Digest, Agiddi-Integration, Signature-Input, Signature. keyid is the key's did:key.
std::vector<std::pair<std::string, std::string>> signed_fields(const SignedPost& post, const KeyPair& key, TimeMs now);

std::string content_digest(std::string_view body);   // "sha-256=:…:"

}  // namespace agiddi::node
