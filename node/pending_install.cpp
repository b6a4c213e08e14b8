#include "node/pending_install.h"

namespace agiddi::node {

Bytes encode_install(const PendingInstall& install) {
  Bytes raw(install.id.view());
  append_u64_be(raw, install.fetched_bytes);
  append_u64_be(raw, static_cast<std::uint64_t>(install.fetch_ms));
  return raw;
}

std::optional<PendingInstall> decode_install(BytesView raw) {
  if (raw.size() != 48) return std::nullopt;
  return PendingInstall{*Hash::from_bytes(raw.substr(0, 32)), read_u64_be(raw.substr(32)), static_cast<std::int64_t>(read_u64_be(raw.substr(40)))};
}

}  // namespace agiddi::node
