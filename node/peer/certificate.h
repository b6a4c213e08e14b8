// The TLS identity of a member: a self-signed X.509 certificate over its Ed25519 node key, and the check that pins a peer's key to
// the membership. There is no certificate authority: genesis and governance say which keys are members.
#pragma once

#include <openssl/ssl.h>

#include <optional>
#include <string_view>

#include "protocol/membership.h"

namespace agiddi::node {

// The version of the protocol between members, which both sides agree on by ALPN (RFC 7301): who speaks another one is refused in the handshake.
inline constexpr std::string_view kPeerProtocol = "agiddi-peer/1";

// A context for TLS 1.3 and kPeerProtocol only, presenting our certificate and demanding one from the other side.
// Aborts when OpenSSL cannot make it (no Ed25519: not the library that we were built with).
SSL_CTX* make_peer_tls_context(const KeyPair& key, const std::string& name);

// The Ed25519 key of the peer's certificate; nothing when it has another one. Call after the handshake (which proves possession).
std::optional<PublicKey> peer_key(const SSL* tls);

// Both sides agreed on kPeerProtocol. Call after the handshake: who offered nothing at all got through it.
bool speaks_peer_protocol(const SSL* tls);

}  // namespace agiddi::node
