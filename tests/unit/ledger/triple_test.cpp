#include <catch2/catch.hpp>
#include <set>

#include "ledger/check_store.h"
#include "ledger/disk_indexes.h"
#include "ledger/layout.h"
#include "ledger/star.h"
#include "ledger/term_id.h"
#include "tests/unit/ledger/support.h"

using namespace agiddi;
using namespace agiddi::ledger;
using namespace agiddi::ledger::test;

namespace {

std::vector<Term> object_pool() {
  return {Term::iri("urn:o1"), Term::iri("urn:s1"), Term::blank("x"), Term::literal("short"), Term::literal("a literal that is long"),
          Term::tagged("a literal that is long", "en"), Term::tagged("short", "fr"), decimal("1.5"), decimal("1.50"), decimal("-3.25"),
          Term::typed("7", xsd::integer), Term::typed("1.5", xsd::double_), Term::typed("true", xsd::boolean),
          Term::typed("2026-01-31T08:00:00.000Z", xsd::date_time), Term::typed("2026-01-31T08:00:00+01:00", xsd::date_time), Term::iri("urn:p1")};
}

std::set<Triple> scan(const TripleSource& source, const TriplePattern& pattern) {
  std::set<Triple> found;
  source.scan(pattern, [&](TermId s, TermId p, TermId o) {
    CHECK(found.insert({source.term(s), source.term(p), source.term(o)}).second);
    return true;
  });
  return found;
}

void apply(KvStore& store, TripleWriter& writer, const TripleChanges& changes) {
  KvBatch batch;
  writer.encode(changes, batch);
  store.write(batch, true);
}

// Every triple store finding of check_store; the chain is not there in these tests.
std::vector<std::string> triple_findings(const KvReader& reader) {
  std::vector<std::string> findings;
  for (auto& finding : check_store(reader)) {
    if (finding.find("block") == std::string::npos && finding.find("accumulator") == std::string::npos) findings.push_back(finding);
  }
  return findings;
}

}  // namespace

TEST_CASE("all eight shapes of a pattern find what brute force finds") {
  const auto kind = GENERATE(as<std::string>(), "memory", "rocks");
  const bool cached = GENERATE(true, false);
  INFO(kind << (cached ? " with" : " without") << " a cache");
  auto test = make_store(kind);
  auto cache = make_term_cache(8);  // so small that terms push each other out
  TripleWriter writer(*test.store, cache);
  std::mt19937_64 random(11);
  const auto objects = object_pool();
  std::vector<Term> subjects, predicates;
  for (int i = 0; i < 6; ++i) subjects.push_back(Term::iri("urn:s" + std::to_string(i)));
  subjects.push_back(Term::blank("x"));
  for (int i = 0; i < 4; ++i) predicates.push_back(Term::iri("urn:p" + std::to_string(i)));

  std::set<Triple> model;
  for (int block = 0; block < 12; ++block) {
    TripleChanges changes;
    for (int i = 0; i < 30; ++i) {
      const Triple triple{subjects[random() % subjects.size()], predicates[random() % predicates.size()], objects[random() % objects.size()]};
      const bool added = random() % 3 != 0;
      changes.push_back({triple, added});
      if (added) {
        model.insert(triple);
      } else {
        model.erase(triple);
      }
    }
    apply(*test.store, writer, changes);

    const auto snapshot = test.store->snapshot();
    const auto source = make_triple_source(*snapshot, cached ? cache : nullptr);
    REQUIRE(triple_count(*snapshot) == model.size());
    for (int round = 0; round < 6; ++round) {
      const Triple wanted{subjects[random() % subjects.size()], predicates[random() % predicates.size()], objects[random() % objects.size()]};
      const TermId s = source->find(wanted.subject), p = source->find(wanted.predicate), o = source->find(wanted.object);
      for (int shape = 0; shape < 8; ++shape) {
        if ((shape & 1 && s == kNoTerm) || (shape & 2 && p == kNoTerm) || (shape & 4 && o == kNoTerm)) continue;
        std::set<Triple> expected;
        for (const auto& triple : model) {
          if ((!(shape & 1) || triple.subject == wanted.subject) && (!(shape & 2) || triple.predicate == wanted.predicate) &&
              (!(shape & 4) || triple.object == wanted.object)) {
            expected.insert(triple);
          }
        }
        const TriplePattern pattern{shape & 1 ? s : kNoTerm, shape & 2 ? p : kNoTerm, shape & 4 ? o : kNoTerm};
        INFO("shape " << shape << " of " << ntriples(wanted));
        REQUIRE(scan(*source, pattern) == expected);
        REQUIRE(source->estimate(pattern) == expected.size());
      }
    }
  }
  CHECK(triple_findings(*test.store).empty());
  CHECK(make_triple_source(*test.store, cache)->find(Term::iri("urn:never seen")) == kNoTerm);
}

