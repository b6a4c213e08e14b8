#include <catch2/catch.hpp>
#include <set>

#include "ledger/term_id.h"
#include "tests/unit/ledger/support.h"

using namespace agiddi;
using namespace agiddi::ledger;
using agiddi::ledger::test::decimal;

namespace {

Term integer(std::string text) { return Term::typed(std::move(text), xsd::integer); }
Term time(std::string text) { return Term::typed(std::move(text), xsd::date_time); }

}  // namespace

TEST_CASE("small terms go into their id and come back byte for byte") {
  const std::vector<Term> terms = {
      Term::literal(""), Term::literal("a"), Term::literal("EUR"), Term::literal("1234567"), Term::literal(std::string("a\0b", 3)),
      Term::literal("\xc3\xa9\xc3\xa9\xc3\xa9"), Term::typed("true", xsd::boolean), Term::typed("false", xsd::boolean),
      integer("0"), integer("-1"), integer("42"), integer("576460752303423487"), integer("-576460752303423488"),
      decimal("0"), decimal("0.0"), decimal("0.50"), decimal("-0.5"), decimal("1500"), decimal("1500.00"), decimal("-273.15"), decimal("0.000001"),
      decimal("36028797018.963967"), decimal("-36028797018.963968"), decimal("0.0000694"), decimal("0.000069444"), decimal("-1.1234567"),
      decimal("36028797.018963967"), time("1970-01-01T00:00:00.000Z"), time("2026-01-31T08:00:00Z"), time("2026-01-31T08:00:00.5Z"),
      time("2026-01-31T08:00:00.05Z"), time("2026-01-31T08:00:00.000Z"), time("9999-12-31T23:59:59.999Z")};
  std::set<TermId> ids;
  for (const auto& term : terms) {
    INFO(ntriples(term));
    const TermId id = inline_id(term);
    REQUIRE(id != kNoTerm);
    CHECK(is_inline(id));
    CHECK(inline_term(id) == term);
    ids.insert(id);
  }
  CHECK(ids.size() == terms.size());
}

TEST_CASE("what would not come back exactly is not inlined") {
  for (const auto& term :
       {Term::iri("a"), Term::blank("a"), Term::literal("12345678"), Term::tagged("a", "en"), Term::typed("1", xsd::boolean), Term::typed("a", xsd::date),
        integer("+1"), integer("01"), integer("-0"), integer(""), integer("-"), integer("1.0"), integer(" 1"), integer("576460752303423488"),
        integer("99999999999999999999"), decimal("+1"), decimal("01"), decimal("00.5"), decimal(".5"), decimal("5."), decimal("-0"), decimal("-0.0"), decimal("1e3"),
        decimal("1.2.3"), decimal("-"), decimal(""), decimal("."), decimal("36028797018.963968"), decimal("36028797.018963968"),
        decimal("0.1234567891"), decimal("100000000000"), Term::typed("1.5", xsd::double_), Term::typed("1", "urn:mine"),
        time("2026-01-31T08:00:00+00:00"), time("2026-01-31T08:00:00.Z"), time("2026-01-31T08:00:00.0000Z"), time("2026-01-31t08:00:00Z"),
        time("2026-02-30T08:00:00Z"), time("2026-01-31T08:00:00"), time("1969-12-31T23:59:59Z"), time("2026-01-31T24:00:00Z"), time("yesterday")}) {
    INFO(ntriples(term));
    CHECK(inline_id(term) == kNoTerm);
  }
}

TEST_CASE("inline ids order like their values within a tag") {
  const auto ascending = [](const std::vector<Term>& terms) {
    for (std::size_t i = 1; i < terms.size(); ++i) {
      INFO(ntriples(terms[i - 1]) << " < " << ntriples(terms[i]));
      CHECK(tag_of(inline_id(terms[i - 1])) == tag_of(inline_id(terms[i])));
      CHECK(inline_id(terms[i - 1]) < inline_id(terms[i]));
    }
  };
  ascending({integer("-576460752303423488"), integer("-10"), integer("-9"), integer("0"), integer("1"), integer("576460752303423487")});
  ascending({decimal("-100.5"), decimal("-100"), decimal("-0.000001"), decimal("0"), decimal("0.000001"), decimal("9.99"), decimal("10"), decimal("10.5")});
  ascending({decimal("-0.0000002"), decimal("-0.0000001"), decimal("0.000000001"), decimal("0.0000001"), decimal("5.0000001")});
  ascending({Term::literal(""), Term::literal("A"), Term::literal("AB"), Term::literal("B"), Term::literal("a"), Term::literal("\xc3\xa9")});
  ascending({time("1970-01-01T00:00:00Z"), time("1999-12-31T23:59:59.999Z"), time("2000-01-01T00:00:00.000Z"), time("2026-06-01T00:00:00Z")});
  ascending({Term::typed("false", xsd::boolean), Term::typed("true", xsd::boolean)});
}

