#include "ontology/vocabulary.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "ontology/units.h"

using namespace agiddi::ontology;

TEST_CASE("device types are found by name, prefixed name and IRI") {
  const DeviceType* station = vocabulary().device_type("WeatherStation");
  REQUIRE(station);
  CHECK(station->iri == "https://w3id.org/agiddi/ontology#WeatherStation");
  CHECK(station->label == "weather station");
  CHECK(station->ancestors == std::vector<std::string>{"https://w3id.org/agiddi/ontology#Device"});
  CHECK(vocabulary().device_type("agiddi:WeatherStation") == station);
  CHECK(vocabulary().device_type(station->iri) == station);
  for (const char* name : {"", "weatherstation", "Temperature", "Payment", "sosa:Platform", "http://example.org/WeatherStation"}) {
    CHECK_FALSE(vocabulary().device_type(name));
  }
  CHECK(vocabulary().device_types().size() >= 20);
}

TEST_CASE("observable properties know the more general ones and their quantity kinds") {
  const ObservedProperty* air = vocabulary().observed_property("AirTemperature");
  REQUIRE(air);
  CHECK(air->ancestors == std::vector<std::string>{"https://w3id.org/agiddi/ontology#Temperature"});
  CHECK(air->quantity_kinds == std::vector<std::string>{"http://qudt.org/vocab/quantitykind/Temperature"});
  const ObservedProperty* gust = vocabulary().observed_property("WindGust");
  REQUIRE(gust);
  CHECK(gust->ancestors.size() == 2);
  CHECK(gust->ancestors.front().ends_with("#WindSpeed"));
  CHECK_FALSE(vocabulary().observed_property("WeatherStation"));
  CHECK(vocabulary().observed_properties().size() >= 40);
}

TEST_CASE("every observable property has a unit in the table, a label and a comment") {
  for (const auto& [iri, property] : vocabulary().observed_properties()) {
    INFO(iri);
    CHECK_FALSE(property.label.empty());
    CHECK_FALSE(property.comment.empty());
    CHECK(std::any_of(property.quantity_kinds.begin(), property.quantity_kinds.end(),
                      [](const std::string& kind) { return units().dimension_of_kind(kind).has_value(); }));
  }
}

TEST_CASE("IRIs are shortened with known prefixes only where that is safe") {
  CHECK(compact_iri("https://w3id.org/agiddi/ontology#PM2_5") == "agiddi:PM2_5");
  CHECK(compact_iri("http://qudt.org/vocab/unit/M-PER-SEC") == "unit:M-PER-SEC");
  CHECK(compact_iri("https://w3id.org/agiddi/ontology#a/b") == "<https://w3id.org/agiddi/ontology#a/b>");
  CHECK(compact_iri("http://example.org/x") == "<http://example.org/x>");
}

TEST_CASE("a full IRI has a scheme and no forbidden character") {
  for (const char* text : {"http://example.org/v#Flux", "https://example.org/ü", "urn:example:flux", "did:key:z6Mk", "tag:a@example.org,2026:x"}) {
    CHECK(is_full_iri(text));
  }
  for (const char* text : {"", "Temperature", "sosa:Sensor", "http://", "http:", "://x", "http://a b", "http://a>b", "http://a\"b", "1http://a", "urn:",
                           "javascript:alert(1)", "http://a\nb", "http://a\\b"}) {
    CHECK_FALSE(is_full_iri(text));
  }
  CHECK_FALSE(is_full_iri("http://example.org/" + std::string(600, 'x')));
}
