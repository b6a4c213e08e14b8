// Devices as Thing Descriptions and back: golden document, round trips, and what hostile or foreign TDs get.
#include <algorithm>
#include <catch2/catch.hpp>

#include "fixture.h"
#include "ontology/thing_description.h"

using namespace agiddi;
using namespace agiddi::ontology;
using namespace agiddi::ontology::test;

namespace {

const std::string kBase = "https://node.example/";

Json thing_of(const DeviceDescription& description, DeviceIdentity who = identity()) { return thing_description(description, who, kBase); }

// As a client registers it: without the id that another registration made, with its own sealed access.
Json registration_of(const DeviceDescription& description) {
  Json thing = thing_of(description);
  drop(thing, "id");
  thing.set("agiddi:access", Json::object({{"protocol", "mqtt"}, {"sealed", sealed_json()}}));
  return thing;
}

std::optional<DeviceDescription> read_back(const Json& thing, std::vector<FieldError>& errors, bool update = false) {
  const auto read = device_from_thing(thing, update, kProvider, errors);
  if (!read) return std::nullopt;
  DeviceContext where = context();
  where.update = update;
  std::vector<FieldError> found;
  auto device = parse_device(read->device, "", where, found);
  for (auto& error : read->at_thing(std::move(found))) errors.push_back(std::move(error));
  return device;
}

std::vector<FieldError> refusals_of(const std::function<void(Json&)>& change) {
  Json thing = registration_of(device());
  change(thing);
  std::vector<FieldError> errors;
  const auto out = read_back(thing, errors);
  CHECK(out.has_value() == errors.empty());
  return errors;
}

bool has(const std::vector<FieldError>& errors, const std::string& pointer) {
  return std::any_of(errors.begin(), errors.end(), [&](const FieldError& error) { return error.pointer == pointer; });
}

void check_same(const DeviceDescription& made, const DeviceDescription& back) {
  CHECK(device_metadata(back, identity()).dump() == device_metadata(made, identity()).dump());
  CHECK(measurement_template(back, identity()).dump() == measurement_template(made, identity()).dump());
  CHECK(back.pay_to == made.pay_to);
}

}  // namespace

TEST_CASE("a device as a Thing Description: the golden document") {
  const Json thing = thing_of(device());
  const std::string urn = device_urn(identity().device);
  INFO(thing.pretty());
  CHECK(thing.find("@context")->items()[0].as_string() == "https://www.w3.org/2022/wot/td/v1.1");
  CHECK(thing.find("@context")->items()[1].as_string() == "https://www.w3.org/2022/wot/discovery");
  CHECK(thing.find("@type")->as_string() == "agiddi:WeatherStation");
  CHECK(thing.find("id")->as_string() == urn);
  CHECK(thing.find("title")->as_string() == "Roof \"A\"");
  CHECK(thing.find("version")->dump() == R"({"instance":"1"})");
  CHECK(thing.find("registration")->dump() == R"({"created":"2026-01-01T08:00:00.000Z","modified":"2026-01-01T08:00:00.000Z"})");
  CHECK(thing.find("base")->as_string() == kBase);
  CHECK(thing.find("properties")->find("air temp")->dump() ==
        R"({"@type":"agiddi:AirTemperature","type":"number","unit":"http://qudt.org/vocab/unit/DEG_C","minimum":-40,"maximum":100,"agiddi:accuracy":0.5,)"
        R"("agiddi:samplingSeconds":60,"readOnly":true,"observable":true,"uriVariables":{"integration":{"type":"string","description":"The id that POST v1/integrations gave for a paid device."}},)"
        R"("forms":[{"href":"v1/integrations/{integration}/stream","op":["observeproperty","unobserveproperty"],"contentType":"text/event-stream","subprotocol":"sse"}]})");
  CHECK(thing.find("schema:offers")->dump() ==
        R"({"@type":"schema:Offer","schema:seller":{"@id":")" + kProvider + R"("},"schema:priceSpecification":[)"
        R"({"@type":"schema:UnitPriceSpecification","schema:price":"0.1","schema:priceCurrency":"EUR","schema:unitCode":"HUR"},)"
        R"({"@type":"schema:UnitPriceSpecification","schema:price":"0.02","schema:priceCurrency":"EUR","schema:unitCode":"4L"}],)"
        R"("schema:acceptedPaymentMethod":["credit"],"agiddi:payTo":")" + kProvider + R"("})");
  CHECK(thing.find("links")->items()[0].find("href")->as_string() == "v1/devices/" + urn + "?version=1");
}

