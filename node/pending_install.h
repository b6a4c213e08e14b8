// The note that a fetched snapshot leaves in the store for the start after it, which installs it.
#pragma once

#include <optional>

#include "protocol/crypto/crypto.h"

namespace agiddi::node {

struct PendingInstall {
  Hash id;
  std::uint64_t fetched_bytes = 0;
  std::int64_t fetch_ms = 0;
};
inline constexpr BytesView kInstallNote = "snapshot/install";  // in Column::local
Bytes encode_install(const PendingInstall& install);
std::optional<PendingInstall> decode_install(BytesView raw);

}  // namespace agiddi::node
