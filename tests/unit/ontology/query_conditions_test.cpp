// Conditions in, SPARQL out.
#include <algorithm>
#include <catch2/catch.hpp>

#include "ontology/sparql/parser.h"
#include "subservices/query/attributes.h"
#include "subservices/query/conditions.h"

using namespace agiddi;
using namespace agiddi::subservices;

namespace {

Result<SearchPlan> plan(std::string_view body) { return plan_search(parse_json(body).value()); }

// The text between the braces of WHERE for {"conditions": …}.
std::string where(const std::string& conditions) {
  const auto made = plan("{\"conditions\":" + conditions + "}");
  if (!made) return made.error().fields.empty() ? made.error().detail : made.error().fields[0].pointer + " " + made.error().fields[0].detail;
  CHECK(ontology::sparql::parse_query(made->sparql));
  const std::string begin = "WHERE {\n  ?device rdf:type agiddi:Device .\n";
  std::string text = made->sparql.substr(made->sparql.find(begin) + begin.size());
  return text.substr(0, std::min(text.find("  OPTIONAL { ?device agiddi:cost"), text.find("}\nORDER")));
}

std::string pointer_of(const std::string& body) {
  const auto made = plan(body);
  if (made) return "accepted";
  CHECK(made.error().status == Status::invalid);
  REQUIRE_FALSE(made.error().fields.empty());
  return made.error().fields[0].pointer;
}

}  // namespace

TEST_CASE("the paper's example: a temperature sensor whose range goes beyond 100") {
  const auto made = plan(R"({"conditions":{"sensor.observedProperty":"Temperature","sensor.range":">100","cost.perMinute":"<=0.5"},"limit":10})");
  REQUIRE(made);
  CHECK(made->sparql == R"(PREFIX agiddi: <https://w3id.org/agiddi/ontology#>
PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
PREFIX sosa: <http://www.w3.org/ns/sosa/>
SELECT DISTINCT ?device ?perMinute ?perKilobyte
WHERE {
  ?device rdf:type agiddi:Device .
  ?device sosa:hosts ?sensor .
  ?sensor sosa:observes agiddi:Temperature .
  ?sensor agiddi:rangeMax ?rangeMax .
  FILTER(?rangeMax > 100)
  ?device agiddi:costPerMinute ?perMinute .
  FILTER(?perMinute <= 0.5)
  OPTIONAL { ?device agiddi:costPerKilobyte ?perKilobyte }
}
ORDER BY ?perMinute (!BOUND(?perKilobyte)) ?perKilobyte ?device
LIMIT 10
)");
  CHECK(made->probe.ends_with("LIMIT 11\n"));
  CHECK(ontology::sparql::parse_query(made->sparql));
}

TEST_CASE("without conditions every device is found, cheapest first") {
  const auto made = plan(R"({"conditions":{}})");
  REQUIRE(made);
  CHECK(made->sparql == R"(PREFIX agiddi: <https://w3id.org/agiddi/ontology#>
PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
SELECT ?device ?perMinute ?perKilobyte
WHERE {
  ?device rdf:type agiddi:Device .
  OPTIONAL { ?device agiddi:costPerMinute ?perMinute }
  OPTIONAL { ?device agiddi:costPerKilobyte ?perKilobyte }
}
ORDER BY (!BOUND(?perMinute)) ?perMinute (!BOUND(?perKilobyte)) ?perKilobyte ?device
LIMIT 100
)");
}

TEST_CASE("near: bands of latitude and longitude, then the distance, which is the order") {
  const auto made = plan(R"({"conditions":{"near":{"latitude":48.85,"longitude":2.35,"km":11},"provider":"did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd"}})");
  REQUIRE(made);
  CHECK(made->sparql == R"(PREFIX agiddi: <https://w3id.org/agiddi/ontology#>
PREFIX geo: <http://www.w3.org/2003/01/geo/wgs84_pos#>
PREFIX prov: <http://www.w3.org/ns/prov#>
PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
SELECT ?device ?distance
WHERE {
  ?device rdf:type agiddi:Device .
  ?device prov:wasAttributedTo <did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd> .
  ?device geo:lat ?lat .
  ?device geo:long ?long .
  FILTER(?lat >= 48.75)
  FILTER(?lat <= 48.9501)
  FILTER(?long >= 2.1976)
  FILTER(?long <= 2.5024)
  BIND(agiddi:distanceKm(?lat, ?long, 48.85, 2.35) AS ?distance)
  FILTER(?distance <= 11)
}
ORDER BY ?distance ?device
LIMIT 100
)");
}