TEST_CASE("the changes of a block apply in order, the last one of a triple wins") {
  auto store = make_memory_store();
  TripleWriter writer(*store, make_term_cache(64));
  const Triple a{Term::iri("s"), Term::iri("p"), Term::literal("a")}, b{Term::iri("s"), Term::iri("p"), Term::literal("b")};
  apply(*store, writer, {{a, true}, {a, false}, {b, false}, {b, true}, {b, true}});
  const auto source = make_triple_source(*store, nullptr);
  CHECK(scan(*source, {}) == std::set<Triple>{b});
  apply(*store, writer, {{b, false}, {b, true}, {a, false}});
  CHECK(scan(*source, {}) == std::set<Triple>{b});
  apply(*store, writer, {{b, false}});
  CHECK(scan(*source, {}).empty());
  CHECK(triple_count(*store) == 0);
  CHECK(triple_findings(*store).empty());
}

TEST_CASE("a source is pinned to its snapshot and does not know later terms, whatever the cache has seen") {
  auto store = make_memory_store();
  auto cache = make_term_cache(64);
  TripleWriter writer(*store, cache);
  apply(*store, writer, {{{Term::iri("s1"), Term::iri("p"), Term::iri("o1")}, true}});
  const auto snapshot = store->snapshot();
  const auto before = make_triple_source(*snapshot, cache);
  apply(*store, writer, {{{Term::iri("s2"), Term::iri("p"), Term::iri("o2")}, true}});
  CHECK(before->find(Term::iri("s2")) == kNoTerm);
  CHECK(scan(*before, {}).size() == 1);
  const auto after = make_triple_source(*store, cache);
  CHECK(after->find(Term::iri("s2")) != kNoTerm);
  CHECK(after->find(Term::iri("s1")) == before->find(Term::iri("s1")));
}

TEST_CASE("ids go on after a restart") {
  TempFolder folder;
  for (int run = 0; run < 3; ++run) {
    auto store = open_rocks_store(folder.path());
    REQUIRE(store);
    TripleWriter writer(**store, make_term_cache(64));
    apply(**store, writer, {{{Term::iri("s" + std::to_string(run)), Term::iri("p"), Term::literal("a common literal")}, true}});
    CHECK(triple_count(**store) == static_cast<std::uint64_t>(run) + 1);
    CHECK(triple_findings(**store).empty());
  }
}

TEST_CASE("number ranges come in the order of their values, then what has no inline value") {
  const auto kind = GENERATE(as<std::string>(), "memory", "rocks");
  INFO(kind);
  auto test = make_store(kind);
  TripleWriter writer(*test.store, make_term_cache(1024));
  std::mt19937_64 random(5);
  const Term predicate = Term::iri("urn:cost"), other = Term::iri("urn:other");
  TripleChanges changes;
  std::vector<std::pair<Term, Term>> numbers;  // subject, object
  std::set<std::pair<Term, Term>> rest;
  const auto add = [&](const Term& object, bool number) {
    const Term subject = Term::iri("urn:d" + std::to_string(changes.size()));
    changes.push_back({{subject, predicate, object}, true});
    if (number) {
      numbers.emplace_back(subject, object);
    } else {
      rest.emplace(subject, object);
    }
  };
  for (int i = 0; i < 400; ++i) {
    const std::int64_t value = static_cast<std::int64_t>(random() % 2000) - 1000;
    switch (random() % 3) {
      case 0: add(Term::typed(std::to_string(value), xsd::integer), true); break;
      case 1: add(decimal(Decimal(value, 2).text()), true); break;
      default: add(decimal(Decimal(value * 10'000'000 + 1, 9).text()), true);
    }
  }
  add(Term::typed("2.5", xsd::double_), false);
  add(decimal("1.00000000000001"), false);
  add(Term::typed("99999999999999999999", xsd::integer), false);
  for (const auto& skipped : {Term::literal("5"), Term::iri("urn:x"), Term::typed("true", xsd::boolean), Term::blank("b")}) {
    changes.push_back({{Term::iri("urn:d"), predicate, skipped}, true});  // no numbers, and inline or no literals
  }
  changes.push_back({{Term::iri("urn:d"), other, decimal("1")}, true});
  apply(*test.store, writer, changes);
  const auto source = make_triple_source(*test.store, make_term_cache(64));

  const std::vector<std::optional<Term>> bounds = {std::nullopt, decimal("-5"), decimal("0.01"), Term::typed("3", xsd::integer), decimal("-2000"),
                                                   decimal("5000.5"), decimal("1.00000000000001"), Term::typed("1.5E0", xsd::double_), decimal("0")};
  const auto value_of = [](const Term& term) { return *Decimal::parse(term.value); };
  for (const auto& low : bounds) {
    for (const auto& high : bounds) {
      for (const bool descending : {false, true}) {
        INFO((low ? low->value : "-") << " to " << (high ? high->value : "-") << (descending ? " descending" : ""));
        std::set<std::pair<Term, Term>> expected, found, found_rest;
        for (const auto& [subject, object] : numbers) {
          const Decimal value = value_of(object);
          if ((!low || value_of(*low) <= value) && (!high || value <= value_of(*high))) expected.emplace(subject, object);
        }
        std::optional<Decimal> last;
        source->scan_range(source->find(predicate), {ValueRange::Kind::number, low ? &*low : nullptr, high ? &*high : nullptr, descending}, [&](TermId s, TermId o) {
          if (is_inline(o)) {
            CHECK(found_rest.empty());
            const Decimal value = *inline_number(o);
            if (last) CHECK((descending ? value <= *last : value >= *last));
            last = value;
            found.emplace(source->term(s), source->term(o));
          } else {
            found_rest.emplace(source->term(s), source->term(o));
          }
          return true;
        });
        REQUIRE(found == expected);
        REQUIRE(found_rest == rest);
      }
    }
  }
  int seen = 0;
  source->scan_range(source->find(predicate), {}, [&](TermId, TermId) { return ++seen < 100; });
  CHECK(seen == 100);
}

