#include "ontology/metadata.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "fixture.h"
#include "ontology/rdf_io.h"
#include "ontology/vocabulary.h"

using namespace agiddi;
using namespace agiddi::ontology;
using namespace agiddi::ontology::test;

namespace {

const std::string kUrn = "urn:agiddi:device:" + std::string(64, 'a');

bool holds(const Triples& triples, const std::string& line) {
  return std::any_of(triples.begin(), triples.end(), [&](const ledger::Triple& triple) { return ledger::ntriples(triple) == line; });
}

// The expected text with the long values put in.
std::string filled(std::string text) {
  const std::pair<std::string, std::string> values[] = {{"<URN", "<" + kUrn}, {"PROVIDER", kProvider}, {":TX", ":" + identity().transaction.hex()},
                                                        {"DIGEST", sealed_digest(device().sealed).hex()}};
  for (const auto& [mark, value] : values) {
    for (auto place = text.find(mark); place != text.npos; place = text.find(mark, place + value.size())) text.replace(place, mark.size(), value);
  }
  return text;
}

bool mentions(const Triples& triples, const std::string& text) { return write_ntriples(triples).find(text) != std::string::npos; }

}  // namespace

TEST_CASE("the triples of a device") {
  const Triples triples = device_triples(device(), identity());
  CHECK(write_turtle(triples) == filled(R"(@prefix agiddi: <https://w3id.org/agiddi/ontology#> .
@prefix geo: <http://www.w3.org/2003/01/geo/wgs84_pos#> .
@prefix prov: <http://www.w3.org/ns/prov#> .
@prefix quantitykind: <http://qudt.org/vocab/quantitykind/> .
@prefix qudt: <http://qudt.org/schema/qudt/> .
@prefix schema: <https://schema.org/> .
@prefix sosa: <http://www.w3.org/ns/sosa/> .
@prefix unit: <http://qudt.org/vocab/unit/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

<URN> a agiddi:Device, agiddi:WeatherStation ;
    geo:alt "35"^^xsd:decimal ;
    geo:lat 48.8566 ;
    geo:long 2.3522 ;
    prov:generatedAtTime "2026-01-01T08:00:00.000Z"^^xsd:dateTime ;
    prov:wasAttributedTo <PROVIDER> ;
    sosa:hosts <URN/sensor/air%20temp> ;
    schema:description "On the roof" ;
    schema:name "Roof \"A\"" ;
    schema:priceCurrency "EUR" ;
    agiddi:accessProtocol "mqtt" ;
    agiddi:costPerHour 0.1 ;
    agiddi:costPerKilobyte 0.00002 ;
    agiddi:costPerMegabyte 0.02 ;
    agiddi:costPerMinute 0.001666666666666666 ;
    agiddi:measurementTemplate <URN/template> ;
    agiddi:payTo "PROVIDER" ;
    agiddi:paymentMethod "credit" ;
    agiddi:place "Paris" ;
    agiddi:recordedAtHeight 7 ;
    agiddi:recordedIn <urn:agiddi:transaction:TX> ;
    agiddi:registeredAt "2026-01-01T08:00:00.000Z"^^xsd:dateTime ;
    agiddi:sealedAccess "DIGEST" ;
    agiddi:version 1 .

<URN/sensor/air%20temp> a sosa:Sensor ;
    qudt:hasQuantityKind quantitykind:Temperature ;
    qudt:hasUnit unit:DEG_C ;
    sosa:observes agiddi:AirTemperature, agiddi:Temperature ;
    schema:name "air temp" ;
    agiddi:accuracy 0.5 ;
    agiddi:accuracySI 0.5 ;
    agiddi:rangeMax "100"^^xsd:decimal ;
    agiddi:rangeMaxSI 373.15 ;
    agiddi:rangeMin "-40"^^xsd:decimal ;
    agiddi:rangeMinSI 233.15 ;
    agiddi:samplingSeconds "60"^^xsd:decimal .
)"));
}

TEST_CASE("what a version adds: its predecessor, the first registration's time") {
  DeviceIdentity later = identity();
  later.version = 2;
  later.registered_at = 1'767'168'000'000;
  const Triples triples = device_triples(device(), later);
  CHECK(holds(triples, "<" + kUrn + "> <http://www.w3.org/ns/prov#wasRevisionOf> <" + kUrn + "?version=1> ."));
  CHECK(holds(triples, "<" + kUrn + "> <https://w3id.org/agiddi/ontology#registeredAt> \"2025-12-31T08:00:00.000Z\"^^<" + ledger::xsd::date_time + "> ."));
  CHECK_FALSE(mentions(device_triples(device(), identity()), "wasRevisionOf"));
}

TEST_CASE("before the block is known, its time and height are left out") {
  DeviceIdentity pending = identity();
  pending.height.reset();
  pending.timestamp.reset();
  const Triples triples = device_triples(device(), pending);
  CHECK_FALSE(mentions(triples, "generatedAtTime"));
  CHECK_FALSE(mentions(triples, "registeredAt"));
  CHECK_FALSE(mentions(triples, "recordedAtHeight"));
}

TEST_CASE("equal ranges in other units have equal SI values") {
  const auto si = [](const char* unit, const char* max) {
    const Triples triples = device_triples(device([&](Json& json) {
                                             at(json, "sensors/0/unit") = unit;
                                             at(json, "sensors/0/range/max") = Json::number(max);
                                           }),
                                           identity());
    for (const auto& triple : triples) {
      if (triple.predicate.value.ends_with("#rangeMaxSI")) return triple.object.value;
    }
    return std::string();
  };
  CHECK(si("[degF]", "212") == "373.15");
  CHECK(si("Cel", "100") == "373.15");
  CHECK(si("K", "373.15") == "373.15");
}

TEST_CASE("metadata never show sealed data, a provider's own terms stay whole") {
  const DeviceDescription own = device([](Json& json) {
    at(json, "type") = "http://example.org/v#Beehive";
    at(json, "sensors/0/observedProperty") = "urn:example:honey";
  });
  const Triples triples = device_triples(own, identity());
  CHECK(holds(triples, "<" + kUrn + "> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://example.org/v#Beehive> ."));
  CHECK(holds(triples, "<" + kUrn + "> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <https://w3id.org/agiddi/ontology#Device> ."));
  const std::string document = device_metadata(own, identity()).dump();
  for (const std::string& secret : {to_base64url(own.sealed.ciphertext), to_base64url(own.sealed.nonce), to_base64url(own.sealed.recipients[0].key)}) {
    CHECK(document.find(secret) == std::string::npos);
    CHECK_FALSE(mentions(triples, secret));
  }
  CHECK(document.find(sealed_digest(own.sealed).hex()) != std::string::npos);
}

TEST_CASE("the metadata document is compact JSON-LD with its context inline") {
  const Json document = device_metadata(device(), identity());
  CHECK(document.find("@id")->as_string() == kUrn);
  CHECK(document.find("@type")->dump() == R"(["Device","WeatherStation"])");
  CHECK(document.find("name")->as_string() == "Roof \"A\"");
  CHECK(document.find("version")->dump() == "1");
  CHECK(document.find("lat")->as_string() == "48.8566");
  CHECK(document.find("wasAttributedTo")->as_string() == kProvider);
  const Json* sensor = document.find("hosts");
  REQUIRE(sensor);
  CHECK(sensor->find("@type")->as_string() == "sosa:Sensor");
  CHECK(sensor->find("unit")->as_string() == "http://qudt.org/vocab/unit/DEG_C");
  CHECK(sensor->find("observes")->items().size() == 2);
  const Json* context = document.find("@context");
  REQUIRE(context);
  CHECK(context->find("lat")->dump() == R"({"@id":"geo:lat","@type":"xsd:decimal"})");
  for (const auto& [name, value] : document.members()) {
    if (!name.starts_with('@')) CHECK(context->find(name));
  }
  for (const auto& [name, value] : sensor->members()) {
    if (!name.starts_with('@')) CHECK(context->find(name));
  }
}

TEST_CASE("the document made of the stored triples is the same") {
  const DeviceDescription two = device([](Json& json) {
    Json second = at(json, "sensors/0");
    at(json, "sensors").push(second.set("name", "wind").set("observedProperty", "WindSpeed").set("unit", "m/s").set("range", parsed(R"({"min":0,"max":60})")));
  });
  Triples triples = device_triples(two, identity());
  std::reverse(triples.begin(), triples.end());
  CHECK(metadata_from_triples(triples, identity().device).dump() == device_metadata(two, identity()).dump());
}

TEST_CASE("the measurement template has an observation for each sensor, to be filled") {
  const Json document = measurement_template(device(), identity());
  CHECK(document.find("@id")->as_string() == kUrn + "/template");
  CHECK(document.find("@type")->as_string() == "MeasurementTemplate");
  CHECK(document.find("deviceVersion")->dump() == "1");
  REQUIRE(document.find("observations")->items().size() == 1);
  const Json& observation = document.find("observations")->items()[0];
  CHECK(observation.find("@type")->as_string() == "sosa:Observation");
  CHECK(observation.find("madeBySensor")->as_string() == kUrn + "/sensor/air%20temp");
  CHECK(observation.find("observedProperty")->as_string() == "https://w3id.org/agiddi/ontology#AirTemperature");
  CHECK(observation.find("hasResult")->find("numericValue")->is_null());
  CHECK(observation.find("hasResult")->find("unit")->as_string() == "http://qudt.org/vocab/unit/DEG_C");
  CHECK(observation.find("resultTime")->is_null());
  const Triples triples = template_triples(device(), identity());
  CHECK(holds(triples, "<" + kUrn + "/template> <https://w3id.org/agiddi/ontology#observation> <" + kUrn + "/template/sensor/air%20temp> ."));
}

TEST_CASE("a payment, an access and a usage report are small stars") {
  PaymentFacts payment;
  payment.payment.bytes.fill(1);
  payment.payer = kProvider;
  payment.currency = "EUR";
  payment.method = "credit";
  payment.total = 500'000;
  payment.timestamp = 1'767'254'400'000;
  payment.items = {{identity().device, 1, kProvider, 500'000, Decimal(300, 0), std::nullopt}};
  const Triples paid = payment_triples(payment);
  const std::string id = payment_iri(payment.payment);
  CHECK(holds(paid, "<" + id + "> <https://w3id.org/agiddi/ontology#amount> \"0.5\"^^<" + ledger::xsd::decimal + "> ."));
  CHECK(holds(paid, "<" + id + "> <https://w3id.org/agiddi/ontology#device> <" + kUrn + "> ."));
  CHECK(holds(paid, "<" + id + "/item/0> <https://w3id.org/agiddi/ontology#minutes> \"300\"^^<" + ledger::xsd::decimal + "> ."));

  DataAccessFacts access;
  access.device = identity().device;
  access.application = kProvider;
  access.limit_ms = 18'000'000;
  access.limit_bytes = 25'000'000;
  access.node = "node-4";
  const Triples given = data_access_triples(access);
  CHECK(given.size() == 12);
  CHECK(mentions(given, "limitBytes> \"25000000\""));

  UsageFacts usage;
  usage.device = identity().device;
  usage.bytes = 12;
  usage.node = "node-4";
  const Triples used = usage_triples(usage);
  CHECK(used.size() == 12);
  CHECK(mentions(used, "/usage/1/1> <https://w3id.org/agiddi/ontology#bytes> \"12\""));
}

TEST_CASE("the names of our own terms in metadata stand in the ontology") {
  const auto ontology = parse_turtle(ontology_turtle());
  REQUIRE(ontology);
  std::set<std::string> defined;
  for (const auto& triple : *ontology) defined.insert(triple.subject.value);
  Triples all = device_triples(device(), identity());
  DataAccessFacts access;
  access.limit_ms = access.limit_bytes = 1;
  access.node = "n";
  access.application = kProvider;
  PaymentFacts payment;
  payment.payer = kProvider;
  payment.items = {{identity().device, 1, kProvider, 1, Decimal(1, 0), Decimal(1, 0)}};
  for (const Triples& more : {template_triples(device(), identity()), data_access_triples(access), usage_triples({}), payment_triples(payment)}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  for (const auto& triple : all) {
    for (const ledger::Term* term : {&triple.predicate, &triple.object}) {
      if (!term->is_iri() || !term->value.starts_with(ns::kAgiddi)) continue;
      INFO(term->value);
      CHECK(defined.count(term->value));
    }
  }
}
