#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "tests/unit/ledger/support.h"

using namespace agiddi;
using namespace agiddi::ledger;
using namespace agiddi::ledger::test;

TEST_CASE("equal states have equal digests, whatever their histories") {
  std::mt19937_64 random(7);
  std::map<Bytes, Bytes> target;
  for (int i = 0; i < 40; ++i) target["key" + std::to_string(i)] = std::to_string(random());
  StateDigest expected;
  for (const auto& [key, value] : target) expected.add(key, value);

  for (int history = 0; history < 6; ++history) {
    auto store = make_memory_store();
    StateDigest digest;
    const auto block = [&](const std::function<void(StateOverlay&)>& change) {
      StateOverlay state(*store);
      change(state);
      const auto changes = state.changes();
      digest.apply(changes);
      KvBatch batch;
      for (const auto& c : changes) batch.push_back({Column::state, c.key, c.after});
      store->write(batch, true);
      REQUIRE(digest == StateDigest::of(*store));
    };
    for (int b = 0; b < 5; ++b) {
      block([&](StateOverlay& state) {
        for (int i = 0; i < 15; ++i) {
          const Bytes key = "key" + std::to_string(random() % 60);
          if (random() % 3) {
            state.put(key, std::to_string(random() % 9));
          } else {
            state.erase(key);
          }
        }
      });
      CHECK(digest.digest() != expected.digest());
    }
    block([&](StateOverlay& state) {
      for (int i = 0; i < 60; ++i) state.erase("key" + std::to_string(i));
      for (const auto& [key, value] : target) state.put(key, value);
    });
    CHECK(digest.digest() == expected.digest());
  }
}

TEST_CASE("a digest depends on every byte of keys and values and on where one ends") {
  const auto of = [](std::vector<std::pair<Bytes, Bytes>> pairs) {
    StateDigest digest;
    for (const auto& [key, value] : pairs) digest.add(key, value);
    return digest.digest();
  };
  const std::vector<Hash> digests = {of({}),           of({{"ab", "c"}}), of({{"a", "bc"}}),             of({{"ab", "d"}}),
                                     of({{"ab", ""}}), of({{"a", "b"}}),  of({{"a", "b"}, {"b", "a"}}), of({{"a", "a"}, {"b", "b"}})};
  CHECK(std::set<Hash>(digests.begin(), digests.end()).size() == digests.size());

  StateDigest digest;
  digest.add("k", "v");
  digest.add("k2", "v2");
  digest.remove("k", "v");
  digest.remove("k2", "v2");
  CHECK(digest == StateDigest());
}

TEST_CASE("an accumulator is stored and read") {
  StateDigest digest;
  digest.add("k", "v");
  const Bytes raw = digest.encode();
  CHECK(raw.size() == 2048);
  CHECK(StateDigest::decode(raw) == digest);
  CHECK(!StateDigest::decode(raw.substr(1)));

  // The element's definition, spelled out once more.
  Bytes length;
  append_u32_be(length, 1);
  CHECK(raw == keystream(tagged_hash("agiddi/state/1", {length, "k", "v"}), 2048));
  CHECK(digest.digest() == tagged_hash("agiddi/state-digest/1", {raw}));
  CHECK(digest.digest().hex() == "39b347f53ba76e045f11bcf66159df24cca2d2cbcaed64162329d4191b48d5e1");  // made with other tools: hashlib and openssl
}
