#include "protocol/snapshot.h"

#include "protocol/limits.h"
#include "protocol/records/snapshot.pb.h"

namespace agiddi {

Hash SnapshotManifest::id() const { return tagged_hash("agiddi/snapshot/1", {encode_manifest(*this)}); }

Bytes encode_manifest(const SnapshotManifest& manifest) {
  records::SnapshotManifest record;
  record.set_format_version(manifest.format_version);
  record.set_header(encode_header(manifest.header));
  record.set_total_bytes(manifest.total_bytes);
  for (const Hash& chunk : manifest.chunks) record.add_chunks(Bytes(chunk.view()));
  return record.SerializeAsString();
}

Result<SnapshotManifest> decode_manifest(BytesView bytes) {
  const auto refuse = [](const char* what) { return fail(Status::invalid, what); };
  records::SnapshotManifest record;
  if (bytes.size() > limits::kPeerFrameMax_bytes || !record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return refuse("not a snapshot manifest");
  }
  SnapshotManifest manifest;
  manifest.format_version = record.format_version();
  if (manifest.format_version != 1) return refuse("a snapshot of another format version than 1: use the program version that made it, or a newer one");
  auto header = decode_header(record.header());
  if (!header || header->height == 0) return refuse("a snapshot manifest without a block header");
  manifest.header = std::move(*header);
  manifest.total_bytes = record.total_bytes();
  const auto count = static_cast<std::size_t>(record.chunks_size());
  if (count == 0 || count > limits::kSnapshotChunksMax) return refuse("a snapshot manifest with no chunks or too many");
  if (manifest.total_bytes / count > limits::kSnapshotChunkMax_bytes) return refuse("a snapshot manifest with chunks that are too large");
  manifest.chunks.reserve(count);
  for (const auto& raw : record.chunks()) {
    auto hash = Hash::from_bytes(raw);
    if (!hash) return refuse("a snapshot manifest with a hash that is not 32 bytes long");
    manifest.chunks.push_back(*hash);
  }
  if (encode_manifest(manifest) != bytes) return refuse("the snapshot manifest is not canonical");
  return manifest;
}

}  // namespace agiddi
