#include "protocol/crypto/crypto.h"

#include <sodium.h>

#include <utility>

#include "protocol/check.h"
#include "protocol/encoding.h"

namespace agiddi {
namespace {

const unsigned char* raw(BytesView data) { return reinterpret_cast<const unsigned char*>(data.data()); }
unsigned char* raw(Bytes& data) { return reinterpret_cast<unsigned char*>(data.data()); }

class Blake2b {
 public:
  Blake2b() { crypto_generichash_init(&state_, nullptr, 0, 32); }
  void add(BytesView part) { crypto_generichash_update(&state_, raw(part), part.size()); }
  Hash finish() {
    Hash hash;
    crypto_generichash_final(&state_, hash.bytes.data(), hash.bytes.size());
    return hash;
  }

 private:
  crypto_generichash_state state_;
};

template <std::size_t N>
Result<std::array<std::uint8_t, N>> fixed(BytesView bytes, const char* what) {
  std::array<std::uint8_t, N> out{};
  if (bytes.size() != N) return fail(Status::invalid, std::string(what) + " has " + std::to_string(N) + " bytes");
  std::memcpy(out.data(), bytes.data(), N);
  return out;
}

}  // namespace

void crypto_init() { AGIDDI_CHECK(sodium_init() >= 0, "libsodium cannot start"); }

Hash blake2b(BytesView data) { return blake2b({data}); }

Hash blake2b(std::initializer_list<BytesView> parts) {
  Blake2b state;
  for (const auto part : parts) state.add(part);
  return state.finish();
}

Hash sha256(BytesView data) {
  Hash out;
  static_assert(sizeof out.bytes == crypto_hash_sha256_BYTES);
  crypto_hash_sha256(out.bytes.data(), raw(data), data.size());
  return out;
}

Hash tagged_hash(std::string_view tag, std::initializer_list<BytesView> parts) {
  Blake2b state;
  state.add(tag);
  state.add(BytesView("\0", 1));
  for (const auto part : parts) state.add(part);
  return state.finish();
}

std::uint64_t table_hash(BytesView key) {
  static const Bytes secret = random_bytes(crypto_shorthash_KEYBYTES);
  std::uint64_t out = 0;
  static_assert(sizeof out == crypto_shorthash_BYTES);
  crypto_shorthash(reinterpret_cast<unsigned char*>(&out), reinterpret_cast<const unsigned char*>(key.data()), key.size(),
                   reinterpret_cast<const unsigned char*>(secret.data()));
  return out;
}

Bytes random_bytes(std::size_t count) {
  Bytes out(count, '\0');
  randombytes_buf(out.data(), count);
  return out;
}

std::string random_token() { return to_base64url(random_bytes(16)); }

bool equal_constant_time(BytesView a, BytesView b) {
  return a.size() == b.size() && (a.empty() || sodium_memcmp(a.data(), b.data(), a.size()) == 0);
}

Bytes keystream(const Hash& key, std::size_t count) {
  const unsigned char nonce[crypto_stream_chacha20_ietf_NONCEBYTES] = {};
  Bytes out(count, '\0');
  crypto_stream_chacha20_ietf(raw(out), count, nonce, key.bytes.data());
  return out;
}

Result<PublicKey> public_key_from_bytes(BytesView bytes) { return fixed<32>(bytes, "a public key"); }
Result<Signature> signature_from_bytes(BytesView bytes) { return fixed<64>(bytes, "a signature"); }

KeyPair KeyPair::generate() {
  KeyPair pair;
  crypto_sign_keypair(pair.public_.data(), pair.secret_.data());
  return pair;
}

Result<KeyPair> KeyPair::from_seed(BytesView seed) {
  if (seed.size() != crypto_sign_SEEDBYTES) return fail(Status::invalid, "an Ed25519 secret key has 32 bytes");
  KeyPair pair;
  crypto_sign_seed_keypair(pair.public_.data(), pair.secret_.data(), raw(seed));
  return pair;
}

KeyPair::KeyPair(KeyPair&& other) noexcept : public_(other.public_), secret_(other.secret_) {
  sodium_memzero(other.secret_.data(), other.secret_.size());
}

KeyPair& KeyPair::operator=(KeyPair&& other) noexcept {
  if (this != &other) {
    public_ = other.public_;
    secret_ = other.secret_;
    sodium_memzero(other.secret_.data(), other.secret_.size());
  }
  return *this;
}

KeyPair::~KeyPair() { sodium_memzero(secret_.data(), secret_.size()); }

Bytes KeyPair::seed() const { return {reinterpret_cast<const char*>(secret_.data()), crypto_sign_SEEDBYTES}; }

Signature KeyPair::sign(BytesView message) const {
  Signature signature{};
  crypto_sign_detached(signature.data(), nullptr, raw(message), message.size(), secret_.data());
  return signature;
}

bool verify(const PublicKey& key, BytesView message, const Signature& signature) {
  return crypto_sign_verify_detached(signature.data(), raw(message), message.size(), key.data()) == 0;
}

SealingKey SealingKey::generate() {
  SealingKey key;
  crypto_box_keypair(key.public_key.data(), key.secret_key.data());
  return key;
}

Result<SealingKey> SealingKey::from_secret(BytesView secret) {
  auto bytes = fixed<32>(secret, "an X25519 secret key");
  if (!bytes) return tl::unexpected(bytes.error());
  SealingKey key;
  key.secret_key = *bytes;
  if (crypto_scalarmult_base(key.public_key.data(), key.secret_key.data()) != 0) {
    return fail(Status::invalid, "not an X25519 secret key");
  }
  return key;
}

Bytes seal_to(BytesView x25519_public_key, BytesView plain) {
  AGIDDI_CHECK(x25519_public_key.size() == crypto_box_PUBLICKEYBYTES, "sealing key of the wrong size");
  Bytes out(plain.size() + crypto_box_SEALBYTES, '\0');
  // Only a public key of low order makes this fail; such a key yields a box that nobody opens, so an empty result says so.
  if (crypto_box_seal(raw(out), raw(plain), plain.size(), raw(x25519_public_key)) != 0) return {};
  return out;
}

Result<Bytes> open_sealed(const SealingKey& key, BytesView sealed) {
  if (sealed.size() < crypto_box_SEALBYTES) return fail(Status::invalid, "a sealed key is too short");
  Bytes out(sealed.size() - crypto_box_SEALBYTES, '\0');
  if (crypto_box_seal_open(raw(out), raw(sealed), sealed.size(), key.public_key.data(), key.secret_key.data()) != 0) {
    return fail(Status::invalid, "a sealed key does not open with this member's key");
  }
  return out;
}

Bytes aead_encrypt(BytesView key, BytesView nonce, BytesView plain) {
  AGIDDI_CHECK(key.size() == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "content key of the wrong size");
  AGIDDI_CHECK(nonce.size() == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce of the wrong size");
  Bytes out(plain.size() + crypto_aead_xchacha20poly1305_ietf_ABYTES, '\0');
  crypto_aead_xchacha20poly1305_ietf_encrypt(raw(out), nullptr, raw(plain), plain.size(), nullptr, 0, nullptr, raw(nonce), raw(key));
  return out;
}

Result<Bytes> aead_decrypt(BytesView key, BytesView nonce, BytesView cipher) {
  if (key.size() != crypto_aead_xchacha20poly1305_ietf_KEYBYTES || nonce.size() != crypto_aead_xchacha20poly1305_ietf_NPUBBYTES ||
      cipher.size() < crypto_aead_xchacha20poly1305_ietf_ABYTES) {
    return fail(Status::invalid, "encrypted access has a key, nonce or text of the wrong size");
  }
  Bytes out(cipher.size() - crypto_aead_xchacha20poly1305_ietf_ABYTES, '\0');
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(raw(out), nullptr, nullptr, raw(cipher), cipher.size(), nullptr, 0, raw(nonce),
                                                 raw(key)) != 0) {
    return fail(Status::invalid, "encrypted access does not open with its key");
  }
  return out;
}

}  // namespace agiddi
