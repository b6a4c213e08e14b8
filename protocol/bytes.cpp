#include "protocol/bytes.h"

#include "protocol/encoding.h"

namespace agiddi {

std::string Hash::hex() const { return to_hex(view()); }

Result<Hash> Hash::from_hex(std::string_view text) {
  if (text.size() != 64) return fail(Status::invalid, "an id has 64 hexadecimal digits");
  auto raw = agiddi::from_hex(text);
  if (!raw) return tl::unexpected(raw.error());
  return from_bytes(*raw);
}

Result<Hash> Hash::from_bytes(BytesView raw) {
  Hash hash;
  if (raw.size() != hash.bytes.size()) return fail(Status::invalid, "a hash has 32 bytes");
  std::memcpy(hash.bytes.data(), raw.data(), raw.size());
  return hash;
}

void append_u32_be(Bytes& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>((value >> shift) & 0xff));
}

void append_u64_be(Bytes& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>((value >> shift) & 0xff));
}

std::uint32_t read_u32_be(BytesView raw) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<std::uint8_t>(raw[i]);
  return value;
}

std::uint64_t read_u64_be(BytesView raw) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | static_cast<std::uint8_t>(raw[i]);
  return value;
}

}  // namespace agiddi