TEST_CASE("a value with a unit compares in SI among sensors of its quantity kind") {
  CHECK(where(R"({"sensor.range":"> 212 [degF]"})") ==
        "  ?device sosa:hosts ?sensor .\n  ?sensor qudt:hasQuantityKind quantitykind:Temperature .\n"
        "  ?sensor agiddi:rangeMaxSI ?rangeMaxSI .\n  FILTER(?rangeMaxSI > 373.15)\n");
  CHECK(where(R"({"sensor.accuracy":"<= 0.9 http://qudt.org/vocab/unit/DEG_F"})") ==
        "  ?device sosa:hosts ?sensor .\n  ?sensor qudt:hasQuantityKind quantitykind:Temperature .\n"
        "  ?sensor agiddi:accuracySI ?accuracySI .\n  FILTER(?accuracySI <= 0.5)\n");
  CHECK(where(R"({"sensor.samplingSeconds":"< 2 min"})") ==
        "  ?device sosa:hosts ?sensor .\n  ?sensor agiddi:samplingSeconds ?samplingSeconds .\n  FILTER(?samplingSeconds < 120)\n");
  CHECK(where(R"({"sensor.range.max":["> 1 km", "> 100 Cel", 7]})") ==
        "  ?device sosa:hosts ?sensor .\n  ?sensor qudt:hasQuantityKind ?quantityKind .\n"
        "  ?sensor agiddi:rangeMaxSI ?rangeMaxSI .\n  ?sensor agiddi:rangeMax ?rangeMax .\n"
        "  FILTER((?quantityKind = quantitykind:Length && ?rangeMaxSI > 1000) || (?quantityKind = quantitykind:Temperature && ?rangeMaxSI > 373.15)"
        " || ?rangeMax = 7)\n");
}

TEST_CASE("sensor.range: beyond, below, and covering") {
  const std::string head = "  ?device sosa:hosts ?sensor .\n", low = "  ?sensor agiddi:rangeMin ?rangeMin .\n", high = "  ?sensor agiddi:rangeMax ?rangeMax .\n";
  CHECK(where(R"({"sensor.range":">=100"})") == head + high + "  FILTER(?rangeMax >= 100)\n");
  CHECK(where(R"({"sensor.range":"<-10.5"})") == head + low + "  FILTER(?rangeMin < -10.5)\n");
  CHECK(where(R"({"sensor.range":20})") == head + low + high + "  FILTER(?rangeMin <= 20)\n  FILTER(?rangeMax >= 20)\n");
  CHECK(where(R"({"sensor.range":"20"})") == where(R"({"sensor.range":20})"));
  CHECK(where(R"({"sensor.range":{"min":0,"max":"50"}})") == head + low + high + "  FILTER(?rangeMin <= 0)\n  FILTER(?rangeMax >= 50)\n");
  CHECK(where(R"({"sensor.range":"!=5"})") == head + low + high + "  FILTER((?rangeMin > 5 || ?rangeMax < 5))\n");
}

TEST_CASE("names, lists and not") {
  CHECK(where(R"({"type":"WeatherStation"})") == "  ?device rdf:type agiddi:WeatherStation .\n");
  CHECK(where(R"({"type":["WeatherStation","http://example.org/v#Hive"]})") ==
        "  VALUES ?typeListed { agiddi:WeatherStation <http://example.org/v#Hive> }\n  ?device rdf:type ?typeListed .\n");
  CHECK(where(R"({"type":"!=WeatherStation"})") == "  FILTER(NOT EXISTS { ?device rdf:type agiddi:WeatherStation })\n");
  CHECK(where(R"({"location.place":"!=Paris"})") == "  ?device agiddi:place ?place .\n  FILTER(NOT EXISTS { ?device agiddi:place \"Paris\" })\n");
  CHECK(where(R"({"sensor.unit":"Cel"})") == "  ?device sosa:hosts ?sensor .\n  ?sensor qudt:hasUnit unit:DEG_C .\n");
  CHECK(where(R"({"registeredAt":">=2026-01-01T01:00:00+01:00"})") ==
        "  ?device agiddi:registeredAt ?registeredAt .\n  FILTER(?registeredAt >= \"2026-01-01T00:00:00.000Z\"^^xsd:dateTime)\n");
  CHECK(where(R"({"payment.method":"credit","access.protocol":"mqtt","cost.currency":"EUR"})") ==
        "  ?device agiddi:paymentMethod \"credit\" .\n  ?device agiddi:accessProtocol \"mqtt\" .\n  ?device schema:priceCurrency \"EUR\" .\n");
}

TEST_CASE("user text is always escaped") {
  CHECK(where(R"({"name":"a\" } . ?s ?p ?o # \\ \n"})") == "  ?device schema:name \"a\\\" } . ?s ?p ?o # \\\\ \\n\" .\n");
  CHECK(where(R"({"text":"x\") || true || (\""})").find(R"(LCASE("x\") || true || (\""))") != std::string::npos);
}

TEST_CASE("orderBy: a single-valued name, downwards with a minus; missing values come last") {
  const auto order = [](const std::string& body) {
    const auto made = plan(body);
    REQUIRE(made);
    CHECK(ontology::sparql::parse_query(made->sparql));
    const auto begin = made->sparql.find("ORDER BY ");
    return made->sparql.substr(begin, made->sparql.find('\n', begin) - begin);
  };
  CHECK(order(R"({"conditions":{},"orderBy":"name"})") == "ORDER BY ?name ?device");
  CHECK(order(R"({"conditions":{},"orderBy":"-registeredAt"})") == "ORDER BY DESC(?registeredAt) ?device");
  CHECK(order(R"({"conditions":{},"orderBy":"-location.place"})") == "ORDER BY (!BOUND(?place)) DESC(?place) ?device");
  CHECK(order(R"({"conditions":{"cost.perKilobyte":">0"},"orderBy":"cost.perKilobyte"})") == "ORDER BY ?perKilobyte ?device");
  CHECK(order(R"({"conditions":{"near":{"latitude":0,"longitude":0,"km":1}},"orderBy":"-distance"})") == "ORDER BY DESC(?distance) ?device");
  CHECK(order(R"({"conditions":{},"orderBy":"type"})") == "ORDER BY (!BOUND(?type)) ?type ?device");
  for (const char* bad : {"sensor.range", "payment.method", "near", "price", "", "--name", "distance"}) {
    CHECK(pointer_of(R"({"conditions":{},"orderBy":")" + std::string(bad) + "\"}") == "/orderBy");
  }
}

