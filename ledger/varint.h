// Numbers in as few bytes as they need: seven bits each, the lowest first; all but the last have the upper bit set. Internal to the ledger.
#pragma once

#include <cstdint>

#include "protocol/bytes.h"

namespace agiddi::ledger {

inline void append_varint(Bytes& out, std::uint64_t value) {
  for (; value > 127; value >>= 7) out.push_back(static_cast<char>((value & 127) | 128));
  out.push_back(static_cast<char>(value));
}

// Takes it off the front; false when it is not whole or longer than so many bytes (9 at most).
inline bool take_varint(BytesView& in, std::uint64_t& out, int bytes_max) {
  out = 0;
  for (int i = 0; i < bytes_max; ++i) {
    if (in.empty()) return false;
    const auto byte = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    out |= static_cast<std::uint64_t>(byte & 127) << (7 * i);
    if (byte < 128) return true;
  }
  return false;
}

}  // namespace agiddi::ledger
