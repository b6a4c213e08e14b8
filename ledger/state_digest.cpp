#include "ledger/state_digest.h"

#include "protocol/crypto/crypto.h"

namespace agiddi::ledger {
namespace {

constexpr std::size_t kEncoded_bytes = StateDigest::kLanes * 2;

// The additions are written over plain arrays so that the compiler turns them into vector instructions.
std::array<std::uint16_t, StateDigest::kLanes> lanes_from(BytesView raw) {
  std::array<std::uint16_t, StateDigest::kLanes> lanes;
  for (std::size_t i = 0; i < StateDigest::kLanes; ++i) {
    lanes[i] = static_cast<std::uint16_t>(static_cast<unsigned char>(raw[2 * i]) | static_cast<unsigned char>(raw[2 * i + 1]) << 8);
  }
  return lanes;
}

std::array<std::uint16_t, StateDigest::kLanes> element(BytesView key, BytesView value) {
  Bytes length;
  append_u32_be(length, static_cast<std::uint32_t>(key.size()));
  const Bytes stream = keystream(tagged_hash("agiddi/state/1", {length, key, value}), kEncoded_bytes);
  return lanes_from(stream);
}

}  // namespace

void StateDigest::add(BytesView key, BytesView value) {
  const auto lanes = element(key, value);
  for (std::size_t i = 0; i < kLanes; ++i) lanes_[i] = static_cast<std::uint16_t>(lanes_[i] + lanes[i]);
}

void StateDigest::remove(BytesView key, BytesView value) {
  const auto lanes = element(key, value);
  for (std::size_t i = 0; i < kLanes; ++i) lanes_[i] = static_cast<std::uint16_t>(lanes_[i] - lanes[i]);
}

void StateDigest::apply(const StateChanges& changes) {
  for (const auto& change : changes) {
    if (change.before) remove(change.key, *change.before);
    if (change.after) add(change.key, *change.after);
  }
}

Hash StateDigest::digest() const { return tagged_hash("agiddi/state-digest/1", {encode()}); }

Bytes StateDigest::encode() const {
  Bytes raw(kEncoded_bytes, '\0');
  for (std::size_t i = 0; i < kLanes; ++i) {
    raw[2 * i] = static_cast<char>(lanes_[i] & 0xff);
    raw[2 * i + 1] = static_cast<char>(lanes_[i] >> 8);
  }
  return raw;
}

Result<StateDigest> StateDigest::decode(BytesView raw) {
  if (raw.size() != kEncoded_bytes) return fail(Status::internal, "a state accumulator has 2048 bytes");
  StateDigest digest;
  digest.lanes_ = lanes_from(raw);
  return digest;
}

StateDigest StateDigest::of(const KvReader& reader) {
  StateDigest digest;
  reader.scan(Column::state, {}, {}, [&](BytesView key, BytesView value) {
    digest.add(key, value);
    return true;
  });
  return digest;
}

}  // namespace agiddi::ledger
