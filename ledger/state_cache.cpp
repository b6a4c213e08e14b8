#include "ledger/state_cache.h"

#include <utility>

namespace agiddi::ledger {
namespace {

constexpr std::size_t kEntry_bytes = 128;   // of the tables and of two short texts

std::size_t size_of(BytesView key, const std::optional<Bytes>& value) { return kEntry_bytes + key.size() + (value ? value->size() : 0); }

}  // namespace

StateCache::StateCache(std::size_t bytes_max, std::uint64_t height) : generation_max_bytes_(bytes_max / kShards / 2), height_(height) {}

std::optional<StateCache::Found> StateCache::find(BytesView key, std::uint64_t height) {
  Shard& own = shard(key);
  const std::lock_guard lock(own.mutex);
  if (const auto found = own.young.find(key); found != own.young.end()) {
    if (found->second.since > height) return std::nullopt;
    return Found{found->second.value};
  }
  const auto found = own.old.find(key);
  if (found == own.old.end() || found->second.since > height) return std::nullopt;
  Entry entry = std::move(found->second);
  own.old_bytes -= size_of(key, entry.value);
  own.old.erase(found);
  Found out{entry.value};
  put(own, key, std::move(entry));
  return out;
}

void StateCache::keep(BytesView key, const std::optional<Bytes>& value, std::uint64_t height) {
  Shard& own = shard(key);
  const std::lock_guard lock(own.mutex);
  // A later block may have changed it: apply says so before it looks for the entry, and waits for this lock.
  if (height_.load() != height) return;
  if (own.young.find(key) == own.young.end() && own.old.find(key) == own.old.end()) put(own, key, {value, height});
}

void StateCache::apply(std::uint64_t height, const StateChanges& changes) {
  height_.store(height);
  for (const StateChange& change : changes) {
    Shard& own = shard(change.key);
    const std::lock_guard lock(own.mutex);
    if (const auto found = own.old.find(change.key); found != own.old.end()) {
      own.old_bytes -= size_of(change.key, found->second.value);
      own.old.erase(found);
    }
    if (const auto found = own.young.find(change.key); found != own.young.end() && !fits(change.key, change.after)) {
      own.young_bytes -= size_of(change.key, found->second.value);
      own.young.erase(found);
    }
    put(own, change.key, {change.after, height});
  }
}

bool StateCache::fits(BytesView key, const std::optional<Bytes>& value) const { return size_of(key, value) <= generation_max_bytes_ / 8; }

void StateCache::put(Shard& shard, BytesView key, Entry entry) {
  if (!fits(key, entry.value)) return;
  const std::size_t size = size_of(key, entry.value);
  if (const auto found = shard.young.find(key); found != shard.young.end()) {
    shard.young_bytes += size - size_of(key, found->second.value);
    found->second = std::move(entry);
  } else {
    shard.young_bytes += size;
    shard.young.emplace(Bytes(key), std::move(entry));
  }
  if (shard.young_bytes <= generation_max_bytes_) return;
  shard.old = std::exchange(shard.young, {});
  shard.old_bytes = std::exchange(shard.young_bytes, 0);
}

std::size_t StateCache::bytes() const {
  std::size_t sum = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    sum += shard.young_bytes + shard.old_bytes;
  }
  return sum;
}

std::optional<Bytes> CachedState::get(Column column, BytesView key) const {
  if (column != Column::state) return reader_.get(column, key);
  if (auto found = cache_->find(key, height_)) return std::move(found->value);
  auto value = reader_.get(column, key);
  cache_->keep(key, value, height_);
  return value;
}

}  // namespace agiddi::ledger
