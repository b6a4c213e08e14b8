#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "tests/unit/ledger/support.h"

using namespace agiddi;
using namespace agiddi::ledger;
using namespace agiddi::ledger::test;

namespace {

using Pairs = std::vector<std::pair<Bytes, Bytes>>;

Pairs all(const KvReader& reader, Column column, BytesView from = {}, BytesView to = {}) {
  Pairs pairs;
  reader.scan(column, from, to, [&](BytesView key, BytesView value) {
    pairs.emplace_back(key, value);
    return true;
  });
  return pairs;
}

Pairs all_reverse(const KvReader& reader, Column column, BytesView from = {}, BytesView to = {}) {
  Pairs pairs;
  reader.scan_reverse(column, from, to, [&](BytesView key, BytesView value) {
    pairs.emplace_back(key, value);
    return true;
  });
  return pairs;
}

}  // namespace

TEST_CASE("prefix_end is the smallest key above a prefix") {
  CHECK(prefix_end("ab") == "ac");
  CHECK(prefix_end("a\xff\xff") == "b");
  CHECK(prefix_end("\xff\xff").empty());
  CHECK(prefix_end("").empty());
}

TEST_CASE("a store keeps ordered pairs, column by column") {
  const auto kind = GENERATE(as<std::string>(), "memory", "rocks");
  INFO(kind);
  auto test = make_store(kind);
  KvStore& store = *test.store;

  const Bytes binary("\x00\xff\x01", 3);
  store.write({{Column::state, "b", "2"}, {Column::state, "a", "1"}, {Column::state, binary, ""}, {Column::local, "a", "other"}}, true);
  CHECK(store.get(Column::state, "a") == "1");
  CHECK(store.get(Column::local, "a") == "other");
  CHECK(store.get(Column::state, binary) == "");
  CHECK(!store.get(Column::state, "c"));
  CHECK(!store.get(Column::meta, "a"));
  CHECK(all(store, Column::state) == Pairs{{binary, ""}, {"a", "1"}, {"b", "2"}});
  CHECK(all(store, Column::state, "a", "b") == Pairs{{"a", "1"}});
  CHECK(all_reverse(store, Column::state) == Pairs{{"b", "2"}, {"a", "1"}, {binary, ""}});
  CHECK(all_reverse(store, Column::state, "a", "b") == Pairs{{"a", "1"}});

  SECTION("later entries of a batch win") {
    store.write({{Column::state, "a", "x"}, {Column::state, "a", std::nullopt}, {Column::state, "b", std::nullopt}, {Column::state, "b", "y"}}, false);
    CHECK(all(store, Column::state) == Pairs{{binary, ""}, {"b", "y"}});
  }
  SECTION("a snapshot stays as it was") {
    const auto snapshot = store.snapshot();
    store.write({{Column::state, "a", std::nullopt}, {Column::state, "b", "changed"}, {Column::state, "c", "new"}}, true);
    CHECK(all(*snapshot, Column::state) == Pairs{{binary, ""}, {"a", "1"}, {"b", "2"}});
    CHECK(snapshot->get(Column::state, "b") == "2");
    CHECK(all(store, Column::state) == Pairs{{binary, ""}, {"b", "changed"}, {"c", "new"}});
  }
  SECTION("a scan stops when it is told to") {
    int seen = 0;
    store.scan(Column::state, {}, {}, [&](BytesView, BytesView) { return ++seen < 2; });
    CHECK(seen == 2);
  }
}

TEST_CASE("a store behaves as a map under random batches, and so do its snapshots") {
  const auto kind = GENERATE(as<std::string>(), "memory", "rocks");
  INFO(kind);
  auto test = make_store(kind);
  std::mt19937_64 random(42);
  std::map<Bytes, Bytes> model;
  std::vector<std::pair<std::shared_ptr<const KvReader>, std::map<Bytes, Bytes>>> snapshots;
  for (int round = 0; round < 60; ++round) {
    KvBatch batch;
    for (int i = 0; i < 30; ++i) {
      const Bytes key = std::to_string(random() % 200);
      if (random() % 3 == 0) {
        batch.push_back({Column::state, key, std::nullopt});
        model.erase(key);
      } else {
        batch.push_back({Column::state, key, std::to_string(random())});
        model[key] = *batch.back().value;
      }
    }
    test.store->write(batch, false);
    if (round % 7 == 0) snapshots.emplace_back(test.store->snapshot(), model);
    REQUIRE(all(*test.store, Column::state) == Pairs(model.begin(), model.end()));
    const Bytes from = std::to_string(random() % 200), to = std::to_string(random() % 200);
    Pairs expected;
    for (const auto& pair : model) {
      if (pair.first >= from && pair.first < to) expected.push_back(pair);
    }
    REQUIRE(all(*test.store, Column::state, from, to) == expected);
    std::reverse(expected.begin(), expected.end());
    REQUIRE(all_reverse(*test.store, Column::state, from, to) == expected);
  }
  for (const auto& [snapshot, then] : snapshots) CHECK(all(*snapshot, Column::state) == Pairs(then.begin(), then.end()));
}

