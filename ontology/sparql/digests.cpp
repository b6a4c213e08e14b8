#include "ontology/sparql/digests.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "protocol/rational.h"
#include "protocol/encoding.h"

namespace agiddi::ontology::sparql {

namespace {

// The message, a one bit, zeros, and its length in bits in the last word of a block.
std::string padded(std::string_view data, std::size_t block, std::size_t length_bytes, bool big_endian) {
  std::string out(data);
  out += '\x80';
  while (out.size() % block != block - length_bytes) out += '\0';
  const std::uint64_t bits = static_cast<std::uint64_t>(data.size()) * 8;
  out.append(length_bytes - 8, '\0');
  for (int i = 0; i < 8; ++i) out += static_cast<char>(static_cast<unsigned char>(bits >> (big_endian ? 56 - 8 * i : 8 * i)));
  return out;
}

template <class Word>
Word load_be(const std::string& data, std::size_t at) {
  Word word = 0;
  for (std::size_t i = 0; i < sizeof(Word); ++i) word = static_cast<Word>(word << 8 | static_cast<unsigned char>(data[at + i]));
  return word;
}

template <class Words>
std::string hex_be(const Words& words, std::size_t bytes) {
  std::string raw;
  for (const auto word : words) {
    for (std::size_t i = sizeof(word); i-- > 0;) raw += static_cast<char>(static_cast<unsigned char>(word >> (8 * i)));
  }
  raw.resize(bytes);
  return to_hex(raw);
}

// The first 64 bits of the fractions of the square and cube roots of the first primes: the constants of SHA-2.
struct Sha2Constants {
  std::array<std::uint64_t, 16> square{};
  std::array<std::uint64_t, 80> cube{};
};

std::uint64_t root_fraction(unsigned prime, unsigned degree) {
  const BigInt target = BigInt(prime) << (64 * degree);  // (root x 2^64)^degree
  BigInt low = 0, high = BigInt(1) << 70;
  while (high - low > 1) {
    const BigInt middle = (low + high) / 2;
    BigInt power = middle * middle;
    if (degree == 3) power *= middle;
    (power <= target ? low : high) = middle;
  }
  const BigInt fraction = low & ((BigInt(1) << 64) - 1);
  return fraction.convert_to<std::uint64_t>();
}

const Sha2Constants& sha2_constants() {
  static const Sha2Constants kConstants = [] {
    Sha2Constants constants;
    std::size_t count = 0;
    for (unsigned candidate = 2; count < 80; ++candidate) {
      bool prime = true;
      for (unsigned d = 2; d * d <= candidate; ++d) prime = prime && candidate % d != 0;
      if (!prime) continue;
      if (count < 16) constants.square[count] = root_fraction(candidate, 2);
      constants.cube[count++] = root_fraction(candidate, 3);
    }
    return constants;
  }();
  return kConstants;
}

template <class Word>
struct Rotations {
  std::array<int, 3> big0, big1, small0, small1;  // the last of the small ones is a shift
};

template <class Word, std::size_t Rounds>
std::array<Word, 8> sha2(std::string_view data, std::array<Word, 8> state, const Rotations<Word>& r) {
  constexpr std::size_t kBlock = 16 * sizeof(Word);
  constexpr int kDrop = 64 - 8 * static_cast<int>(sizeof(Word));
  const std::string message = padded(data, kBlock, kBlock / 8, true);
  for (std::size_t at = 0; at < message.size(); at += kBlock) {
    std::array<Word, Rounds> w{};
    for (std::size_t i = 0; i < 16; ++i) w[i] = load_be<Word>(message, at + i * sizeof(Word));
    for (std::size_t i = 16; i < Rounds; ++i) {
      const Word s0 = std::rotr(w[i - 15], r.small0[0]) ^ std::rotr(w[i - 15], r.small0[1]) ^ (w[i - 15] >> r.small0[2]);
      const Word s1 = std::rotr(w[i - 2], r.small1[0]) ^ std::rotr(w[i - 2], r.small1[1]) ^ (w[i - 2] >> r.small1[2]);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, h] = state;
    for (std::size_t i = 0; i < Rounds; ++i) {
      const Word s1 = std::rotr(e, r.big1[0]) ^ std::rotr(e, r.big1[1]) ^ std::rotr(e, r.big1[2]);
      const Word t1 = h + s1 + ((e & f) ^ (~e & g)) + static_cast<Word>(sha2_constants().cube[i] >> kDrop) + w[i];
      const Word s0 = std::rotr(a, r.big0[0]) ^ std::rotr(a, r.big0[1]) ^ std::rotr(a, r.big0[2]);
      const Word t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = d + t1;
      d = c;
      c = b;
      b = a;
      a = t1 + t2;
    }
    const std::array<Word, 8> sum = {a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < 8; ++i) state[i] += sum[i];
  }
  return state;
}

std::array<std::uint64_t, 8> sha512_words(std::string_view data, std::size_t first_prime) {
  std::array<std::uint64_t, 8> state{};
  for (std::size_t i = 0; i < 8; ++i) state[i] = sha2_constants().square[first_prime + i];
  return sha2<std::uint64_t, 80>(data, state, {{28, 34, 39}, {14, 18, 41}, {1, 8, 7}, {19, 61, 6}});
}

}  // namespace

std::string sha256_hex(std::string_view data) {
  std::array<std::uint32_t, 8> state{};
  for (std::size_t i = 0; i < 8; ++i) state[i] = static_cast<std::uint32_t>(sha2_constants().square[i] >> 32);
  return hex_be(sha2<std::uint32_t, 64>(data, state, {{2, 13, 22}, {6, 11, 25}, {7, 18, 3}, {17, 19, 10}}), 32);
}

std::string sha384_hex(std::string_view data) { return hex_be(sha512_words(data, 8), 48); }
std::string sha512_hex(std::string_view data) { return hex_be(sha512_words(data, 0), 64); }

std::string sha1_hex(std::string_view data) {
  std::array<std::uint32_t, 5> state = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
  const std::string message = padded(data, 64, 8, true);
  for (std::size_t at = 0; at < message.size(); at += 64) {
    std::array<std::uint32_t, 80> w{};
    for (std::size_t i = 0; i < 16; ++i) w[i] = load_be<std::uint32_t>(message, at + i * 4);
    for (std::size_t i = 16; i < 80; ++i) w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    auto [a, b, c, d, e] = state;
    for (std::size_t i = 0; i < 80; ++i) {
      const std::uint32_t f = i < 20 ? (b & c) | (~b & d) : i < 40 ? b ^ c ^ d : i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
      const std::uint32_t k = i < 20 ? 0x5A827999 : i < 40 ? 0x6ED9EBA1 : i < 60 ? 0x8F1BBCDC : 0xCA62C1D6;
      const std::uint32_t next = std::rotl(a, 5) + f + e + k + w[i];
      e = d;
      d = c;
      c = std::rotl(b, 30);
      b = a;
      a = next;
    }
    const std::array<std::uint32_t, 5> sum = {a, b, c, d, e};
    for (std::size_t i = 0; i < 5; ++i) state[i] += sum[i];
  }
  return hex_be(state, 20);
}

std::string md5_hex(std::string_view data) {
  static constexpr int kShifts[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
  std::array<std::uint32_t, 4> state = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476};
  const std::string message = padded(data, 64, 8, false);
  for (std::size_t at = 0; at < message.size(); at += 64) {
    std::array<std::uint32_t, 16> words{};
    for (std::size_t i = 0; i < 16; ++i) words[i] = load_be<std::uint32_t>(message, at + i * 4);
    for (auto& word : words) word = (word >> 24) | ((word >> 8) & 0xFF00) | ((word << 8) & 0xFF0000) | (word << 24);
    auto [a, b, c, d] = state;
    for (std::uint32_t i = 0; i < 64; ++i) {
      const std::uint32_t round = i / 16;
      const std::uint32_t f = round == 0 ? (b & c) | (~b & d) : round == 1 ? (d & b) | (~d & c) : round == 2 ? b ^ c ^ d : c ^ (b | ~d);
      const std::uint32_t g = round == 0 ? i : round == 1 ? (5 * i + 1) % 16 : round == 2 ? (3 * i + 5) % 16 : (7 * i) % 16;
      const auto k = static_cast<std::uint32_t>(std::floor(std::fabs(std::sin(static_cast<double>(i + 1))) * 4294967296.0));
      const std::uint32_t sum = a + f + k + words[g];
      a = d;
      d = c;
      c = b;
      b += std::rotl(sum, kShifts[round][i % 4]);
    }
    const std::array<std::uint32_t, 4> sum = {a, b, c, d};
    for (std::size_t i = 0; i < 4; ++i) state[i] += sum[i];
  }
  for (auto& word : state) word = (word >> 24) | ((word >> 8) & 0xFF00) | ((word << 8) & 0xFF0000) | (word << 24);
  return hex_be(state, 16);
}

}  // namespace agiddi::ontology::sparql
