// Cryptography: the only room of the project that libsodium enters. All functions are thread-safe; secrets are wiped.
#pragma once

#include <array>
#include <initializer_list>
#include <string>

#include "protocol/bytes.h"

namespace agiddi {

void crypto_init();  // call once at program start, before any other function here; aborts when libsodium cannot start

// BLAKE2b-256 (RFC 7693) of the concatenated parts.
Hash blake2b(BytesView data);
Hash blake2b(std::initializer_list<BytesView> parts);
Hash sha256(BytesView data);                    // FIPS 180-4, for what other standards ask
// H(tag 0x00 parts…): every hash of the protocol has a domain tag such as "agiddi/tx/1".
Hash tagged_hash(std::string_view tag, std::initializer_list<BytesView> parts);

Bytes random_bytes(std::size_t count);          // from the operating system

// SipHash with a key of this process's own: for tables whose keys are foreign, so that nobody can choose keys that collide. Thread-safe.
std::uint64_t table_hash(BytesView key);
std::string random_token();                     // 128 bits, base64url: topics, user names, passwords, jti
bool equal_constant_time(BytesView a, BytesView b);

// ChaCha20 key stream (IETF, zero nonce) under a 32-byte key: the expander of the state's set hash.
Bytes keystream(const Hash& key, std::size_t count);

using PublicKey = std::array<std::uint8_t, 32>;  // Ed25519
using Signature = std::array<std::uint8_t, 64>;
inline BytesView view(const PublicKey& key) { return {reinterpret_cast<const char*>(key.data()), key.size()}; }
inline BytesView view(const Signature& s) { return {reinterpret_cast<const char*>(s.data()), s.size()}; }
Result<PublicKey> public_key_from_bytes(BytesView raw);
Result<Signature> signature_from_bytes(BytesView raw);

// An Ed25519 key pair (RFC 8032). Move-only; the seed is wiped on destruction.
class KeyPair {
 public:
  static KeyPair generate();
  static Result<KeyPair> from_seed(BytesView seed);  // 32 bytes
  KeyPair(KeyPair&&) noexcept;
  KeyPair& operator=(KeyPair&&) noexcept;
  KeyPair(const KeyPair&) = delete;
  KeyPair& operator=(const KeyPair&) = delete;
  ~KeyPair();

  const PublicKey& public_key() const { return public_; }
  Bytes seed() const;  // 32 bytes; the caller must not log it
  Signature sign(BytesView message) const;

 private:
  KeyPair() = default;
  PublicKey public_{};
  std::array<std::uint8_t, 64> secret_{};
};

bool verify(const PublicKey& key, BytesView message, const Signature& signature);

// X25519 sealing key pair of a member (libsodium crypto_box_seal).
struct SealingKey {
  std::array<std::uint8_t, 32> public_key{};
  std::array<std::uint8_t, 32> secret_key{};
  static SealingKey generate();
  static Result<SealingKey> from_secret(BytesView secret);  // 32 bytes
};
Bytes seal_to(BytesView x25519_public_key, BytesView plain);      // 48 bytes longer than plain
Result<Bytes> open_sealed(const SealingKey& key, BytesView sealed);

// XChaCha20-Poly1305 (IETF), no associated data, 24-byte nonce, 32-byte key.
Bytes aead_encrypt(BytesView key, BytesView nonce, BytesView plain);
Result<Bytes> aead_decrypt(BytesView key, BytesView nonce, BytesView cipher);

}  // namespace agiddi