TEST_CASE("inline numbers compare across tags as numbers") {
  const std::vector<std::string> texts = {"-7", "-6.5", "-0.0000001", "0", "0.000000001", "0.5", "1", "1.0000001", "1.5", "2", "36028797018"};
  for (const auto& a : texts) {
    for (const auto& b : texts) {
      const auto id = [](const std::string& text) { return inline_id(text.find('.') == std::string::npos ? integer(text) : decimal(text)); };
      const Decimal x = *Decimal::parse(a), y = *Decimal::parse(b);
      INFO(a << " and " << b);
      CHECK((compare_inline(id(a), id(b)) == (x <=> y)));
      CHECK(*inline_number(id(a)) == x);
    }
  }
  CHECK((compare_inline(inline_id(decimal("5.00")), inline_id(integer("5"))) == std::strong_ordering::equal));
  CHECK(*inline_time(inline_id(time("1970-01-01T00:00:01.5Z"))) == 1500);
  CHECK(!inline_number(inline_id(Term::literal("5"))));
}

TEST_CASE("ranges of numbers are ranges of ids") {
  const auto contains = [](TermTag tag, const Term* low, const Term* high, const Term& value) {
    const auto range = inline_range(tag, low, high);
    const TermId id = inline_id(value);
    return range && id >= range->first && id <= range->second;
  };
  const Term half = decimal("0.5"), big = Term::typed("1e30", xsd::double_), fine = decimal("1.00000000000000001"), word = Term::literal("x");
  const Term minus = decimal("-0.5"), one = integer("1"), ten = Term::typed("1.0E1", xsd::double_);
  CHECK(!contains(TermTag::integer, &half, nullptr, integer("0")));
  CHECK(contains(TermTag::integer, &half, nullptr, integer("1")));
  CHECK(contains(TermTag::integer, &minus, nullptr, integer("0")));
  CHECK(!contains(TermTag::integer, &minus, nullptr, integer("-1")));
  CHECK(contains(TermTag::integer, nullptr, &minus, integer("-1")));
  CHECK(!contains(TermTag::integer, nullptr, &minus, integer("0")));
  CHECK(contains(TermTag::decimal6, &half, &half, decimal("0.50")));
  CHECK(contains(TermTag::decimal6, &one, &ten, decimal("10.000000")));
  CHECK(!contains(TermTag::decimal6, &one, &ten, decimal("10.000001")));
  CHECK(!contains(TermTag::decimal6, &fine, nullptr, decimal("1")));
  CHECK(contains(TermTag::decimal6, nullptr, &fine, decimal("1")));
  CHECK(contains(TermTag::decimal9, &half, nullptr, decimal("0.5000001")));
  CHECK(!inline_range(TermTag::integer, &big, nullptr));
  CHECK(contains(TermTag::integer, nullptr, &big, integer("576460752303423487")));
  CHECK(!inline_range(TermTag::decimal6, &one, &half));
  CHECK(contains(TermTag::decimal6, &word, nullptr, decimal("-5")));
}

TEST_CASE("canonical N-Triples") {
  CHECK(ntriples(Term::iri("urn:a")) == "<urn:a>");
  CHECK(ntriples(Term::blank("b1")) == "_:b1");
  CHECK(ntriples(Term::literal("a\"b\\c\nd\te\x01\x7f")) == "\"a\\\"b\\\\c\\nd\\te\\u0001\\u007F\"");
  CHECK(ntriples(Term::tagged("x", "EN-gb")) == "\"x\"@en-gb");
  CHECK(ntriples(Term::typed("x", xsd::string)) == "\"x\"");
  CHECK(ntriples(integer("5")) == "\"5\"^^<http://www.w3.org/2001/XMLSchema#integer>");
  CHECK(ntriples(Triple{Term::iri("s"), Term::iri("p"), Term::literal("o")}) == "<s> <p> \"o\" .");
}