TEST_CASE("estimates of long runs are close enough to plan by") {
  auto store = make_memory_store();
  TripleWriter writer(*store, make_term_cache(1024));
  TripleChanges changes;
  std::mt19937_64 random(3);
  std::uint64_t common = 0;
  for (int i = 0; i < 5000; ++i) {
    const Term subject = Term::iri("urn:d" + std::to_string(i));
    changes.push_back({{subject, Term::iri("urn:name"), Term::literal("device number " + std::to_string(i))}, true});
    changes.push_back({{subject, Term::iri("urn:type"), Term::iri("urn:Device")}, true});
    if (random() % 4 == 0) {
      changes.push_back({{subject, Term::iri("urn:observes"), Term::iri("urn:Temperature")}, true});
      ++common;
    }
  }
  apply(*store, writer, changes);
  const auto source = make_triple_source(*store, nullptr);
  const TermId type = source->find(Term::iri("urn:type")), observes = source->find(Term::iri("urn:observes"));
  const TermId device = source->find(Term::iri("urn:Device")), temperature = source->find(Term::iri("urn:Temperature"));
  CHECK(source->estimate({}) == changes.size());
  CHECK(source->estimate({kNoTerm, type, kNoTerm}) == 5000);
  CHECK(source->estimate({kNoTerm, observes, kNoTerm}) == common);
  const auto near = [](std::uint64_t estimate, std::uint64_t truth) { return estimate > truth / 2 && estimate < truth * 2; };
  CHECK(near(source->estimate({kNoTerm, type, device}), 5000));
  CHECK(near(source->estimate({kNoTerm, kNoTerm, device}), 5000));
  CHECK(near(source->estimate({kNoTerm, observes, temperature}), common));
  CHECK(source->estimate({kNoTerm, observes, device}) == 0);
  CHECK(source->estimate({source->find(Term::iri("urn:d7")), kNoTerm, kNoTerm}) >= 2);
}

TEST_CASE("a source in memory holds its triples") {
  const Triple triple{Term::iri("s"), Term::iri("p"), Term::literal("a literal that is long")};
  const auto source = make_memory_triples({triple, triple});
  CHECK(scan(*source, {}) == std::set<Triple>{triple});
  CHECK(scan(*source, {source->find(triple.subject), kNoTerm, source->find(triple.object)}) == std::set<Triple>{triple});
  CHECK(make_memory_triples({})->estimate({}) == 0);
}

TEST_CASE("a star comes back as it was packed") {
  std::mt19937_64 random(11);
  for (int round = 0; round < 2000; ++round) {
    Star star;
    for (std::uint64_t i = random() % 12; i > 0; --i) {
      const auto tag = static_cast<TermTag>(1 + random() % 9);
      // Numbers of all sizes, and those around nought and the ends.
      std::uint64_t number = random() >> (random() % 64);
      if (random() % 4 == 0) number = (std::uint64_t{1} << 59) + random() % 5 - 2;
      if (random() % 8 == 0) number = kPayloadMask - random() % 2;
      star.push_back({make_id(TermTag::iri, 1 + random() % 300), make_id(tag, number)});
    }
    std::sort(star.begin(), star.end());
    star.erase(std::unique(star.begin(), star.end()), star.end());
    const Bytes packed = pack_star(star);
    Star back;
    StarWalk at(packed);
    while (at.next()) back.push_back(at.here());
    CHECK_FALSE(at.damaged());
    CHECK(back == star);
    if (packed.empty()) continue;
    // Damage: never more than what it holds, and never an endless walk.
    Bytes damaged = packed;
    damaged[random() % damaged.size()] ^= static_cast<char>(1 << random() % 8);
    StarWalk wrong(BytesView(damaged).substr(0, 1 + random() % damaged.size()));
    std::size_t steps = 0;
    while (wrong.next()) ++steps;
    CHECK(steps <= damaged.size() / 2);
  }
}