TEST_CASE("a Thing Description shows nothing of the sealed access but its digest") {
  const DeviceDescription made = device();
  const std::string text = thing_of(made).dump();
  CHECK(text.find(to_base64url(made.sealed.ciphertext)) == std::string::npos);
  CHECK(text.find(to_base64url(made.sealed.nonce)) == std::string::npos);
  CHECK(text.find(to_base64url(made.sealed.recipients[0].key)) == std::string::npos);
  CHECK(text.find(sealed_digest(made.sealed).hex()) != std::string::npos);
}

TEST_CASE("device, Thing Description, registration: the same metadata") {
  const std::vector<std::function<void(Json&)>> changes = {
      [](Json&) {},
      [](Json& json) {
        drop(json, "description");
        drop(at(json, "location"), "altitude");
        drop(at(json, "location"), "place");
        drop(at(json, "sensors/0"), "accuracy");
        drop(at(json, "sensors/0"), "samplingSeconds");
        drop(at(json, "cost"), "perMegabyte");
      },
      [](Json& json) {
        at(json, "type") = "http://example.org/v#Beehive";
        at(json, "sensors/0/observedProperty") = "urn:example:honey";
        at(json, "sensors/0/unit") = "kg";
        at(json, "sensors/0/name") = "with \"quotes\", / and ~ and \xc3\xa9";
        at(json, "payment/methods") = Json::array({"bank"});
        at(json, "payment/address") = "IBAN 12";
      },
      [](Json& json) {   // numbers at the bounds of the contract
        at(json, "sensors/0/range/min") = Json::number("-123456789012345e15");
        at(json, "sensors/0/range/max") = Json::number("100000000000000e15");
        at(json, "sensors/0/accuracy") = Json::number("0.123456789012345e-15");
        at(json, "sensors/0/samplingSeconds") = Json::number("1e15");
        drop(at(json, "cost"), "perHour");
        at(json, "cost/perDay") = "0.000001";
        at(json, "location/altitude") = Json::number("-1e-15");
      },
      [](Json& json) {
        Json second = at(json, "sensors/0");
        second.set("name", "humid").set("observedProperty", "RelativeHumidity").set("unit", "%").set("range", parsed(R"({"min":0,"max":100})"));
        at(json, "sensors").push(second);
        drop(at(json, "cost"), "perHour");
        drop(at(json, "cost"), "perMegabyte");
        at(json, "cost/perMinute") = "0";
        at(json, "cost/perKilobyte") = "3.5";
      },
  };
  for (const auto& change : changes) {
    const DeviceDescription made = device(change);
    const Json thing = registration_of(made);
    INFO(thing.pretty());
    std::vector<FieldError> errors;
    const auto text = parse_json(thing.dump());   // over the wire
    REQUIRE(text);
    const auto back = read_back(*text, errors);
    INFO((errors.empty() ? std::string() : errors[0].pointer + " " + errors[0].detail));
    REQUIRE(back);
    check_same(made, *back);
    CHECK(thing_of(*back).dump() == thing_of(made).dump());
  }
}

TEST_CASE("an update names the Thing and the version that it replaces") {
  Json thing = registration_of(device());
  thing.set("id", device_urn(identity().device));
  std::vector<FieldError> errors;
  const auto read = device_from_thing(thing, true, kProvider, errors);
  REQUIRE(read);
  CHECK(read->device.find("id")->as_string() == device_urn(identity().device));
  CHECK(read->device.find("version")->number_text() == "1");
  REQUIRE(read_back(thing, errors, true));
  for (const char* instance : {R"("0")", R"("01")", R"("-1")", R"("1.0")", "1", R"("")", R"("99999999999")", "null"}) {
    errors.clear();
    thing.set("version", parsed(std::string(R"({"instance":)") + instance + "}"));
    CHECK_FALSE(device_from_thing(thing, true, kProvider, errors));
    CHECK(has(errors, "/version/instance"));
  }
  errors.clear();
  thing.set("version", Json::object({{"instance", "1"}})).set("id", "urn:uuid:48951ff3-4019-4e67-b217-dbbf011873dc");
  CHECK_FALSE(device_from_thing(thing, true, kProvider, errors));
  CHECK(has(errors, "/id"));
}

