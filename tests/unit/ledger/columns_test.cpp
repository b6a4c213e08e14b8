// Columns in memory give what the indexes on disk give, at every height, whatever was sorted meanwhile.
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "ledger/columns/cursor.h"
#include "ledger/check_store.h"
#include "ledger/columns/store.h"
#include "ledger/disk_indexes.h"
#include "tests/unit/ledger/support.h"

using namespace agiddi;
using namespace agiddi::ledger;
using namespace agiddi::ledger::test;

namespace {

using Model = std::set<std::pair<columns::Node, TermId>>;

template <class Cursor>
std::vector<columns::Pair> drain(Cursor at) {
  std::vector<columns::Pair> out;
  for (; !at.done(); at.advance()) out.push_back(at.head());
  return out;
}

TermId some_object(std::mt19937_64& random) {
  switch (random() % 4) {
    case 0: return make_id(TermTag::iri, random() % 50);
    case 1: return make_id(TermTag::integer, (std::uint64_t{1} << 59) + random() % 40);
    case 2: return make_id(TermTag::decimal6, (std::uint64_t{1} << 57) + random() % 1'000'000'000);
    default: return make_id(TermTag::literal, random() % 10);
  }
}

void check_equal(const columns::Pairs& pairs, const Model& model, std::mt19937_64& random) {
  REQUIRE(pairs.count() == model.size());
  std::vector<columns::Pair> by_subject, by_object;
  for (const auto& [subject, object] : model) by_subject.push_back({subject, object});
  by_object = by_subject;
  std::sort(by_object.begin(), by_object.end(), columns::ByObject::less);
  REQUIRE(drain(columns::all_rows(pairs)) == by_subject);
  for (int i = 0; i < 20; ++i) {
    const auto subject = static_cast<columns::Node>(random() % 300);
    std::vector<columns::Pair> rows;
    for (const columns::Pair& pair : by_subject) {
      if (pair.subject == subject) rows.push_back(pair);
    }
    REQUIRE(drain(columns::rows_of(pairs, subject)) == rows);
    REQUIRE(pairs.count_of_subject(subject) == rows.size());
    TermId low = some_object(random), high = some_object(random);
    if (low > high) std::swap(low, high);
    std::vector<columns::Pair> within;
    for (const columns::Pair& pair : by_object) {
      if (pair.object >= low && pair.object <= high) within.push_back(pair);
    }
    REQUIRE(drain(columns::holders_of<false>(pairs, low, high)) == within);
    std::reverse(within.begin(), within.end());
    REQUIRE(drain(columns::holders_of<true>(pairs, low, high)) == within);
    const columns::Pair one{subject, low};
    REQUIRE(pairs.contains(one) == model.contains({subject, low}));
    if (!rows.empty()) REQUIRE(pairs.contains(rows.back()));
  }
}

// Changes that change something.
std::vector<columns::Change> step(Model& model, std::mt19937_64& random, std::size_t count) {
  std::map<std::pair<columns::Node, TermId>, bool> changed;
  for (std::size_t i = 0; i < count; ++i) {
    std::pair<columns::Node, TermId> pair{static_cast<columns::Node>(random() % 300), some_object(random)};
    if (!model.empty() && random() % 3 == 0) {
      auto at = model.lower_bound({pair.first, 0});
      if (at == model.end()) at = model.begin();
      pair = *at;
    }
    if (changed.contains(pair)) continue;
    const bool added = !model.contains(pair);
    changed[pair] = added;
    added ? void(model.insert(pair)) : void(model.erase(pair));
  }
  std::vector<columns::Change> out;
  for (const auto& [pair, added] : changed) out.push_back({{pair.first, pair.second}, added});
  return out;
}

}  // namespace

TEST_CASE("sorted columns and their changes are walked as one", "[columns]") {
  std::mt19937_64 random(7);
  Model model;
  columns::Pairs pairs;
  for (int round = 0; round < 60; ++round) {
    pairs = pairs.with(step(model, random, random() % 4 == 0 ? 200 : 5));
    if (round % 3 == 0) check_equal(pairs, model, random);
    CHECK(pairs.runs().size() <= 8);
    if (round % 17 == 16) {
      // Sorted while changes go on coming.
      const columns::Pairs fenced = pairs.fenced();
      columns::Pairs later = fenced;
      Model then = model;
      for (int i = 0; i < 5; ++i) later = later.with(step(model, random, 20));
      const auto base = fenced.compacted();
      check_equal(fenced, then, random);
      check_equal(later, model, random);
      pairs = later.rebased(base);
      check_equal(pairs, model, random);
    }
  }
}

TEST_CASE("an empty column and a column of one are no special cases", "[columns]") {
  std::mt19937_64 random(1);
  Model model;
  check_equal(columns::Pairs(), model, random);
  check_equal(columns::Pairs(std::make_shared<const columns::Base>(std::vector<columns::Node>{}, std::vector<TermId>{})), model, random);
  model = {{5, make_id(TermTag::iri, 1)}};
  check_equal(columns::Pairs(std::make_shared<const columns::Base>(std::vector<columns::Node>{5}, std::vector<TermId>{make_id(TermTag::iri, 1)})), model, random);
}

TEST_CASE("the dictionary in memory finds every term both ways while it grows", "[columns]") {
  columns::TermTable table;
  std::vector<Bytes> terms;
  for (int i = 0; i < 5000; ++i) terms.push_back(Bytes(1, static_cast<char>(1 + i % 3)) + "term " + std::to_string(i) + Bytes(static_cast<std::size_t>(i % 40), 'x'));
  for (const Bytes& term : terms) {
    CHECK(table.find(term) == kNoTerm);
    table.append(term);
  }
  CHECK(table.size() == terms.size());
  for (std::size_t i = 0; i < terms.size(); ++i) {
    CHECK(table.encoded(i + 1) == terms[i]);
    CHECK(table.find(terms[i]) == table.id_of(i + 1));
    CHECK(payload_of(table.id_of(i + 1)) == i + 1);
  }
}

namespace {

// What a block of look-ups finds, each with the place of its look-up. Blocks are bounded, and come in the order of the look-ups.
std::vector<std::pair<std::uint32_t, TermId>> looked_up(const TripleSource& source, const LookUps& wanted) {
  std::vector<std::pair<std::uint32_t, TermId>> out;
  source.look_up(wanted, [&](std::span<const std::uint32_t> of, std::span<const TermId> found) {
    CHECK(of.size() == found.size());
    CHECK(!of.empty());
    CHECK(of.size() <= kFoundMax);
    for (std::size_t i = 0; i < of.size(); ++i) out.emplace_back(of[i], found[i]);
    return true;
  });
  CHECK(std::is_sorted(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.first < b.first; }));
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

TEST_CASE("columns give what the indexes on disk give, at every height that is kept", "[columns]") {
  std::mt19937_64 random(3);
  auto test = make_store("memory");
  TripleWriter writer(*test.store, make_term_cache(64));
  std::vector<Term> subjects, predicates, objects;
  for (int i = 0; i < 40; ++i) subjects.push_back(i % 7 == 0 ? Term::blank("b" + std::to_string(i)) : Term::iri("urn:s" + std::to_string(i)));
  for (int i = 0; i < 5; ++i) predicates.push_back(Term::iri("urn:p" + std::to_string(i)));
  for (int i = 0; i < 60; ++i) {
    objects.push_back(i % 3 == 0 ? decimal(std::to_string(i) + ".5") : i % 3 == 1 ? Term::typed(std::to_string(i), xsd::integer) : Term::literal("text number " + std::to_string(i)));
  }
  for (int i = 0; i < 10; ++i) objects.push_back(subjects[static_cast<std::size_t>(i)]);
  objects.push_back(decimal("0.1234567891"));

  const auto some_changes = [&](std::size_t count) {
    TripleChanges changes;
    for (std::size_t i = 0; i < count; ++i) {
      changes.push_back({{subjects[random() % subjects.size()], predicates[random() % predicates.size()], objects[random() % objects.size()]}, random() % 3 != 0});
    }
    return changes;
  };
  const auto write = [&](const TripleChanges& changes) {
    KvBatch batch;
    auto done = writer.encode(changes, batch);
    test.store->write(batch, true);
    return done;
  };
  write(some_changes(500));
  const auto store = std::make_shared<columns::Store>(*test.store, 10);

  std::vector<std::pair<std::shared_ptr<const KvReader>, std::shared_ptr<const columns::State>>> kept{{test.store->snapshot(), store->at(10)}};
  for (std::uint64_t height = 11; height < 40; ++height) {
    store->apply(height, write(some_changes(random() % 4 == 0 ? 3000 : 20)));
    kept.emplace_back(test.store->snapshot(), store->at(height));
  }
  CHECK(store->at(9) == nullptr);
  CHECK(store->at(40) == nullptr);

  using Found = std::set<std::array<TermId, 3>>;
  for (const auto& [reader, state] : kept) {
    const auto disk = make_triple_source(*reader, nullptr);
    const auto memory = columns::make_source(store, state);
    REQUIRE(memory->estimate({}) == triple_count(*reader));
    const auto all_of = [](const TripleSource& source, const TriplePattern& pattern) {
      Found found;
      source.scan(pattern, [&](TermId s, TermId p, TermId o) {
        CHECK(found.insert({s, p, o}).second);
        return true;
      });
      return found;
    };
    for (int round = 0; round < 5; ++round) {
      const TermId s = disk->find(subjects[random() % subjects.size()]), p = disk->find(predicates[random() % predicates.size()]),
                   o = disk->find(objects[random() % objects.size()]);
      for (int shape = 0; shape < 8; ++shape) {
        if ((shape & 1 && s == kNoTerm) || (shape & 2 && p == kNoTerm) || (shape & 4 && o == kNoTerm)) continue;
        const TriplePattern pattern{shape & 1 ? s : kNoTerm, shape & 2 ? p : kNoTerm, shape & 4 ? o : kNoTerm};
        REQUIRE(all_of(*memory, pattern) == all_of(*disk, pattern));
      }
      const Term low = decimal(std::to_string(random() % 30)), high = decimal(std::to_string(30 + random() % 30));
      for (const bool descending : {false, true}) {
        const auto numbers = [&](const TripleSource& source) {
          std::vector<std::pair<Term, TermId>> out;
          source.scan_range(p, {ValueRange::Kind::number, &low, &high, descending}, [&](TermId subject, TermId object) {
            out.emplace_back(source.term(object), subject);
            return true;
          });
          return out;
        };
        auto mine = numbers(*memory), theirs = numbers(*disk);
        const auto values = [](const auto& list) {
          std::vector<Term> out;
          for (const auto& [value, subject] : list) out.push_back(value);
          return out;
        };
        if (values(mine) != values(theirs)) {
          std::string a, b;
          for (auto& t : values(mine)) a += ntriples(t) + " ";
          for (auto& t : values(theirs)) b += ntriples(t) + " ";
          FAIL(descending << " " << a << "\n\n" << b);
        }
        std::sort(mine.begin(), mine.end());
        std::sort(theirs.begin(), theirs.end());
        REQUIRE(mine == theirs);
      }
    }
    for (const Term& predicate : predicates) {
      const TermId p = disk->find(predicate);
      const auto some_of = [&](const std::vector<Term>& terms) {
        std::vector<TermId> ids;
        for (const Term& term : terms) {
          if (const TermId id = disk->find(term); id != kNoTerm) ids.insert(ids.end(), random() % 4, id);
        }
        if (random() % 2 == 0) {
          std::sort(ids.begin(), ids.end());
        } else {
          std::shuffle(ids.begin(), ids.end(), random);
        }
        ids.push_back(make_id(TermTag::query, 5));
        // Below and above all that a column has.
        for (const TermId stranger : {make_id(TermTag::iri, 0), make_id(TermTag::iri, 1'000'000), make_id(TermTag::blank, 0), make_id(TermTag::blank, 1'000'000)}) {
          ids.insert(ids.begin() + static_cast<std::ptrdiff_t>(random() % ids.size()), stranger);
        }
        ids.insert(ids.begin() + static_cast<std::ptrdiff_t>(random() % ids.size()), kNoTerm);
        return ids;
      };
      std::vector<TermId> s = some_of(subjects), o = some_of(objects);
      CHECK(looked_up(*memory, {p, s, {}}) == looked_up(*disk, {p, s, {}}));
      CHECK(looked_up(*memory, {p, {}, o}) == looked_up(*disk, {p, {}, o}));
      CHECK(looked_up(*disk, {kNoTerm, s, {}}).empty());
      CHECK(looked_up(*memory, {kNoTerm, s, {}}).empty());
      s.resize(std::min(s.size(), o.size()));
      o.resize(s.size());
      CHECK(looked_up(*memory, {p, s, o}) == looked_up(*disk, {p, s, o}));
    }
    for (const Term& term : objects) CHECK(memory->find(term) == disk->find(term));
  }
}

TEST_CASE("a column of few objects that lie far apart", "[columns]") {
  auto test = make_store("memory");
  TripleWriter writer(*test.store, make_term_cache(64));
  KvBatch batch;
  writer.encode({{{Term::iri("urn:a"), Term::iri("urn:p"), Term::iri("urn:b")}, true},
                 {{Term::iri("urn:a"), Term::iri("urn:p"), Term::typed("2024-01-01T00:00:00Z", xsd::date_time)}, true}}, batch);
  test.store->write(batch, true);
  const auto store = std::make_shared<columns::Store>(*test.store, 1);
  const auto memory = columns::make_source(store, store->at(1));
  const TermId p = memory->find(Term::iri("urn:p"));
  for (const Term& object : {Term::iri("urn:b"), Term::typed("2024-01-01T00:00:00Z", xsd::date_time)}) {
    int found = 0;
    memory->scan({kNoTerm, p, memory->find(object)}, [&](TermId, TermId, TermId) { return ++found > 0; });
    CHECK(found == 1);
  }
}

TEST_CASE("look-ups in a column without changes, near to each other and far, in order and not", "[columns]") {
  std::mt19937_64 random(31);
  for (int history = 0; history < 20; ++history) {
    auto test = make_store("memory");
    TripleWriter writer(*test.store, make_term_cache(64));
    const Term predicate = Term::iri("urn:p"), other = Term::iri("urn:q");
    const std::size_t count = 1 + random() % 2'000, gap = 1 + random() % 20;   // of subjects; how many have no object on the way
    TripleChanges changes;
    std::vector<Term> subjects;
    for (std::size_t i = 0; i < count; ++i) {
      subjects.push_back(Term::iri("urn:s" + std::to_string(i)));
      changes.push_back({{subjects.back(), other, subjects.front()}, true});
      if (random() % gap != 0) continue;
      const std::size_t objects = random() % 50 == 0 ? 30 : 1 + random() % 3;
      for (std::size_t k = 0; k < objects; ++k) changes.push_back({{subjects.back(), predicate, Term::typed(std::to_string(k * 7 + i % 5), xsd::integer)}, true});
    }
    KvBatch batch;
    writer.encode(changes, batch);
    test.store->write(batch, true);
    const auto store = std::make_shared<columns::Store>(*test.store, 1);
    const auto memory = columns::make_source(store, store->at(1));
    const auto disk = make_triple_source(*test.store, nullptr);
    const TermId p = disk->find(predicate);
    for (int round = 0; round < 6; ++round) {
      std::vector<TermId> wanted;
      const std::size_t step = 1 + random() % (round % 2 == 0 ? 3 : 400);
      for (std::size_t i = random() % step; i < count; i += random() % (2 * step)) {   // 0: the same again
        wanted.push_back(disk->find(subjects[i]));
        if (wanted.size() > 5'000) break;
        if (random() % 60 == 0) wanted.push_back(random() % 2 == 0 ? kNoTerm : make_id(TermTag::iri, 1'000'000));
        if (random() % 60 == 0) i = random() % count;
      }
      CHECK(looked_up(*memory, {p, wanted, {}}) == looked_up(*disk, {p, wanted, {}}));
    }
  }
}

TEST_CASE("a large column is sorted while blocks go on, and nothing is lost", "[columns]") {
  auto test = make_store("memory");
  TripleWriter writer(*test.store, make_term_cache(64));
  const Term predicate = Term::iri("urn:p");
  std::uint64_t height = 1, next = 0;
  const auto add = [&](std::uint64_t count) {
    TripleChanges changes;
    for (std::uint64_t i = 0; i < count; ++i, ++next) changes.push_back({{Term::iri("urn:s" + std::to_string(next)), predicate, Term::typed(std::to_string(next % 997), xsd::integer)}, true});
    KvBatch batch;
    auto done = writer.encode(changes, batch);
    test.store->write(batch, true);
    return done;
  };
  add(20'000);
  const auto store = std::make_shared<columns::Store>(*test.store, height);
  // Until the thread of the store has sorted it, several times.
  std::set<const columns::Base*> bases;
  for (int block = 0; block < 2'000 && bases.size() < 3; ++block) {
    store->apply(height + 1, add(500));
    bases.insert(store->at(++height)->predicates.front().pairs->base());
  }
  CHECK(bases.size() >= 3);
  const auto disk = make_triple_source(*test.store, nullptr);
  const auto memory = columns::make_source(store, store->at(height));
  const auto all_of = [](const TripleSource& source) {
    std::vector<std::array<TermId, 3>> found;
    source.scan({}, [&](TermId s, TermId p, TermId o) {
      found.push_back({s, p, o});
      return true;
    });
    return found;
  };
  CHECK((all_of(*memory) == all_of(*disk)));
  CHECK(memory->estimate({}) == next);

  // Look-ups of many in a large column, near to each other and far, and those with many answers.
  const TermId p = disk->find(predicate);
  std::mt19937_64 random(5);
  for (const std::uint64_t step : {std::uint64_t{1}, std::uint64_t{13}, next / 50}) {
    std::vector<TermId> subjects, values;
    for (std::uint64_t i = random() % step; i < next && subjects.size() < 3'000; i += 1 + random() % (2 * step)) {
      subjects.push_back(disk->find(Term::iri("urn:s" + std::to_string(i))));
      values.push_back(disk->find(Term::typed(std::to_string(i % 997 + random() % 2), xsd::integer)));
    }
    CHECK(looked_up(*memory, {p, subjects, {}}) == looked_up(*disk, {p, subjects, {}}));
    CHECK(looked_up(*memory, {p, subjects, values}) == looked_up(*disk, {p, subjects, values}));
    values.resize(std::min<std::size_t>(values.size(), 20));
    CHECK(looked_up(*memory, {p, {}, values}) == looked_up(*disk, {p, {}, values}));
    std::size_t told = 0;
    memory->look_up({p, subjects, {}}, [&](std::span<const std::uint32_t> of, std::span<const TermId>) { return told += of.size(), false; });
    CHECK(told <= kFoundMax);
  }
}

TEST_CASE("subjects are found by the cells that they moved to", "[columns]") {
  std::mt19937_64 random(23);
  auto test = make_store("memory");
  TripleWriter writer(*test.store, make_term_cache(64));
  const Coordinates coordinates{Term::iri("urn:x"), Term::iri("urn:y")};
  std::vector<Term> numbers;
  for (int i = 0; i < 40; ++i) numbers.push_back(decimal(std::to_string(static_cast<int>(random() % 420) - 210) + "." + std::to_string(random() % 100)));
  numbers.push_back(Term::typed("1.5", xsd::double_));
  std::set<Triple> model;
  std::uint64_t height = 1;
  std::shared_ptr<columns::Store> store;
  for (int block = 0; block < 60; ++block, ++height) {
    TripleChanges changes;
    // The predicates come late, and one after the other.
    for (int i = 0; i < 40; ++i) {
      const Triple triple{Term::iri("urn:s" + std::to_string(random() % 60)), block < 3 ? Term::iri("urn:p") : block < 6 || random() % 2 == 0 ? coordinates.x : coordinates.y,
                          numbers[random() % numbers.size()]};
      const bool added = random() % 5 < 2;
      changes.push_back({triple, added});
      added ? void(model.insert(triple)) : void(model.erase(triple));
    }
    KvBatch batch;
    const auto done = writer.encode(changes, batch);
    test.store->write(batch, true);
    if (block == 0 || block == 40) {
      store = std::make_shared<columns::Store>(*test.store, height, coordinates);
    } else {
      store->apply(height, done);
    }
    const auto source = columns::make_source(store, store->at(height));
    Box box{source->find(coordinates.x), source->find(coordinates.y), {}, {}};
    for (int round = 0; round < 5; ++round) {
      const int west = static_cast<int>(random() % 440) - 220, south = static_cast<int>(random() % 440) - 220;
      const Term low_x = decimal(std::to_string(west) + ".5"), high_x = decimal(std::to_string(west + static_cast<int>(random() % 200)) + ".5");
      const Term low_y = decimal(std::to_string(south) + ".5"), high_y = decimal(std::to_string(south + static_cast<int>(random() % 200)) + ".5");
      box.x_range = {ValueRange::Kind::number, &low_x, &high_x, false};
      box.y_range = {ValueRange::Kind::number, &low_y, round == 0 ? nullptr : &high_y, false};
      std::set<std::pair<Term, Term>> found;
      const bool known = source->scan_box(box, [&](TermId s, TermId o) {
        CHECK(model.contains({source->term(s), coordinates.x, source->term(o)}));
        CHECK(found.emplace(source->term(s), source->term(o)).second);
        return true;
      });
      CHECK(source->count_box(box).has_value() == known);
      if (!known) CHECK(std::none_of(model.begin(), model.end(), [&](const Triple& t) { return t.predicate == coordinates.x; }));
      const auto within = [](const Term& value, const ValueRange& range) {
        const auto as_number = [](const Term& term) { return std::stod(term.value); };
        return (!range.low || as_number(value) >= as_number(*range.low)) && (!range.high || as_number(value) <= as_number(*range.high));
      };
      for (const Triple& x : model) {
        if (x.predicate != coordinates.x || !within(x.object, box.x_range)) continue;
        const bool lies = std::any_of(model.begin(), model.end(), [&](const Triple& y) { return y.subject == x.subject && y.predicate == coordinates.y && within(y.object, box.y_range); });
        if (lies) CHECK(found.contains({x.subject, x.object}));
      }
    }
  }
}

TEST_CASE("a ledger with columns answers as one without, after a restart too", "[columns]") {
  auto plain = make_store("memory"), served = make_store("memory");
  const auto reader = [](const Ledger& ledger) {
    std::set<Triple> all;
    const auto snapshot = ledger.snapshot();
    snapshot->triples().scan({}, [&](TermId s, TermId p, TermId o) {
      all.insert({snapshot->triples().term(s), snapshot->triples().term(p), snapshot->triples().term(o)});
      return true;
    });
    return all;
  };
  auto one = *Ledger::open(*plain.store, test_genesis(), test_genesis_state());
  auto two = *Ledger::open(*served.store, test_genesis(), test_genesis_state(), {.columns = true});
  for (int i = 0; i < 20; ++i) {
    {
      auto a = reader(*one), b = reader(*two);
      for (auto& t : a) if (!b.contains(t)) UNSCOPED_INFO("missing " << i << " " << ntriples(t));
      for (auto& t : b) if (!a.contains(t)) UNSCOPED_INFO("extra " << i << " " << ntriples(t));
      REQUIRE(a == b);
    }
    one->apply(next_block(*one->snapshot(), {}));
    two->apply(next_block(*two->snapshot(), {}));
  }
  two = *Ledger::open(*served.store, test_genesis(), test_genesis_state(), {.columns = true});
  CHECK(reader(*one) == reader(*two));
  CHECK_FALSE(reader(*two).empty());
}

TEST_CASE("a store serves from columns and from disk by turns", "[columns]") {
  const std::string kind = GENERATE(as<std::string>{}, "memory", "rocks");
  auto test = make_store(kind);
  bool columns = GENERATE(false, true);
  std::uint64_t triples = 0;
  for (int turn = 0; turn < 4; ++turn, columns = !columns) {
    const auto ledger = *Ledger::open(*test.store, test_genesis(), test_genesis_state(), {.columns = columns});
    CHECK(has_disk_indexes(*test.store) != columns);
    for (int block = 0; block < 3; ++block) ledger->apply(next_block(*ledger->snapshot(), {}));
    const auto snapshot = ledger->snapshot();
    const TripleSource& source = snapshot->triples();
    std::uint64_t count = 0;
    source.scan({}, [&](TermId s, TermId p, TermId o) {
      // Found by every way.
      for (const TriplePattern& pattern : {TriplePattern{s, p, o}, TriplePattern{kNoTerm, p, o}, TriplePattern{kNoTerm, kNoTerm, o}, TriplePattern{s, kNoTerm, o}}) {
        bool found = false;
        source.scan(pattern, [&](TermId s2, TermId p2, TermId o2) { return !(found = s == s2 && p == p2 && o == o2); });
        CHECK(found);
      }
      CHECK(source.find(source.term(s)) == s);
      return ++count > 0;
    });
    CHECK(count == source.estimate({}));
    CHECK(count > triples);
    triples = count;
    CHECK(check_store(*test.store) == std::vector<std::string>{});
    std::uint64_t indexed = 0;
    test.store->scan(Column::pos, {}, {}, [&](BytesView, BytesView) { return ++indexed > 0; });
    CHECK(indexed == (columns ? 0 : triples));
  }
}
