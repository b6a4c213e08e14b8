// Keys of every column, in one place; docs/FORMATS.md says the same in words. Internal to the ledger.
#pragma once

#include <algorithm>

#include "ledger/kv.h"
#include "ledger/term_id.h"

namespace agiddi::ledger::layout {

inline constexpr std::uint32_t kFormatVersion = 3;
inline constexpr std::uint32_t kFormatRead = 2;   // the oldest that is read, and taken on as it is: later records of it are of the new version

// meta
inline constexpr BytesView kFormat = "format", kNetwork = "network", kHeight = "height", kCertified = "certified";
inline constexpr BytesView kAccumulator = "accumulator", kNextTerm = "next-term", kTriples = "triples";
inline constexpr BytesView kFirstBlock = "first-block";   // lowest height above 0 whose block is here; absent = 1
inline constexpr BytesView kIndexed = "indexed";           // there when pos and the ids by term are kept (ledger/disk_indexes.h)
inline constexpr BytesView kInstalling = "installing";     // id of the snapshot whose installation is under way
inline constexpr BytesView kPredicatePrefix = "predicate/";  // then the id: number of triples with it

inline Bytes u32(std::uint32_t value) {
  Bytes raw;
  append_u32_be(raw, value);
  return raw;
}
inline Bytes u64(std::uint64_t value) {
  Bytes raw;
  append_u64_be(raw, value);
  return raw;
}
inline Bytes key(char kind, std::uint64_t number) {
  Bytes raw(1, kind);
  append_u64_be(raw, number);
  return raw;
}
inline Bytes key(char kind, BytesView rest) {
  Bytes raw(1, kind);
  raw += rest;
  return raw;
}
inline Bytes predicate_count(TermId predicate) { return Bytes(kPredicatePrefix) + u64(predicate); }
inline Bytes triple(TermId a, TermId b, TermId c) {
  Bytes raw;
  raw.reserve(24);
  append_u64_be(raw, a);
  append_u64_be(raw, b);
  append_u64_be(raw, c);
  return raw;
}

// blocks
inline constexpr char kHeader = 'h', kBatch = 'b', kCertificate = 'c', kReceipt = 'r';
inline constexpr char kRepeated = 'x';  // the body of a transaction that an earlier block had already: so blocks do not need each other
inline constexpr char kMemberChange = 'e';  // then the epoch: what decided it. Outlives its block
inline Bytes indexed(char kind, std::uint64_t height, std::uint32_t index) {
  Bytes raw = key(kind, height);
  append_u32_be(raw, index);
  return raw;
}
inline Bytes receipt(std::uint64_t height, std::uint32_t index) { return indexed(kReceipt, height, index); }
inline Bytes repeated(std::uint64_t height, std::uint32_t index) { return indexed(kRepeated, height, index); }
// transactions
inline constexpr char kApplied = 't';
// terms
inline constexpr char kTermOfId = 'i', kIdOfTerm = 't';
inline constexpr std::size_t kTermHash_bytes = 20;

// A number under a meta key; 0 when it is not there.
inline std::uint64_t meta_number(const KvReader& reader, BytesView name) {
  const auto raw = reader.get(Column::meta, name);
  return raw && raw->size() == 8 ? read_u64_be(*raw) : 0;
}

inline std::uint64_t first_block(const KvReader& reader) { return std::max<std::uint64_t>(1, meta_number(reader, kFirstBlock)); }

}  // namespace agiddi::ledger::layout
