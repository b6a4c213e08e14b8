// Identities: did:key DIDs of Ed25519 keys (multicodec 0xed01, base58btc) and key files (JWK, RFC 8037).
#pragma once

#include "protocol/crypto/crypto.h"

namespace agiddi {

std::string did_from_key(const PublicKey& key);             // "did:key:z6Mk…"
Result<PublicKey> key_from_did(std::string_view did);       // refuses every non-canonical form

std::string jwk_from_key(const KeyPair& key);               // {"kty":"OKP","crv":"Ed25519","x":…,"d":…}
Result<KeyPair> key_from_jwk(std::string_view json);        // refuses when x does not belong to d

Result<KeyPair> load_key_file(const std::string& path);     // the error names the path and what to do, never the content
Result<void> save_key_file(const std::string& path, const KeyPair& key);  // mode 0600, refuses to overwrite

// A member's sealing key as a JWK (RFC 8037, crv X25519).
std::string jwk_from_sealing_key(const SealingKey& key);
Result<SealingKey> sealing_key_from_jwk(std::string_view json);
Result<SealingKey> load_sealing_key_file(const std::string& path);
Result<void> save_sealing_key_file(const std::string& path, const SealingKey& key);  // mode 0600, refuses to overwrite

}  // namespace agiddi