TEST_CASE("readers of snapshots and the writer do not disturb each other") {
  const auto kind = GENERATE(as<std::string>(), "memory", "rocks");
  INFO(kind);
  auto test = make_store(kind);
  const auto batch_of = [](int round) {
    KvBatch batch;
    for (int i = 0; i < 50; ++i) batch.push_back({Column::state, std::to_string(i), std::to_string(round)});
    return batch;
  };
  test.store->write(batch_of(0), false);
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0}, reads{0};
  std::thread reader([&] {
    while (!stop) {
      const auto snapshot = test.store->snapshot();
      std::set<Bytes> values;
      for (const auto& pair : all(*snapshot, Column::state)) values.insert(pair.second);
      if (values.size() != 1) ++torn;
      ++reads;
    }
  });
  int round = 1;
  for (; round < 300 || reads < 20; ++round) test.store->write(batch_of(round), false);
  stop = true;
  reader.join();
  CHECK(torn == 0);
}

TEST_CASE("a crash of the memory store takes what was not synced") {
  auto store = make_memory_store();
  store->write({{Column::state, "a", "1"}}, false);
  store->write({{Column::state, "b", "1"}}, true);  // the log is one: what came before is synced too
  store->write({{Column::state, "a", "2"}, {Column::local, "x", "y"}}, false);
  const auto before = store->snapshot();
  store->crash();
  CHECK(all(*store, Column::state) == Pairs{{"a", "1"}, {"b", "1"}});
  CHECK(!store->get(Column::local, "x"));
  CHECK(before->get(Column::state, "a") == "2");
  store->write({{Column::state, "c", "3"}}, true);
  store->crash();
  CHECK(all(*store, Column::state) == Pairs{{"a", "1"}, {"b", "1"}, {"c", "3"}});
}

TEST_CASE("a RocksDB store is there again after it was closed") {
  TempFolder folder;
  {
    auto store = open_rocks_store(folder.path());
    REQUIRE(store);
    (*store)->write({{Column::state, "synced", "1"}}, true);
    (*store)->write({{Column::local, "unsynced", "2"}}, false);
  }
  auto store = open_rocks_store(folder.path());
  REQUIRE(store);
  CHECK((*store)->get(Column::state, "synced") == "1");
  CHECK((*store)->get(Column::local, "unsynced") == "2");
}

TEST_CASE("a folder is opened once") {
  TempFolder folder;
  auto store = open_rocks_store(folder.path());
  REQUIRE(store);
  SECTION("in this process") {
    const auto second = open_rocks_store(folder.path());
    REQUIRE(!second);
    CHECK_THAT(second.error().detail, Catch::Contains("already open in this process"));
    CHECK_THAT(second.error().detail, Catch::Contains(folder.path()));
  }
  SECTION("by another process, which is told who holds it") {
    const std::string command = std::string(LEDGER_WRITER) + " " + folder.path() + " 2>&1";
    FILE* pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::string said;
    char buffer[256];
    while (std::fgets(buffer, sizeof buffer, pipe)) said += buffer;
    const int status = ::pclose(pipe);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 1);
    CHECK_THAT(said, Catch::Contains("already in use by another process (process " + std::to_string(::getpid()) + ")"));
  }
  CHECK((*store)->get(Column::state, "x") == std::nullopt);
}

TEST_CASE("a damaged store is refused with advice") {
  TempFolder folder;
  {
    auto store = open_rocks_store(folder.path());
    REQUIRE(store);
    (*store)->write({{Column::state, "a", "1"}}, true);
  }
  SECTION("a broken manifest pointer") { std::ofstream(folder.path() + "/CURRENT") << "MANIFEST-999999\n"; }
  SECTION("a flipped byte in the middle of the log") {
    // As a power cut leaves it: a store that is closed has written its log into tables.
    const TempFolder before;
    {
      auto store = open_rocks_store(before.path());
      REQUIRE(store);
      for (int i = 0; i < 200; ++i) (*store)->write({{Column::state, std::to_string(i), Bytes(1000, 'x')}}, true);
      std::filesystem::remove_all(folder.path());
      std::filesystem::copy(before.path(), folder.path());
    }
    bool damaged = false;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
      if (entry.path().extension() != ".log" || entry.file_size() < 100'000) continue;
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(50'000);
      file.put('?');
      damaged = true;
    }
    REQUIRE(damaged);
  }
  const auto again = open_rocks_store(folder.path());
  REQUIRE(!again);
  CHECK_THAT(again.error().detail, Catch::Contains("store " + folder.path()));
}

TEST_CASE("damage in a table that nobody reads is found") {
  TempFolder folder;
  std::atomic<bool> stopping{false};
  for (int round = 0; round < 2; ++round) {   // closing makes tables
    auto store = open_rocks_store(folder.path());
    REQUIRE(store);
    for (int i = 0; i < 500; ++i) (*store)->write({{Column::blocks, std::to_string(i), random_bytes(1000)}}, i == 499);
    CHECK(!(*store)->find_damage(stopping));
  }
  bool damaged = false;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.path().extension() != ".sst" || entry.file_size() < 100'000) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(50'000);
    file.write("damage", 6);
    damaged = true;
  }
  REQUIRE(damaged);
  const auto store = open_rocks_store(folder.path());
  REQUIRE(store);
  const auto damage = (*store)->find_damage(stopping);
  REQUIRE(damage);
  CHECK_THAT(*damage, Catch::Contains(".sst is damaged") && Catch::Contains("catch up from the others"));
}

TEST_CASE("a folder that cannot be made is an error with its name") {
  const auto store = open_rocks_store("/proc/agiddi-nowhere");
  REQUIRE(!store);
  CHECK_THAT(store.error().detail, Catch::Contains("/proc/agiddi-nowhere"));
}