TEST_CASE("prefixes of the client's own and full IRIs mean the same; errors name what the client wrote") {
  const auto rename = [](Json& json, std::string_view from, std::string_view to, const auto& self) -> void {
    if (json.is_array()) {
      for (Json& item : json.items()) self(item, from, to, self);
    } else if (json.is_object()) {
      for (auto& [name, value] : json.members()) {
        if (name.starts_with(from)) name = std::string(to) + name.substr(from.size());
        self(value, from, to, self);
      }
    } else if (json.is_string() && json.as_string().starts_with(from)) {
      json = std::string(to) + json.as_string().substr(from.size());
    }
  };
  const DeviceDescription made = device();
  Json thing = registration_of(made);
  rename(thing, "agiddi:", "x:", rename);
  rename(thing, "schema:", "https://schema.org/", rename);
  rename(thing, "geo:", "where:", rename);
  thing.set("@context", parsed(R"(["https://www.w3.org/2022/wot/td/v1.1",{"x":"https://w3id.org/agiddi/ontology#","where":"http://www.w3.org/2003/01/geo/wgs84_pos#"}])"));
  std::vector<FieldError> errors;
  const auto back = read_back(thing, errors);
  INFO((errors.empty() ? std::string() : errors[0].pointer + " " + errors[0].detail));
  REQUIRE(back);
  check_same(made, *back);

  thing.set("where:lat", 91).set("x:place", 7);
  for (auto& [name, offer] : thing.members()) {
    if (name == "https://schema.org/offers") offer.set("https://schema.org/seller", "did:key:someone-else");
  }
  errors.clear();
  CHECK_FALSE(read_back(thing, errors));
  CHECK(has(errors, "/https:~1~1schema.org~1offers/https:~1~1schema.org~1seller"));
  for (auto& [name, offer] : thing.members()) {
    if (name == "https://schema.org/offers") drop(offer, "https://schema.org/seller");
  }
  errors.clear();
  CHECK_FALSE(read_back(thing, errors));
  CHECK(has(errors, "/where:lat"));
  CHECK(has(errors, "/x:place"));
}

TEST_CASE("what a Thing Description may not say is refused at its own place") {
  struct Refused { const char* pointer; std::function<void(Json&)> change; };
  const auto set = [](const char* path, const char* value) { return [=](Json& json) { at(json, path) = parsed(value); }; };
  const Refused cases[] = {
      {"/@context/0", set("@context", R"(["https://example.org/context"])")},
      {"/@context", set("@context", "7")},
      {"/@context", set("@context", "[]")},
      {"/@context/1", set("@context", R"(["https://www.w3.org/2022/wot/td/v1.1","https://evil.example/context.jsonld"])")},
      {"/@context/1/title", set("@context", R"(["https://www.w3.org/2022/wot/td/v1.1",{"title":"https://evil.example/x#"}])")},
      {"/@context/1/@vocab", set("@context", R"(["https://www.w3.org/2022/wot/td/v1.1",{"@vocab":"https://evil.example/x#"}])")},
      {"/@context/1/p", set("@context", R"(["https://www.w3.org/2022/wot/td/v1.1",{"p":{"@id":"https://evil.example/x#"}}])")},
      {"/@context/1/p", set("@context", R"(["https://www.w3.org/2022/wot/td/v1.1",{"p":"relative"}])")},
      {"/id", set("id", R"("urn:uuid:48951ff3-4019-4e67-b217-dbbf011873dc")")},
      {"/title", set("title", "7")},
      {"/title", [](Json& json) { drop(json, "title"); }},
      {"/@type", set("@type", R"("WeatherStation")")},
      {"/@type", set("@type", R"("agiddi:Toaster")")},
      {"/@type", set("@type", R"(["agiddi:WeatherStation","agiddi:Device"])")},
      {"/@type", set("@type", "{}")},
      {"/@type", [](Json& json) { drop(json, "@type"); }},
      {"/description", set("description", "[]")},
      {"/titles", set("titles", R"({"en":"x"})")},
      {"/actions", set("actions", "{}")},
      {"/events", set("events", "{}")},
      {"/forms", set("forms", "[]")},
      {"/colour", set("colour", "1")},
      {"/agiddi:colour", set("agiddi:colour", "1")},
      {"/undeclared:colour", set("undeclared:colour", "1")},
      {"/base", set("base", R"("mqtt://10.0.0.7:1883/")")},
      {"/base", set("base", R"("https://user:secret@node.example/")")},
      {"/registration/ttl", set("registration/ttl", "60")},
      {"/registration/expires", set("registration/expires", R"("2030-01-01T00:00:00Z")")},
      {"/links/0", set("links", R"([{"href":"http://192.168.0.7/manual"}])")},
      {"/security", set("security", R"("nothing")")},
      {"/securityDefinitions/integration_token", set("securityDefinitions/integration_token", "7")},
      {"/geo:lat", set("geo:lat", "90.5")},
      {"/geo:lat", [](Json& json) { drop(json, "geo:lat"); }},
      {"/properties", set("properties", "[]")},
      {"/properties", set("properties", "{}")},
      {"/properties/air temp", set("properties/air temp", "3")},
      {"/properties/air temp/@type", set("properties/air temp/@type", R"("agiddi:Temprature")")},
      {"/properties/air temp/unit", set("properties/air temp/unit", R"("furlong")")},
      {"/properties/air temp/unit", set("properties/air temp/unit", "7")},
      {"/properties/air temp/minimum", [](Json& json) { drop(at(json, "properties/air temp"), "minimum"); }},
      {"/properties/air temp/maximum", set("properties/air temp/maximum", "-41")},
      {"/properties/air temp/agiddi:accuracy", set("properties/air temp/agiddi:accuracy", "-1")},
      {"/properties/air temp/type", set("properties/air temp/type", R"("string")")},
      {"/properties/air temp/readOnly", set("properties/air temp/readOnly", "false")},
      {"/properties/air temp/enum", set("properties/air temp/enum", "[1]")},
      {"/properties/air temp/forms/0/href", set("properties/air temp/forms/0/href", R"("mqtt://10.0.0.7/devices/secret")")},
      {"/properties/air temp/forms/0/htv:methodName", set("properties/air temp/forms/0/htv:methodName", R"("GET")")},
      {"/schema:offers", [](Json& json) { drop(json, "schema:offers"); }},
      {"/schema:offers", set("schema:offers", "7")},
      {"/schema:offers/schema:seller", set("schema:offers/schema:seller", R"({"@id":"did:key:zSomeoneElse"})")},
      {"/schema:offers/schema:priceSpecification", set("schema:offers/schema:priceSpecification", "[]")},
      {"/schema:offers/schema:priceSpecification/0/schema:price", set("schema:offers/schema:priceSpecification/0/schema:price", "0.1")},
      {"/schema:offers/schema:priceSpecification/0/schema:unitCode", set("schema:offers/schema:priceSpecification/0/schema:unitCode", R"("KGM")")},
      {"/schema:offers/schema:priceSpecification/1/schema:priceCurrency", set("schema:offers/schema:priceSpecification/1/schema:priceCurrency", R"("USD")")},
      {"/schema:offers/schema:acceptedPaymentMethod/0", set("schema:offers/schema:acceptedPaymentMethod", R"(["gold"])")},
      {"/agiddi:access", [](Json& json) { drop(json, "agiddi:access"); }},
      {"/agiddi:access/sealed/nonce", set("agiddi:access/sealed/nonce", R"("AA")")},
      {"/agiddi:access/endpoint", set("agiddi:access/endpoint", R"("mqtt://10.0.0.7")")},
  };
  for (const Refused& one : cases) {
    const auto errors = refusals_of(one.change);
    std::string all;
    for (const FieldError& error : errors) all += error.pointer + ": " + error.detail + "\n";
    INFO(one.pointer << " in\n" << all);
    CHECK(has(errors, one.pointer));
  }
}

TEST_CASE("huge Thing Descriptions are refused with a bounded answer") {
  const auto many = refusals_of([](Json& json) {
    for (int i = 0; i < 20'000; ++i) json.members().emplace_back("agiddi:x" + std::to_string(i), i);
  });
  CHECK(many.size() <= 101);
  const auto wide = refusals_of([](Json& json) {
    for (auto& [name, value] : json.members()) {
      if (name != "properties") continue;
      const Json one = value.members()[0].second;
      for (int i = 0; i < 200; ++i) value.members().emplace_back("s" + std::to_string(i), one);
    }
  });
  CHECK(has(wide, "/properties"));
  const auto long_name = refusals_of([](Json& json) { json.set("agiddi:" + std::string(100'000, 'x'), 1); });
  for (const FieldError& error : long_name) CHECK(error.pointer.size() < 1000);
  CHECK_FALSE(long_name.empty());
  const auto prefixes = refusals_of([](Json& json) {
    Json all = Json::object();
    for (int i = 0; i < 1000; ++i) all.members().emplace_back("p" + std::to_string(i), "https://example.org/" + std::to_string(i) + "#");
    for (auto& [name, value] : json.members()) {
      if (name == "@context") value.push(all);
    }
  });
  CHECK_FALSE(prefixes.empty());
  CHECK(prefixes.size() <= 101);
  std::string deep = R"({"@context":)" + std::string(40, '[') + std::string(40, ']') + "}";
  CHECK_FALSE(parse_json(deep));
}

TEST_CASE("a merge patch turns one Thing Description into the other") {
  const Json before = parsed(R"({"id":"a","title":"x","same":{"k":1},"gone":1,"deep":{"a":1,"b":{"c":2}},"list":[1,2]})");
  const Json after = parsed(R"({"id":"a","title":"y","same":{"k":1},"deep":{"a":1,"b":{"d":3}},"list":[1],"new":true})");
  CHECK(merge_patch(before, after).dump() == R"({"title":"y","deep":{"b":{"d":3,"c":null}},"list":[1],"new":true,"gone":null})");
  CHECK(merge_patch(before, before).dump() == "{}");
}
