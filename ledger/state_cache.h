// StateCache: values of the world state that were read or written lately, for whoever reads a snapshot near the head of the chain.
//
// The store keeps what is new in memory too, but in one ordered list of everything, where a look-up costs a microsecond and more. An entry is the value
// of a key since a height: a snapshot of that height or a later one may use it, since a block that changes the key replaces the entry *before* it is
// written to the store, so before there is a snapshot that could see the change. Absent keys have entries too.
//
// Bounded: two generations of at most half the bytes each; what is not asked for while a generation fills goes. A value that would fill much of one is not
// kept.
//
// Threads: any; apply from one at a time.
#pragma once

#include <array>
#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <mutex>
#include <optional>

#include "ledger/world_state.h"

namespace agiddi::ledger {

class StateCache {
 public:
  StateCache(std::size_t bytes_max, std::uint64_t height);

  struct Found {
    std::optional<Bytes> value;   // nothing: the key is absent
  };
  // As of a snapshot of that height; nothing when that is not known here.
  std::optional<Found> find(BytesView key, std::uint64_t height);
  // What a snapshot of that height gave.
  void keep(BytesView key, const std::optional<Bytes>& value, std::uint64_t height);
  // Before the block is written to the store.
  void apply(std::uint64_t height, const StateChanges& changes);

  std::size_t bytes() const;   // about

 private:
  struct Entry {
    std::optional<Bytes> value;
    std::uint64_t since = 0;
  };
  struct KeyHash {
    using is_transparent = void;
    using is_avalanching = void;
    std::size_t operator()(BytesView key) const { return std::hash<BytesView>()(key); }
  };
  using Entries = boost::unordered_flat_map<Bytes, Entry, KeyHash, std::equal_to<>>;
  struct Shard {
    mutable std::mutex mutex;
    Entries young, old;
    std::size_t young_bytes = 0, old_bytes = 0;
  };

  // By other bits than those that tell entries of one table apart.
  Shard& shard(BytesView key) { return shards_[(KeyHash()(key) >> 32) % kShards]; }
  bool fits(BytesView key, const std::optional<Bytes>& value) const;
  void put(Shard& shard, BytesView key, Entry entry);   // with its lock held

  static constexpr std::size_t kShards = 16;
  const std::size_t generation_max_bytes_;
  std::atomic<std::uint64_t> height_;                   // the latest block that was begun
  std::array<Shard, kShards> shards_;
};

// A reader of a snapshot that goes to the cache first for the world state.
class CachedState final : public KvReader {
 public:
  CachedState(const KvReader& reader, std::shared_ptr<StateCache> cache, std::uint64_t height)
      : reader_(reader), cache_(std::move(cache)), height_(height) {}
  std::optional<Bytes> get(Column column, BytesView key) const override;
  void scan(Column column, BytesView from, BytesView to, const std::function<bool(BytesView, BytesView)>& visit) const override {
    reader_.scan(column, from, to, visit);
  }
  void scan_reverse(Column column, BytesView from, BytesView to, const std::function<bool(BytesView, BytesView)>& visit) const override {
    reader_.scan_reverse(column, from, to, visit);
  }

 private:
  const KvReader& reader_;
  const std::shared_ptr<StateCache> cache_;
  const std::uint64_t height_;
};

}  // namespace agiddi::ledger
