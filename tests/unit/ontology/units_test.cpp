#include "ontology/units.h"

#include <catch2/catch.hpp>
#include <map>

#include "ontology/vocabulary.h"

using namespace agiddi;
using namespace agiddi::ontology;

namespace {

const Unit& unit(std::string_view name) {
  const Unit* found = units().find(name);
  REQUIRE(found);
  return *found;
}

Rational number(std::string_view text) { return Rational::parse(text).value(); }

}  // namespace

TEST_CASE("a unit is found by IRI, prefixed name and UCUM code") {
  const Unit& celsius = unit("Cel");
  CHECK(celsius.iri == "http://qudt.org/vocab/unit/DEG_C");
  CHECK(&unit("http://qudt.org/vocab/unit/DEG_C") == &celsius);
  CHECK(&unit("unit:DEG_C") == &celsius);
  CHECK(unit("m/s").iri == unit("m.s-1").iri);
  for (const char* code : {"[degF]", "%", "hPa", "ug/m3", "[ppm]", "lx", "W/m2", "kW.h", "dB", "[pH]", "1", "deg"}) CHECK(units().find(code));
  for (const char* name : {"", "celsius", "cel", "unit:", "unit:CELSIUS", "http://qudt.org/vocab/unit/", "https://qudt.org/vocab/unit/DEG_C"}) {
    CHECK_FALSE(units().find(name));
  }
}

TEST_CASE("212 degrees Fahrenheit, 100 degrees Celsius and 373.15 kelvin are one value") {
  const Rational boiling = to_si(212, unit("[degF]"));
  CHECK(boiling == to_si(100, unit("Cel")));
  CHECK(boiling == number("373.15"));
  CHECK(si_text(boiling) == "373.15");
  CHECK(convert(212, unit("[degF]"), unit("Cel")).value() == Rational(100));
  CHECK(convert(-40, unit("Cel"), unit("[degF]")).value() == Rational(-40));
  CHECK(difference_to_si(9, unit("[degF]")) == Rational(5));
}

TEST_CASE("conversions are exact") {
  CHECK(convert(36, unit("km/h"), unit("m/s")).value() == Rational(10));
  CHECK(convert(1, unit("[kn_i]"), unit("km/h")).value() == number("1.852"));
  CHECK(convert(1013, unit("hPa"), unit("mbar")).value() == Rational(1013));
  CHECK(convert(1, unit("[in_i]"), unit("mm")).value() == number("25.4"));
  CHECK(convert(1, unit("kW.h"), unit("MJ")).value() == number("3.6"));
  CHECK(convert(5, unit("ug/m3"), unit("mg/m3")).value() == number("0.005"));
  CHECK(convert(12, unit("%"), unit("[ppm]")).value() == Rational(120000));
  CHECK(convert(1, unit("[psi]"), unit("Pa")).value() == number("44482216152605/6451600000"));
  CHECK(convert(90, unit("deg"), unit("gon")).value() == Rational(100));
}

TEST_CASE("units of different kinds do not convert, even with one dimension") {
  const std::pair<const char*, const char*> pairs[] = {{"Cel", "m"}, {"N.m", "J"}, {"deg", "%"}, {"dB", "dB{A}"}, {"W", "V.A"}, {"Hz", "Bq"}};
  for (const auto& [from, to] : pairs) {
    const auto result = convert(1, unit(from), unit(to));
    REQUIRE_FALSE(result);
    CHECK(result.error().status == Status::invalid);
  }
}

TEST_CASE("a value goes into the reference unit and back unchanged in every unit") {
  for (const Unit& each : units().all()) {
    const Rational value = number("-12.345");
    CHECK(convert(to_si(value, each), each, each).value() == to_si(value, each));
    CHECK((to_si(value, each) - each.offset) / each.multiplier == value);
  }
}

// Two declared values differ by at least 1 / (10^scale x common denominator of their units' factors); kSiDigits must resolve that.
TEST_CASE("the text of a reference value keeps any two different values of a kind apart") {
  std::map<std::string, BigInt> common;
  for (const Unit& each : units().all()) {
    if (each.name.starts_with("RAD")) continue;  // its multiplier is a rounded one, of 33 decimals
    BigInt& lcm = common.try_emplace(each.quantity_kind, 1).first->second;
    lcm = boost::multiprecision::lcm(lcm, each.multiplier.denominator());
    lcm = boost::multiprecision::lcm(lcm, each.offset.denominator());
  }
  constexpr int kScaleMax = 30;  // of a Decimal
  const BigInt resolved = boost::multiprecision::pow(BigInt(10), kSiDigits - kScaleMax);
  for (const auto& [kind, lcm] : common) {
    INFO(kind);
    CHECK(lcm < resolved);
  }
}

TEST_CASE("a value that is hardly above another keeps its order in the text") {
  const std::string boundary = si_text(to_si(number("0.1"), unit("[degF]")));
  CHECK(si_text(to_si(number("0.100000000000001"), unit("[degF]"))) != boundary);
  CHECK(number(si_text(to_si(number("0.100000000000001"), unit("[degF]")))) > number(boundary));
}

TEST_CASE("the table is well-formed") {
  CHECK(units().all().size() > 150);
  CHECK(units_digest().hex().size() == 64);
  CHECK(units().dimension_of_kind(std::string(ns::kQuantityKind) + "Temperature") == "A0E0L0I0M0H1T0D0");
  CHECK_FALSE(units().dimension_of_kind("http://example.org/kind"));
}