TEST_CASE("every bad condition is refused at its pointer") {
  const std::pair<const char*, const char*> cases[] = {
      {"{}", "/conditions"},
      {"[]", ""},
      {R"({"conditions":[]})", "/conditions"},
      {R"({"conditions":{},"sort":1})", "/sort"},
      {R"({"conditions":{},"limit":0})", "/limit"},
      {R"({"conditions":{},"limit":1001})", "/limit"},
      {R"({"conditions":{},"limit":"5"})", "/limit"},
      {R"({"conditions":{},"cursor":"abc"})", "/cursor"},
      {R"({"conditions":{"sensor.rang":">1"}})", "/conditions/sensor.rang"},
      {R"({"conditions":{"type":"Toaster"}})", "/conditions/type"},
      {R"({"conditions":{"type":5}})", "/conditions/type"},
      {R"({"conditions":{"type":""}})", "/conditions/type"},
      {R"({"conditions":{"type":[]}})", "/conditions/type"},
      {R"({"conditions":{"type":["WeatherStation","Toaster"]}})", "/conditions/type/1"},
      {R"({"conditions":{"type":{"min":1}}})", "/conditions/type"},
      {R"({"conditions":{"name":"<x"}})", "/conditions/name"},
      {R"({"conditions":{"name":null}})", "/conditions/name"},
      {R"({"conditions":{"text":true}})", "/conditions/text"},
      {R"({"conditions":{"provider":"somebody"}})", "/conditions/provider"},
      {R"({"conditions":{"registeredAt":"yesterday"}})", "/conditions/registeredAt"},
      {R"({"conditions":{"registeredAt":5}})", "/conditions/registeredAt"},
      {R"({"conditions":{"sensor.observedProperty":"Temprature"}})", "/conditions/sensor.observedProperty"},
      {R"({"conditions":{"sensor.unit":"furlong"}})", "/conditions/sensor.unit"},
      {R"({"conditions":{"sensor.range":"> hot"}})", "/conditions/sensor.range"},
      {R"({"conditions":{"sensor.range":">"}})", "/conditions/sensor.range"},
      {R"({"conditions":{"sensor.range":"> 5 furlong"}})", "/conditions/sensor.range"},
      {R"({"conditions":{"sensor.range":{}}})", "/conditions/sensor.range"},
      {R"({"conditions":{"sensor.range":{"min":1,"top":2}}})", "/conditions/sensor.range/top"},
      {R"({"conditions":{"sensor.range":{"min":[]}}})", "/conditions/sensor.range/min"},
      {R"({"conditions":{"sensor.range":[[1]]}})", "/conditions/sensor.range/0"},
      {R"({"conditions":{"sensor.range":{"min":5,"max":1}}})", "/conditions/sensor.range/min"},
      {R"({"conditions":{"sensor.range":{"min":"0 Cel","max":"14 [degF]"}}})", "/conditions/sensor.range/min"},
      {R"({"conditions":{"cost.perMinute":{"min":"0.11","max":"0.10"}}})", "/conditions/cost.perMinute/min"},
      {R"({"conditions":{"registeredAt":{"min":"2026-02-01T00:00:00Z","max":"2026-01-31T00:00:00Z"}}})", "/conditions/registeredAt/min"},
      {R"({"conditions":{"sensor.samplingSeconds":"5 m"}})", "/conditions/sensor.samplingSeconds"},
      {R"({"conditions":{"cost.perMinute":"cheap"}})", "/conditions/cost.perMinute"},
      {R"({"conditions":{"cost.perMinute":"0.5 EUR"}})", "/conditions/cost.perMinute"},
      {R"({"conditions":{"cost.perMinute":0.00000000000000001}})", "/conditions/cost.perMinute"},
      {R"({"conditions":{"near":5}})", "/conditions/near"},
      {R"({"conditions":{"near":{"latitude":91,"longitude":0,"km":1}}})", "/conditions/near/latitude"},
      {R"({"conditions":{"near":{"latitude":1,"longitude":0}}})", "/conditions/near/km"},
      {R"({"conditions":{"near":{"latitude":1,"longitude":0,"km":-1}}})", "/conditions/near/km"},
      {R"({"conditions":{"near":{"latitude":1,"longitude":0,"km":1,"miles":1}}})", "/conditions/near/miles"},
  };
  for (const auto& [body, pointer] : cases) {
    INFO(body);
    CHECK(pointer_of(body) == pointer);
  }
  for (const char* body : {R"({"conditions":{"sensor.range":{"min":"0 Cel","max":"32 [degF]"}}})", R"({"conditions":{"cost.perMinute":{"min":0.1,"max":"0.10"}}})",
                           R"({"conditions":{"sensor.range":{"min":"5 Cel","max":"1 m"}}})"}) {
    INFO(body);
    CHECK(subservices::plan_search(*parse_json(body)));
  }
}

