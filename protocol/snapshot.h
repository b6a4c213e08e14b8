// Snapshots: the whole state of the ledger at one height, cut into chunks. Every correct member makes the same chunks for a height, so the id
// of a manifest names them all, and f + 1 members that sign the same id (an attestation) include a correct one. docs/FORMATS.md, section 10.
#pragma once

#include <vector>

#include "protocol/block.h"

namespace agiddi {

namespace limits {
inline constexpr std::size_t kSnapshotChunk_bytes = 1024 * 1024;          // a chunk ends with the entry that reaches this size
inline constexpr std::size_t kSnapshotChunkMax_bytes = 12 * 1024 * 1024;  // one entry may be as large as a document
inline constexpr std::size_t kSnapshotChunksMax = 262'144;
}  // namespace limits

struct SnapshotManifest {
  std::uint32_t format_version = 1;
  BlockHeader header;          // of the snapshot's height; its state digest covers the world state in the chunks
  std::uint64_t total_bytes = 0;
  std::vector<Hash> chunks;
  Hash id() const;             // H("agiddi/snapshot/1" 0x00 encoded manifest)
  std::uint64_t height() const { return header.height; }
};

Bytes encode_manifest(const SnapshotManifest& manifest);
Result<SnapshotManifest> decode_manifest(BytesView bytes);  // canonical, bounded

}  // namespace agiddi
