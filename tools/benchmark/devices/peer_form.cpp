#include "tools/benchmark/devices/peer_form.h"

#include <cstdio>

namespace agiddi::tools {
namespace {

using ledger::Term;
using ledger::Triple;

const std::string kDm = "https://iot.example/ns#";
const std::string kId = "https://iot.example/id/";
const std::string kSosa = "http://www.w3.org/ns/sosa/";
const std::string kGeo = "http://www.w3.org/2003/01/geo/wgs84_pos#";
const std::string kQudt = "http://qudt.org/schema/qudt/";
const std::string kUnit = "http://qudt.org/vocab/unit/";
const std::string kType = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";

std::string padded(std::uint64_t number, int width) {
  char text[32];
  std::snprintf(text, sizeof text, "%0*llu", width, static_cast<unsigned long long>(number));
  return text;
}

Term decimal(std::string_view text) { return Term::typed(std::string(text), ledger::xsd::decimal); }

// "2024-10-01T00:00:00Z": whole seconds, as most data have them.
Term seconds(TimeMs time) { return Term::typed(time_text(time).substr(0, 19) + "Z", ledger::xsd::date_time); }

constexpr const char* kPrefixes = R"(PREFIX sosa: <http://www.w3.org/ns/sosa/>
PREFIX geo: <http://www.w3.org/2003/01/geo/wgs84_pos#>
PREFIX qudt: <http://qudt.org/schema/qudt/>
PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
PREFIX schema: <https://schema.org/>
PREFIX dm: <https://iot.example/ns#>
PREFIX id: <https://iot.example/id/>
)";

PeerQuery limited(std::string name, const std::string& text, bool tiny = false) {
  return {std::move(name), kPrefixes + text + " LIMIT 100", kPrefixes + text, tiny};
}

PeerQuery whole(std::string name, const std::string& text, bool tiny = false) { return {std::move(name), kPrefixes + text, kPrefixes + text, tiny}; }

}  // namespace

std::string peer_provider_iri(std::uint64_t rank) { return kId + "provider/" + padded(rank, 6); }
std::string peer_device_iri(std::uint64_t number) { return kId + "device/" + padded(number, 8); }

std::vector<Triple> peer_triples(const GeneratedDevice& device) {
  std::vector<Triple> out;
  const Term self = Term::iri(peer_device_iri(device.number));
  const auto add = [&out](const Term& subject, std::string predicate, Term object) {
    out.push_back({subject, Term::iri(std::move(predicate)), std::move(object)});
  };
  add(self, kType, Term::iri(kDm + "Device"));
  add(self, kDm + "deviceType", Term::iri(kDm + std::string(device.kind->type)));
  add(self, "https://schema.org/name", Term::literal(device.name));
  add(self, kGeo + "lat", decimal(device.latitude));
  add(self, kGeo + "long", decimal(device.longitude));
  add(self, kDm + "geohash", Term::literal(device.geohash));
  add(self, kDm + "provider", Term::iri(peer_provider_iri(device.provider)));
  add(self, kDm + "vendor", Term::literal(std::string(device.maker)));
  add(self, kDm + "protocol", Term::iri(kDm + std::string(device.protocol)));
  add(self, kDm + "currency", Term::literal(std::string(device.currency)));
  add(self, kDm + "costPerMinute", decimal(device.cost_per_minute));
  add(self, kDm + "registeredAt", seconds(device.registered_at));
  for (std::size_t k = 0; k < device.sensors.size(); ++k) {
    const GeneratedSensor& made = device.sensors[k];
    const Term sensor = Term::iri(kId + "sensor/" + padded(device.number, 8) + "-" + std::to_string(k));
    add(self, kSosa + "hosts", sensor);
    add(sensor, kType, Term::iri(kSosa + "Sensor"));
    add(sensor, kSosa + "observes", Term::iri(kDm + std::string(made.kind->peer_property)));
    add(sensor, kQudt + "hasUnit", Term::iri(kUnit + std::string(made.unit->qudt)));
    add(sensor, kDm + "rangeMin", decimal(made.range.min));
    add(sensor, kDm + "rangeMax", decimal(made.range.max));
    if (made.accuracy) add(sensor, kDm + "accuracy", decimal(*made.accuracy));
  }
  return out;
}

const std::vector<PeerQuery>& peer_queries() {
  static const std::vector<PeerQuery> kQueries = {
      limited("q1", "SELECT ?d ?s ?max ?c WHERE { ?s sosa:observes dm:Temperature . ?s dm:rangeMax ?max . FILTER(?max > 100) ?d sosa:hosts ?s . "
                    "?d dm:costPerMinute ?c . FILTER(?c < 5) }"),
      limited("q2", "SELECT ?d ?s ?c WHERE { ?s sosa:observes dm:Temperature . ?s dm:accuracy ?a . FILTER(?a <= 0.1) ?d sosa:hosts ?s . "
                    "?d dm:protocol dm:MQTT . ?d dm:currency \"TKN\" . ?d dm:costPerMinute ?c } ORDER BY ?c"),
      limited("q3", "SELECT ?d ?s ?lat ?lon ?c WHERE { ?d geo:lat ?lat . FILTER(?lat > 48.7667 && ?lat < 48.9465) ?d geo:long ?lon . "
                    "FILTER(?lon > 2.2155 && ?lon < 2.4889) ?d sosa:hosts ?s . ?s sosa:observes dm:ParticulateMatter25 . ?d dm:costPerMinute ?c . "
                    "FILTER(?c < 5) }"),
      limited("q4", "SELECT ?d ?s ?p ?c WHERE { VALUES ?g { \"u09tvw\" \"u09tvx\" \"u09tvq\" \"u09tvm\" \"u09tvt\" \"u09tvr\" \"u09wj8\" \"u09wj2\" "
                    "\"u09tyb\" } ?d dm:geohash ?g . ?d sosa:hosts ?s . ?s sosa:observes ?p . ?d dm:costPerMinute ?c }"),
      limited("q5", "SELECT ?d ?n ?s ?u ?acc WHERE { ?d dm:provider <https://iot.example/id/provider/000040> . ?d schema:name ?n . ?d sosa:hosts ?s . "
                    "?s qudt:hasUnit ?u . OPTIONAL { ?s dm:accuracy ?acc . FILTER(?acc < 0.5) } }"),
      limited("q6", "SELECT ?d ?s ?t WHERE { { ?s sosa:observes dm:SoilMoisture } UNION { ?s sosa:observes dm:WaterLevel } ?d sosa:hosts ?s . "
                    "?d dm:registeredAt ?t . FILTER(?t >= \"2024-10-01T00:00:00Z\"^^xsd:dateTime) } ORDER BY DESC(?t)"),
      whole("q7", "SELECT ?p (COUNT(?s) AS ?n) (MIN(?c) AS ?m) WHERE { ?s sosa:observes ?p . ?d sosa:hosts ?s . ?d dm:costPerMinute ?c } GROUP BY ?p"),
      limited("q8", "SELECT ?d ?c ?s ?p WHERE { ?d dm:costPerMinute ?c . FILTER(?c < 0.02) ?d sosa:hosts ?s . ?s sosa:observes ?p . ?d dm:deviceType ?ty }", true),
      whole("q9", "SELECT ?p ?o WHERE { <https://iot.example/id/device/00005678> ?p ?o }", true),
  };
  return kQueries;
}

}  // namespace agiddi::tools
