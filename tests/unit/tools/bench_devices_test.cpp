// The devices of the discovery benchmark: the same from the same seed, with the distributions that its queries rest on, and valid in both forms.
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <map>
#include <set>

#include "ontology/device.h"
#include "protocol/crypto/crypto.h"
#include "tools/benchmark/devices/own_form.h"
#include "tools/benchmark/devices/peer_form.h"
#include "tools/benchmark/discovery/rows.h"

using namespace agiddi;
using namespace agiddi::tools;
using ledger::Term;

namespace {

std::string text_of(const GeneratedDevice& device) {
  std::string text;
  for (const ledger::Triple& triple : peer_triples(device)) text += ledger::ntriples(triple) + "\n";
  return text;
}

double number(std::string_view text) { return std::stod(std::string(text)); }

}  // namespace

TEST_CASE("devices follow from seed, count and index alone") {
  const DeviceGenerator one(7, 1000), same(7, 1000), other(8, 1000);
  const std::string late = text_of(one.device(900));
  CHECK(text_of(one.device(3)) == text_of(same.device(3)));
  CHECK(text_of(same.device(900)) == late);
  CHECK(text_of(other.device(3)) != text_of(one.device(3)));
}

TEST_CASE("a small world has the device that is asked for by number and price, once") {
  for (const std::uint64_t count : {1u, 50u, 5678u, 5679u, 6000u}) {
    const DeviceGenerator generator(1, count);
    std::set<std::uint64_t> numbers;
    for (std::uint64_t i = 0; i < count; ++i) {
      const GeneratedDevice device = generator.device(i);
      numbers.insert(device.number);
      if (device.number == kKnownDevice) CHECK(number(device.cost_per_minute) < 0.02);
    }
    CHECK(numbers.size() == count);
    CHECK(numbers.count(kKnownDevice) == 1);
  }
}

TEST_CASE("the distributions are those that the queries rest on") {
  constexpr std::uint64_t kCount = 40'000;
  const DeviceGenerator generator(1, kCount);
  double triples = 0, hot = 0, below_5 = 0, below_cent = 0, near_paris = 0;
  std::set<std::string_view> units, properties;
  std::map<std::uint64_t, int> of_provider;
  for (std::uint64_t i = 0; i < kCount; ++i) {
    const GeneratedDevice device = generator.device(i);
    triples += static_cast<double>(peer_triples(device).size());
    ++of_provider[device.provider];
    const double cost = number(device.cost_per_minute);
    REQUIRE(cost > 0);
    below_5 += cost < 5;
    below_cent += cost < 0.02;
    near_paris += number(device.latitude) > 48.7667 && number(device.latitude) < 48.9465 && number(device.longitude) > 2.2155 && number(device.longitude) < 2.4889;
    for (const GeneratedSensor& sensor : device.sensors) {
      units.insert(sensor.unit->qudt);
      properties.insert(sensor.kind->property);
      hot += sensor.kind->peer_property == "Temperature" && number(sensor.range.max) > 100 && cost < 5;
      REQUIRE(number(sensor.range.min) < number(sensor.range.max));
    }
  }
  CHECK(triples / kCount == Approx(23.35).margin(0.15));
  CHECK(units.size() == 17);
  CHECK(properties.size() == 22);
  CHECK(hot / kCount == Approx(0.16).margin(0.02));
  CHECK(below_5 / kCount == Approx(0.85).margin(0.01));
  CHECK(below_cent >= 1);
  CHECK(below_cent <= 10);
  CHECK(near_paris / kCount == Approx(0.019).margin(0.008));
  CHECK(of_provider[0] > 10 * of_provider[40]);
  CHECK(of_provider[40] > 20);
}

TEST_CASE("cells are geohashes") {
  CHECK(geohash(48.8566, 2.3522, 6) == "u09tvw");
  CHECK(geohash(57.64911, 10.40744, 11) == "u4pruydqqvj");
  CHECK(geohash(-90, -180, 3) == "000");
}

TEST_CASE("each description is a valid registration, in documents of one provider") {
  crypto_init();
  const DeviceGenerator generator(3, 700);
  ontology::DeviceContext context;
  context.members = {"node-1", "node-2"};
  context.signer = "did:key:z6MktN4UkkMtw4zkbMURt6PJeH9LCwWNN6LG5qpg33NiksXQ";
  std::set<std::string> names;
  std::size_t documents = 0;
  each_registration(generator, context.members, 100, [&](std::uint64_t, std::size_t count, const Json& body) {
    const auto parsed = ontology::parse_registration(body, context);
    INFO(body.dump().substr(0, 300) << (parsed ? "" : parsed.error().detail));
    REQUIRE(parsed.has_value());
    CHECK(parsed->size() == count);
    CHECK(count <= 100);
    for (const auto& device : *parsed) names.insert(device.name);
    ++documents;
    return true;
  });
  CHECK(names.size() == 700);
  CHECK(documents >= 7);
}

TEST_CASE("rows of different engines agree by value") {
  const auto decimal = [](const char* text) { return canonical(Term::typed(text, ledger::xsd::decimal)); };
  CHECK(decimal("5.50") == decimal("5.5"));
  CHECK(decimal("5") == canonical(Term::typed("5", ledger::xsd::integer)));
  CHECK(decimal("5") != canonical(Term::literal("5")));
  CHECK(canonical(Term::typed("2024-10-01T00:00:00Z", ledger::xsd::date_time)) == canonical(Term::typed("2024-10-01T02:00:00.000+02:00", ledger::xsd::date_time)));
  CHECK(canonical(std::nullopt).empty());

  ontology::sparql::QueryResult result;
  result.rows = {{Term::iri("urn:b"), Term::typed("1.50", ledger::xsd::decimal), std::nullopt}, {Term::iri("urn:a"), Term::literal("x y"), Term::literal("z")}};
  const std::string path = Catch::getResultCapture().getCurrentTestName() + ".rows";
  std::ofstream(path) << "Iurn:a\tL|x y\tL|z\nIurn:b\tL" << ledger::xsd::decimal << "|1.5\t\n";
  CHECK(digest_of(result) == digest_of_rows_file(path));
  std::ofstream(path) << "Iurn:a\tL|x y\tL|z\nIurn:b\tL" << ledger::xsd::decimal << "|1.6\t\n";
  CHECK(digest_of(result).hash != digest_of_rows_file(path).hash);
  std::remove(path.c_str());
}
