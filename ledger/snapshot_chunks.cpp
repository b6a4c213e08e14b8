#include "ledger/snapshot_chunks.h"

#include <algorithm>

#include "ledger/layout.h"
#include "ledger/star.h"
#include "ledger/varint.h"

namespace agiddi::ledger {
namespace {

constexpr int kLengthMax_bytes = 5;   // of a varint

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
  const auto copy_triples = [&] {
    scan_stars(reader, [&](TermId s, TermId p, TermId o) { return more = writer.put(ChunkColumn::triples, layout::triple(s, p, o), {}); });
    return more;
  };
  return copy(Column::state, {}, ChunkColumn::state) && copy(Column::terms, Bytes(1, layout::kTermOfId), ChunkColumn::terms) && copy_triples() &&
         writer.flush();
}

Result<void> read_chunk(BytesView chunk, const std::function<bool(ChunkColumn, BytesView, BytesView)>& visit) {
  const auto malformed = [] { return fail(Status::invalid, "a chunk of the snapshot is malformed"); };
  Bytes key;
  while (!chunk.empty()) {
    const auto column = static_cast<std::uint8_t>(chunk.front());
    chunk.remove_prefix(1);
    std::uint64_t shared = 0, rest = 0, length = 0;
    BytesView tail, value;
    if (column < 1 || column > 3 || !take_varint(chunk, shared, kLengthMax_bytes) || !take_varint(chunk, rest, kLengthMax_bytes) || shared > key.size() ||
        !take_bytes(chunk, rest, tail) || !take_varint(chunk, length, kLengthMax_bytes) || !take_bytes(chunk, length, value)) {
      return malformed();
    }
    key.resize(shared);
    key += tail;
    if (!visit(static_cast<ChunkColumn>(column), key, value)) return malformed();
  }
  return {};
}

}  // namespace agiddi::ledger
