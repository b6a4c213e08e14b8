// The bytes of a snapshot's chunks: world state, dictionary and triples (subject, predicate, object) of one height, in the order of their keys, cut by
// a fixed rule, so that every member makes the same chunks. Indexes and all counters are made again from these.
//
// A chunk is a row of entries: column(1) shared(varint) rest(varint) rest-of-key value-length(varint) value. `shared` is how much of the
// former key's beginning the key repeats; the first entry of a chunk repeats nothing. Keys ascend over all chunks. Pure functions.
#pragma once

#include <functional>

#include "ledger/kv.h"
#include "protocol/snapshot.h"

namespace agiddi::ledger {

enum class ChunkColumn : std::uint8_t { state = 1, terms = 2, triples = 3 };

// Gives the chunks in order until take returns false; then the answer is false too. chunk_bytes is another one only in tests.
bool write_chunks(const KvReader& reader, const std::function<bool(const Bytes& chunk)>& take, std::size_t chunk_bytes = limits::kSnapshotChunk_bytes);

// Calls visit for each entry until it returns false (then the answer is an error as well). The error says that the chunk is malformed.
Result<void> read_chunk(BytesView chunk, const std::function<bool(ChunkColumn column, BytesView key, BytesView value)>& visit);

}  // namespace agiddi::ledger
