// The state digest: an incremental set hash over the key-value pairs of the world state (LtHash: Bellare and Micciancio 1997;
// Lewi, Kim, Maykov, Weis 2019). A function of the state only, never of the order of writes, so every member that holds the same
// state has the same digest, whatever its history. Adding and removing a pair costs one hash and 1024 additions.
//
// A pair's element is keystream(tagged_hash("agiddi/state/1", {key length as 4 bytes big-endian, key, value}), 2048), read as 1024 little-endian
// 16-bit lanes that are added modulo 2^16. digest() = tagged_hash("agiddi/state-digest/1", {accumulator}). A value type; no threads.
#pragma once

#include <array>

#include "ledger/world_state.h"

namespace agiddi::ledger {

class StateDigest {
 public:
  static constexpr std::size_t kLanes = 1024;

  void add(BytesView key, BytesView value);
  void remove(BytesView key, BytesView value);   // of a pair that was added
  void apply(const StateChanges& changes);
  Hash digest() const;

  Bytes encode() const;                          // 2048 bytes, lanes little-endian
  static Result<StateDigest> decode(BytesView raw);
  static StateDigest of(const KvReader& reader);  // from nothing: reads all of Column::state

  friend bool operator==(const StateDigest&, const StateDigest&) = default;

 private:
  std::array<std::uint16_t, kLanes> lanes_{};
};

}  // namespace agiddi::ledger
