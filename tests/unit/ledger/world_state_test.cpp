#include <catch2/catch.hpp>

#include "tests/unit/ledger/support.h"

using namespace agiddi;
using namespace agiddi::ledger;
using namespace agiddi::ledger::test;

namespace {

using Model = std::map<Bytes, Bytes>;

Model read_all(const StateOverlay& state, BytesView prefix = {}) {
  Model found;
  state.scan(prefix, [&](BytesView key, BytesView value) {
    CHECK((found.empty() || found.rbegin()->first < key));
    found.emplace(key, value);
    return true;
  });
  return found;
}

}  // namespace

TEST_CASE("the overlay shows its changes over the base") {
  auto store = make_memory_store();
  store->write({{Column::state, "a1", "1"}, {Column::state, "a2", "2"}, {Column::state, "b1", "3"}, {Column::local, "a0", "no"}}, true);
  StateOverlay state(*store);
  state.put("a2", "two");
  state.put("a3", "3");
  state.erase("a1");
  state.erase("missing");
  state.put("b1", "x");
  state.put("b1", "3");
  CHECK(state.get("a2") == "two");
  CHECK(!state.get("a1"));
  CHECK(read_all(state, "a") == Model{{"a2", "two"}, {"a3", "3"}});
  CHECK(read_all(state) == Model{{"a2", "two"}, {"a3", "3"}, {"b1", "3"}});
  CHECK(state.changes() == StateChanges{{"a1", "1", std::nullopt}, {"a2", "2", "two"}, {"a3", std::nullopt, "3"}});
  int seen = 0;
  state.scan("a", [&](BytesView, BytesView) { return ++seen < 1; });
  CHECK(seen == 1);
}

TEST_CASE("checkpoints nest") {
  StateOverlay state(empty_reader());
  state.put("x", "0");
  const auto outer = state.checkpoint();
  state.put("x", "1");
  const auto inner = state.checkpoint();
  state.put("x", "2");
  state.put("y", "2");
  SECTION("the inner one rolls back") {
    state.rollback(inner);
    CHECK(read_all(state) == Model{{"x", "1"}});
    state.commit(outer);
    CHECK(state.changes() == StateChanges{{"x", std::nullopt, "1"}});
  }
  SECTION("what the inner one commits, the outer one still undoes") {
    state.commit(inner);
    CHECK(state.get("y") == "2");
    state.rollback(outer);
    CHECK(state.changes() == StateChanges{{"x", std::nullopt, "0"}});
  }
}

TEST_CASE("the overlay behaves as a map with copies for checkpoints") {
  const auto seed = GENERATE(range(1, 9));
  INFO("seed " << seed);
  std::mt19937_64 random(static_cast<std::uint64_t>(seed));
  const auto key_of = [&] { return std::string(1, static_cast<char>('a' + random() % 3)) + std::to_string(random() % 12); };

  auto store = make_memory_store();
  Model model;
  for (int i = 0; i < 20; ++i) model[key_of()] = std::to_string(random() % 5);
  for (const auto& [key, value] : model) store->write({{Column::state, key, value}}, true);
  const Model base = model;

  StateOverlay state(*store);
  std::vector<std::pair<StateOverlay::Checkpoint, Model>> open;
  for (int step = 0; step < 1500; ++step) {
    const auto what = random() % 20;
    if (what < 8) {
      const auto key = key_of();
      state.put(key, std::to_string(random() % 5));
      model[key] = *state.get(key);
    } else if (what < 12) {
      const auto key = key_of();
      state.erase(key);
      model.erase(key);
    } else if (what < 14) {
      if (open.size() < 4) open.emplace_back(state.checkpoint(), model);
    } else if (what < 16 && !open.empty()) {
      const auto index = random() % open.size();  // an outer one ends the inner ones too
      state.rollback(open[index].first);
      model = open[index].second;
      open.resize(index);
    } else if (what < 17 && !open.empty()) {
      state.commit(open.back().first);
      open.pop_back();
    } else {
      const std::string prefix = random() % 2 ? std::string(1, static_cast<char>('a' + random() % 3)) : key_of();
      Model expected;
      for (const auto& [key, value] : model) {
        if (key.starts_with(prefix)) expected[key] = value;
      }
      REQUIRE(read_all(state, prefix) == expected);
      const auto key = key_of();
      REQUIRE(state.get(key) == (model.contains(key) ? std::optional(model[key]) : std::nullopt));
    }
  }
  REQUIRE(read_all(state) == model);
  Model rebuilt = base;
  Bytes last;
  for (const auto& change : state.changes()) {
    CHECK(change.key > last);
    last = change.key;
    CHECK(change.before != change.after);
    CHECK(change.before == (base.contains(change.key) ? std::optional(base.at(change.key)) : std::nullopt));
    if (change.after) {
      rebuilt[change.key] = *change.after;
    } else {
      rebuilt.erase(change.key);
    }
  }
  CHECK(rebuilt == model);
}