TEST_CASE("a name that is nearly right is told what it may have been") {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"sensor.rang":">1"})", "; did you mean sensor.range?"},
      {R"({"Type":"WeatherStation"})", "; did you mean type?"},
      {R"({"type":"weather station"})", "; did you mean WeatherStation?"},
      {R"({"type":"agiddi:WeatherStatoin"})", "; did you mean WeatherStation?"},
      {R"({"sensor.observedProperty":"Temprature"})", "; did you mean Temperature?"},
      {R"({"sensor.unit":"cel"})", "; did you mean Cel?"},
      {R"({"sensor.unit":"°F"})", "; did you mean [degF]?"},
      {R"({"sensor.range":">5 DEG_C"})", "; did you mean Cel?"},
  };
  for (const auto& [conditions, question] : cases) {
    INFO(conditions);
    const auto plan = subservices::plan_search(*parse_json(std::string(R"({"conditions":)") + conditions + "}"));
    REQUIRE(!plan);
    REQUIRE(plan.error().fields.size() == 1);
    CHECK(plan.error().fields[0].detail.ends_with(question));
  }
  CHECK(subservices::plan_search(*parse_json(R"({"conditions":{"type":"Toaster"}})")).error().fields[0].detail.ends_with("no full IRI"));
}

TEST_CASE("a query that would be too long is refused") {
  std::string list;
  for (int i = 0; i < 100; ++i) list += (i ? ",\"" : "\"") + std::string(790, 'x') + "\"";
  CHECK(pointer_of("{\"conditions\":{\"name\":[" + list + "]}}") == "/conditions");
  CHECK(pointer_of("{\"conditions\":{\"name\":[" + list + ",\"x\"]}}") == "/conditions/name");
  CHECK(pointer_of("{\"conditions\":{\"name\":\"" + std::string(801, 'x') + "\"}}") == "/conditions/name");
}

TEST_CASE("the attributes tell every name, type, IRI and operator") {
  const Json document = attributes_document();
  const auto& list = document.find("attributes")->items();
  std::vector<std::string> names;
  for (const Json& entry : list) {
    names.push_back(entry.find("name")->as_string());
    CHECK(entry.find("iri")->as_string().starts_with("http"));
    CHECK_FALSE(entry.find("operators")->items().empty());
  }
  CHECK(names == std::vector<std::string>{"type", "name", "text", "provider", "registeredAt", "near", "location.place", "sensor.observedProperty",
                                          "sensor.unit", "sensor.range", "sensor.range.min", "sensor.range.max", "sensor.accuracy",
                                          "sensor.samplingSeconds", "cost.currency", "cost.perMinute", "cost.perKilobyte", "payment.method",
                                          "access.protocol"});
}
