// The bytes of a batch, records.Batch of records/block.proto, written and read without a protobuf message between: every member hashes each batch
// several times, and a string on the heap for every id was more than half of the simulator's time (tests/unit/protocol/block_test.cpp compares).
#include "protocol/block.h"
#include "protocol/limits.h"

namespace agiddi {
namespace {

constexpr std::size_t kHash_bytes = sizeof(Hash::bytes);
constexpr std::size_t kNumbersMax_bytes = 3 * 11;
constexpr char kTransactions = 4 << 3 | 2;   // field and wire type

auto refuse_batch(std::string detail) { return fail(Status::invalid, std::move(detail)); }

void put_number(Bytes& out, int field, std::uint64_t value) {
  if (value == 0) return;   // as proto3 leaves it out
  out.push_back(static_cast<char>(field << 3));
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

// The field at the front of `in`, if it is that one.
bool take_number(BytesView& in, int field, std::uint64_t& value) {
  if (in.empty() || in.front() != static_cast<char>(field << 3)) return true;
  in.remove_prefix(1);
  for (int shift = 0; shift < 64; shift += 7) {
    if (in.empty()) return false;
    const auto byte = static_cast<std::uint8_t>(in.front());
    in.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

}  // namespace

Bytes encode_batch(const Batch& batch) {
  Bytes out;
  out.reserve(kNumbersMax_bytes + batch.transactions.size() * (2 + kHash_bytes));
  put_number(out, 1, batch.height);
  put_number(out, 2, batch.view);
  put_number(out, 3, static_cast<std::uint64_t>(batch.timestamp));
  for (const Hash& id : batch.transactions) {
    out.push_back(kTransactions);
    out.push_back(static_cast<char>(kHash_bytes));
    out += id.view();
  }
  return out;
}

Result<Batch> decode_batch(BytesView bytes) {
  Batch batch;
  BytesView in = bytes;
  std::uint64_t timestamp = 0;
  if (!take_number(in, 1, batch.height) || !take_number(in, 2, batch.view) || !take_number(in, 3, timestamp)) return refuse_batch("not a batch record");
  batch.timestamp = static_cast<TimeMs>(timestamp);
  constexpr std::size_t kEntry_bytes = 2 + kHash_bytes;
  if (in.size() / kEntry_bytes > limits::kBatchTransactionsMax) return refuse_batch("the batch has too many transactions");
  batch.transactions.reserve(in.size() / kEntry_bytes);
  for (; !in.empty(); in.remove_prefix(kEntry_bytes)) {
    if (in.size() < kEntry_bytes || in[0] != kTransactions) return refuse_batch("not a batch record");
    if (in[1] != static_cast<char>(kHash_bytes)) return refuse_batch("the batch holds an id that has not 32 bytes");
    batch.transactions.push_back(*Hash::from_bytes(in.substr(2, kHash_bytes)));
  }
  if (encode_batch(batch) != bytes) return refuse_batch("the batch record is not canonical");
  return batch;
}

}  // namespace agiddi
