// Byte strings and 32-byte hashes. Bytes are std::string, as Protocol Buffers and RocksDB speak it.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include "protocol/result.h"

namespace agiddi {

using Bytes = std::string;
using BytesView = std::string_view;

// A BLAKE2b-256 value: the id of a transaction, device, payment, integration, block, batch or state.
struct Hash {
  std::array<std::uint8_t, 32> bytes{};

  friend auto operator<=>(const Hash&, const Hash&) = default;
  BytesView view() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
  bool is_zero() const { return *this == Hash{}; }
  std::string hex() const;                                // lower case, 64 characters
  static Result<Hash> from_hex(std::string_view text);    // refuses upper case and any other length
  static Result<Hash> from_bytes(BytesView raw);          // exactly 32 bytes
};

struct HashHasher {
  std::size_t operator()(const Hash& h) const {
    std::size_t v;
    std::memcpy(&v, h.bytes.data(), sizeof v);
    return v;
  }
};

void append_u32_be(Bytes& out, std::uint32_t value);
void append_u64_be(Bytes& out, std::uint64_t value);
std::uint32_t read_u32_be(BytesView raw);  // raw has at least 4 bytes
std::uint64_t read_u64_be(BytesView raw);  // raw has at least 8 bytes

}  // namespace agiddi