TEST_CASE("a star that is not in order, or holds something twice, is damaged") {
  const TermId p = make_id(TermTag::iri, 1), q = make_id(TermTag::iri, 2), o = make_id(TermTag::iri, 3), r = make_id(TermTag::iri, 4);
  for (const Star& star : {Star{{q, o}, {p, o}}, Star{{p, r}, {p, o}}, Star{{p, o}, {p, o}}}) {
    const Bytes packed = pack_star(star);
    StarWalk at(packed);
    CHECK(at.next());
    CHECK_FALSE(at.next());
    CHECK(at.damaged());
  }
}

TEST_CASE("a small change of a star leaves the rest") {
  auto store = make_memory_store();
  TripleWriter writer(*store, make_term_cache(64));
  const Term s = Term::iri("urn:s"), p = Term::iri("urn:p"), q = Term::iri("urn:q");
  const auto value = [](int n) { return Term::typed(std::to_string(n), xsd::integer); };
  apply(*store, writer, {{{s, p, value(1)}, true}, {{s, p, value(3)}, true}, {{s, q, value(-5)}, true}});
  apply(*store, writer, {{{s, p, value(2)}, true}, {{s, p, value(3)}, false}, {{s, p, value(9)}, false}, {{s, q, value(-5)}, true}});
  const auto source = make_triple_source(*store, nullptr);
  CHECK(scan(*source, {}) == std::set<Triple>{{s, p, value(1)}, {s, p, value(2)}, {s, q, value(-5)}});
  CHECK(triple_count(*store) == 3);
  apply(*store, writer, {{{s, p, value(1)}, false}, {{s, p, value(2)}, false}, {{s, q, value(-5)}, false}});
  std::size_t stars = 0;
  store->scan(Column::stars, {}, {}, [&](BytesView, BytesView) { return ++stars > 0; });
  CHECK(stars == 0);
  CHECK(triple_findings(*store).empty());
}

TEST_CASE("check_store tells of stars that cannot be, and goes on") {
  const auto [key, packed] = GENERATE(as<std::pair<Bytes, Bytes>>{}, std::pair(Bytes(7, 'k'), pack_star({{make_id(TermTag::iri, 2), make_id(TermTag::iri, 1)}})),
                                      std::pair(layout::u64(make_id(TermTag::iri, 77)), pack_star({{make_id(TermTag::iri, 2), make_id(TermTag::iri, 1)}})),
                                      std::pair(layout::u64(make_id(TermTag::iri, std::uint64_t{1} << 50)), pack_star({{make_id(TermTag::iri, 2), make_id(TermTag::iri, 1)}})),
                                      std::pair(layout::u64(make_id(TermTag::iri, 1)), pack_star({{make_id(TermTag::iri, 99), make_id(TermTag::iri, 1)}})),
                                      std::pair(layout::u64(make_id(TermTag::iri, 1)), Bytes("\x01\xf1\x01")), std::pair(layout::u64(make_id(TermTag::iri, 1)), Bytes()));
  auto store = make_memory_store();
  TripleWriter writer(*store, make_term_cache(64));
  apply(*store, writer, {{{Term::iri("s"), Term::iri("p"), Term::iri("o")}, true}});
  store->write({{Column::stars, key, packed}}, true);
  const TripleRules rules{[](const KvReader&, const std::function<void(const Triple&)>& visit) { visit({Term::iri("s"), Term::iri("p"), Term::iri("o")}); },
                          [](const Term&) { return false; }};
  CHECK(!check_store(*store, rules).empty());
  CHECK(!triple_findings(*store).empty());
}

TEST_CASE("check_store sees a missing index entry") {
  const auto column = GENERATE(Column::stars, Column::pos, Column::terms);
  auto store = make_memory_store();
  keep_disk_indexes(*store, true);
  TripleWriter writer(*store, make_term_cache(64));
  apply(*store, writer, {{{Term::iri("s"), Term::iri("p"), Term::iri("o")}, true}, {{Term::iri("s"), Term::iri("p"), Term::iri("o2")}, true}});
  REQUIRE(triple_findings(*store).empty());
  Bytes first;
  store->scan(column, {}, {}, [&](BytesView key, BytesView) {
    first = Bytes(key);
    return false;
  });
  store->write({{column, first, std::nullopt}}, true);
  CHECK(!triple_findings(*store).empty());
}
