// A transaction: a signed document as it was received. Hashed and signed as those bytes, never re-serialised.
#pragma once

#include "protocol/identity.h"
#include "protocol/json.h"
#include "protocol/time.h"

namespace agiddi {

// The detached JWS protected header (RFC 7515 appendix F; alg EdDSA, RFC 8037).
struct ProtectedHeader {
  std::string kid;        // did:key of the signer
  std::string network;    // "net"
  std::string action;     // "act"
  std::int64_t issued_at_s = 0;  // "iat", Unix seconds
  std::string jti;        // 1 to 128 characters
};

struct Transaction {
  std::string protected_text;  // base64url text of the protected header, as received
  Bytes body;                  // the request body's bytes
  Signature signature{};

  // Decoded by parse_transaction; not part of the stored record.
  ProtectedHeader header;
  PublicKey signer{};
  Hash id;                     // H("agiddi/tx/1" 0x00 protected "." base64url(body))
};

// Reads the value of Agiddi-Signature ("<protected>..<signature>") and the body. Every failure is Status::unauthorized: missing,
// not strict base64url, unknown or duplicate header members, alg not EdDSA, kid no canonical did:key. The signature is not verified.
Result<Transaction> parse_transaction(std::string_view agiddi_signature, Bytes body);
// The stored or gossiped record (records/transaction.proto) and back; refuses like parse_transaction.
Bytes encode_transaction(const Transaction& transaction);
Result<Transaction> decode_transaction(BytesView record);

// Ed25519 over `protected "." base64url(body)`. About 50 us.
bool verify_signature(const Transaction& transaction);

// The header's value for a body: what `agiddi sign` prints.
std::string sign_document(const KeyPair& key, const ProtectedHeader& header, BytesView body);
// The same with 64 zero bytes where the signature stands: taken only by a network for benchmarks (Genesis::unverified_clients). header.kid must be filled in.
std::string unsigned_document(const ProtectedHeader& header);
// A signed transaction of our own (node claims, usage reports, tests); header.kid and jti are filled in.
Transaction make_transaction(const KeyPair& key, std::string_view network, std::string_view action, std::int64_t issued_at_s, Bytes body);

// Ids that a transaction gives rise to: H("agiddi/<kind>/1" 0x00 transaction k as 4 bytes big-endian).
Hash payment_id(const Hash& transaction, std::uint32_t k = 0);
Hash integration_id(const Hash& transaction, std::uint32_t k = 0);
Hash device_id(const Hash& transaction, std::uint32_t k);
std::string device_urn(const Hash& device);                    // "urn:agiddi:device:<hex>"
Result<Hash> device_from_urn(std::string_view urn);

// A document is valid while block time lies in [iat - 60 s, iat + 600 s].
inline constexpr TimeMs kWindowBefore_ms = 60'000;
inline constexpr TimeMs kWindowAfter_ms = 600'000;
bool inside_window(const ProtectedHeader& header, TimeMs block_time);

}  // namespace agiddi
