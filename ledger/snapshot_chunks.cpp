#include "ledger/snapshot_chunks.h"

#include <algorithm>

#include "ledger/layout.h"

namespace agiddi::ledger {
namespace {

void append_varint(Bytes& out, std::size_t value) {
  for (; value > 127; value >>= 7) out.push_back(static_cast<char>((value & 127) | 128));
  out.push_back(static_cast<char>(value));
}

// Lengths only: at most 5 bytes.
bool read_varint(BytesView& in, std::size_t& out) {
  out = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    if (in.empty()) return false;
    const auto byte = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    out |= static_cast<std::size_t>(byte & 127) << shift;
    if (byte < 128) return true;
  }
  return false;
}

bool take_bytes(BytesView& in, std::size_t length, BytesView& out) {
  if (in.size() < length) return false;
  out = in.substr(0, length);
  in.remove_prefix(length);
  return true;
}

class Writer {
 public:
  Writer(const std::function<bool(const Bytes&)>& take, std::size_t chunk_bytes) : take_(take), chunk_bytes_(chunk_bytes) {}

  bool put(ChunkColumn column, BytesView key, BytesView value) {
    const auto shared = static_cast<std::size_t>(std::mismatch(key.begin(), key.end(), former_.begin(), former_.end()).first - key.begin());
    chunk_.push_back(static_cast<char>(column));
    append_varint(chunk_, shared);
    append_varint(chunk_, key.size() - shared);
    chunk_ += key.substr(shared);
    append_varint(chunk_, value.size());
    chunk_ += value;
    former_ = key;
    return chunk_.size() < chunk_bytes_ || flush();
  }
  bool flush() {
    if (chunk_.empty()) return true;
    const bool more = take_(chunk_);
    chunk_.clear();
    former_.clear();
    return more;
  }

 private:
  const std::function<bool(const Bytes&)>& take_;
  std::size_t chunk_bytes_;
  Bytes chunk_, former_;
};

}  // namespace

bool write_chunks(const KvReader& reader, const std::function<bool(const Bytes&)>& take, std::size_t chunk_bytes) {
  Writer writer(take, chunk_bytes);
  bool more = true;
  const auto copy = [&](Column from, BytesView prefix, ChunkColumn to) {
    reader.scan(from, prefix, prefix_end(prefix), [&](BytesView key, BytesView value) { return more = writer.put(to, key, value); });
    return more;
  };
  return copy(Column::state, {}, ChunkColumn::state) && copy(Column::terms, Bytes(1, layout::kTermOfId), ChunkColumn::terms) &&
         copy(Column::spo, {}, ChunkColumn::triples) && writer.flush();
}

Result<void> read_chunk(BytesView chunk, const std::function<bool(ChunkColumn, BytesView, BytesView)>& visit) {
  const auto malformed = [] { return fail(Status::invalid, "a chunk of the snapshot is malformed"); };
  Bytes key;
  while (!chunk.empty()) {
    const auto column = static_cast<std::uint8_t>(chunk.front());
    chunk.remove_prefix(1);
    std::size_t shared = 0, rest = 0, length = 0;
    BytesView tail, value;
    if (column < 1 || column > 3 || !read_varint(chunk, shared) || !read_varint(chunk, rest) || shared > key.size() ||
        !take_bytes(chunk, rest, tail) || !read_varint(chunk, length) || !take_bytes(chunk, length, value)) {
      return malformed();
    }
    key.resize(shared);
    key += tail;
    if (!visit(static_cast<ChunkColumn>(column), key, value)) return malformed();
  }
  return {};
}

}  // namespace agiddi::ledger
