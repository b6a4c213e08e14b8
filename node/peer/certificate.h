// The TLS identity of a member: a self-signed X.509 certificate over its Ed25519 node key, and the check that pins a peer's key to
// the membership. There is no certificate authority: genesis says which keys are members.
#pragma once

#include <openssl/ssl.h>

#include "protocol/membership.h"

namespace agiddi::node {

// A context for TLS 1.3 only, presenting our certificate and demanding one from the other side.
// Aborts when OpenSSL cannot make it (no Ed25519: not the library that we were built with).
SSL_CTX* make_peer_tls_context(const KeyPair& key, const std::string& name);

// The member whose key the peer's certificate holds, or -1. Call after the handshake (which proves possession).
int peer_member(const SSL* tls, const MemberSet& members);

}  // namespace agiddi::node
