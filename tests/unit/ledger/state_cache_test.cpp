#include "ledger/state_cache.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <thread>

namespace agiddi::ledger {
namespace {

StateChanges change(const Bytes& key, std::optional<Bytes> after) { return {{key, std::nullopt, std::move(after)}}; }

TEST_CASE("an entry of the state cache holds from its height on") {
  StateCache cache(1 << 20, 5);
  CHECK_FALSE(cache.find("a", 5));
  cache.keep("a", "1", 5);
  cache.keep("gone", std::nullopt, 5);
  REQUIRE(cache.find("a", 5));
  CHECK(cache.find("a", 5)->value == "1");
  REQUIRE(cache.find("gone", 7));
  CHECK_FALSE(cache.find("gone", 7)->value);
  CHECK_FALSE(cache.find("a", 4));              // older than what is known
  cache.apply(6, change("a", "2"));
  CHECK_FALSE(cache.find("a", 5));              // who reads the state of block 5 asks the store
  CHECK(cache.find("a", 6)->value == "2");
  cache.keep("a", "1", 5);                      // late: read before block 6 began
  cache.keep("b", "old", 5);
  CHECK(cache.find("a", 6)->value == "2");
  CHECK_FALSE(cache.find("b", 6));
  cache.apply(7, change("a", std::nullopt));
  CHECK_FALSE(cache.find("a", 7)->value);
}

TEST_CASE("the state cache is bounded, and keeps what is asked for") {
  constexpr std::size_t kMax_bytes = 1 << 20;
  StateCache cache(kMax_bytes, 1);
  cache.keep("wanted", "here", 1);
  for (int i = 0; i < 20'000; ++i) {
    cache.keep("key " + std::to_string(i), Bytes(100, 'x'), 1);
    if (i % 100 == 0) REQUIRE(cache.find("wanted", 1));
    REQUIRE(cache.bytes() <= kMax_bytes + 16 * 512);
  }
  CHECK(cache.bytes() > kMax_bytes / 3);
  CHECK_FALSE(cache.find("key 0", 1));
  CHECK(cache.find("key 19999", 1));
  cache.apply(2, change("wanted", Bytes(kMax_bytes, 'x')));   // too large to keep, and what was there is no more
  CHECK_FALSE(cache.find("wanted", 2));
  CHECK(cache.bytes() <= kMax_bytes + 16 * 512);
}

// One thread writes blocks, others read at snapshots that may be old: whatever the cache says is what the snapshot says.
TEST_CASE("readers of any snapshot get its own values through the state cache") {
  constexpr std::uint64_t kBlocks = 3'000;
  constexpr int kKeys = 40;
  // The store: every key's values by height.
  std::mutex mutex;
  std::map<std::pair<int, std::uint64_t>, std::optional<Bytes>> store;
  const auto value_at = [&](int key, std::uint64_t height) -> std::optional<Bytes> {
    const std::lock_guard lock(mutex);
    const auto after = store.upper_bound({key, height});
    if (after == store.begin() || std::prev(after)->first.first != key) return std::nullopt;
    return std::prev(after)->second;
  };
  StateCache cache(16 * 2 * 8 * 150, 0);   // small enough to forget
  std::atomic<std::uint64_t> shown{0};
  std::atomic<std::uint64_t> wrong{0}, hits{0};
  std::vector<std::thread> readers;
  for (unsigned seed = 1; seed <= 3; ++seed) {
    readers.emplace_back([&, seed] {
      std::mt19937 random(seed);
      while (shown < kBlocks) {
        const std::uint64_t height = shown - std::min<std::uint64_t>(shown, random() % 3);
        for (int i = 0; i < 10; ++i) {
          const int key = static_cast<int>(random() % kKeys);
          const Bytes name = "key " + std::to_string(key);
          const auto value = value_at(key, height);
          if (const auto found = cache.find(name, height)) {
            ++hits;
            if (found->value != value) ++wrong;
          } else {
            cache.keep(name, value, height);
          }
        }
      }
    });
  }
  std::mt19937 random(99);
  for (std::uint64_t height = 1; height <= kBlocks; ++height) {
    std::map<Bytes, std::pair<int, std::optional<Bytes>>> changed;
    for (int i = 0; i < 3; ++i) {
      const int key = static_cast<int>(random() % kKeys);
      changed["key " + std::to_string(key)] = {key, random() % 4 == 0 ? std::nullopt : std::optional<Bytes>(std::to_string(height))};
    }
    StateChanges changes;
    for (const auto& [name, one] : changed) changes.push_back({name, std::nullopt, one.second});
    cache.apply(height, changes);
    {
      const std::lock_guard lock(mutex);
      for (const auto& [name, one] : changed) store[{one.first, height}] = one.second;
    }
    shown = height;
  }
  for (auto& reader : readers) reader.join();
  CHECK(wrong == 0);
  CHECK(hits > 1'000);
}

}  // namespace
}  // namespace agiddi::ledger
