// Cryptography against the vectors of its standards.
#include <catch2/catch.hpp>

#include "protocol/crypto/crypto.h"
#include "protocol/encoding.h"

using namespace agiddi;

namespace {

Bytes hex(std::string_view text) { return from_hex(text).value(); }

struct Ed25519Vector { const char *seed, *key, *message, *signature; };

// RFC 8032 section 7.1, tests 1 to 3.
constexpr Ed25519Vector kVectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
};

}  // namespace

TEST_CASE("Ed25519 keys and signatures are those of RFC 8032") {
  for (const auto& vector : kVectors) {
    const KeyPair key = KeyPair::from_seed(hex(vector.seed)).value();
    CHECK(to_hex(view(key.public_key())) == vector.key);
    CHECK(to_hex(key.seed()) == vector.seed);
    const Bytes message = hex(vector.message);
    const Signature signature = key.sign(message);
    CHECK(to_hex(view(signature)) == vector.signature);
    CHECK(verify(key.public_key(), message, signature));
    CHECK_FALSE(verify(key.public_key(), message + "x", signature));
    for (std::size_t at = 0; at < signature.size(); ++at) {
      Signature changed = signature;
      changed[at] ^= 1;
      CHECK_FALSE(verify(key.public_key(), message, changed));
    }
  }
}

TEST_CASE("a signature with a second, larger form of S is refused") {
  // S + L is the same number modulo the group order; RFC 8032 section 5.1.7 demands the small one.
  const Bytes order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  const KeyPair key = KeyPair::from_seed(hex(kVectors[0].seed)).value();
  Signature signature = key.sign("");
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += signature[32 + i] + static_cast<std::uint8_t>(order[i]);
    signature[32 + i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  CHECK_FALSE(verify(key.public_key(), "", signature));
}

TEST_CASE("the all-zero key signs nothing") {
  CHECK_FALSE(verify(PublicKey{}, "", Signature{}));
}

TEST_CASE("BLAKE2b-256 and its tagged form") {
  CHECK(blake2b("").hex() == "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
  CHECK(blake2b("abc").hex() == "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
  CHECK(blake2b({"a", "", "bc"}) == blake2b("abc"));
  CHECK(tagged_hash("agiddi/tx/1", {"a", "b"}) == blake2b(std::string("agiddi/tx/1\0ab", 14)));
}

TEST_CASE("the key stream is ChaCha20 of RFC 8439 with a zero nonce") {
  // Appendix A.1, test vector 1: zero key, block counter 0.
  CHECK(to_hex(keystream(Hash{}, 64)) ==
        "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586");
  CHECK(keystream(Hash{}, 100).substr(0, 64) == keystream(Hash{}, 64));
}

TEST_CASE("sealing to an X25519 key") {
  const SealingKey key = SealingKey::generate(), other = SealingKey::generate();
  const BytesView receiver(reinterpret_cast<const char*>(key.public_key.data()), 32);
  const Bytes sealed = seal_to(receiver, "content key");
  CHECK(sealed.size() == 11 + 48);
  CHECK(open_sealed(key, sealed).value() == "content key");
  CHECK_FALSE(open_sealed(other, sealed));
  CHECK_FALSE(open_sealed(key, sealed.substr(1)));
  CHECK_FALSE(open_sealed(key, ""));
  Bytes changed = sealed;
  changed.back() = static_cast<char>(changed.back() ^ 1);
  CHECK_FALSE(open_sealed(key, changed));

  // RFC 7748 section 6.1: Alice's keys.
  const auto alice = SealingKey::from_secret(hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
  CHECK(to_hex(view(alice.value().public_key)) == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  CHECK_FALSE(SealingKey::from_secret("short"));
}

TEST_CASE("XChaCha20-Poly1305 round trip, and every change is noticed") {
  const Bytes key = random_bytes(32), nonce = random_bytes(24);
  const Bytes cipher = aead_encrypt(key, nonce, "{\"endpoint\":\"mqtt://127.0.0.1:1883\"}");
  CHECK(aead_decrypt(key, nonce, cipher).value() == "{\"endpoint\":\"mqtt://127.0.0.1:1883\"}");
  for (std::size_t at = 0; at < cipher.size(); ++at) {
    Bytes changed = cipher;
    changed[at] = static_cast<char>(changed[at] ^ 0x80);
    CHECK_FALSE(aead_decrypt(key, nonce, changed));
  }
  CHECK_FALSE(aead_decrypt(random_bytes(32), nonce, cipher));
  CHECK_FALSE(aead_decrypt(key.substr(1), nonce, cipher));
  CHECK_FALSE(aead_decrypt(key, nonce.substr(1), cipher));
  CHECK_FALSE(aead_decrypt(key, nonce, "short"));
}

TEST_CASE("random tokens are different and fit for a URL") {
  const std::string a = random_token(), b = random_token();
  CHECK(a.size() == 22);
  CHECK(a != b);
  CHECK(from_base64url(a).value().size() == 16);
  CHECK(equal_constant_time(a, a));
  CHECK_FALSE(equal_constant_time(a, b));
  CHECK_FALSE(equal_constant_time(a, a + "x"));
  CHECK(equal_constant_time("", ""));
}
