#include "ontology/device.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "fixture.h"

using namespace agiddi;
using namespace agiddi::ontology;
using namespace agiddi::ontology::test;

namespace {

std::vector<FieldError> errors_of(const std::function<void(Json&)>& change, bool update = false) {
  Json json = device_json();
  change(json);
  DeviceContext where = context();
  where.update = update;
  std::vector<FieldError> errors;
  const auto device = parse_device(json, "/devices/0", where, errors);
  CHECK(device.has_value() == errors.empty());
  return errors;
}

// Setting the member at `path` to `value` is refused at `pointer` (by default that member).
struct Refused {
  const char* path;
  const char* value;
  const char* pointer = nullptr;
};

}  // namespace

TEST_CASE("a device is read as declared") {
  const DeviceDescription out = device();
  CHECK(out.name == "Roof \"A\"");
  CHECK(out.type == "https://w3id.org/agiddi/ontology#WeatherStation");
  CHECK(out.latitude.text() == "48.8566");
  CHECK(out.altitude->text() == "35");
  REQUIRE(out.sensors.size() == 1);
  CHECK(out.sensors[0].observed_property == "https://w3id.org/agiddi/ontology#AirTemperature");
  CHECK(out.sensors[0].unit == "http://qudt.org/vocab/unit/DEG_C");
  CHECK(out.sensors[0].max.text() == "100");
  CHECK(out.cost.time->amount == 100'000);
  CHECK(out.cost.time->per == TimeUnit::hour);
  CHECK(out.cost.data->amount == 20'000);
  CHECK(out.cost.data->per == DataUnit::megabyte);
  CHECK(per_minute(*out.cost.time) == Rational(BigInt(1), BigInt(600)));
  CHECK(per_kilobyte(*out.cost.data) == Rational(BigInt(2), BigInt(100'000)));
  CHECK(out.payment_methods == std::vector<std::string>{"credit"});
  CHECK(out.pay_to == kProvider);
  CHECK(out.sealed.nonce.size() == 24);
  CHECK(out.sealed.recipients.size() == 2);
  CHECK(to_json(out.sealed).dump() == sealed_json().dump());
}

TEST_CASE("what is optional may be left out, and a provider may use a vocabulary of its own") {
  const DeviceDescription out = device([](Json& json) {
    drop(json, "description");
    drop(at(json, "location"), "altitude");
    drop(at(json, "location"), "place");
    drop(at(json, "sensors/0"), "accuracy");
    drop(at(json, "sensors/0"), "samplingSeconds");
    drop(at(json, "cost"), "perHour");
    at(json, "type") = "http://example.org/v#Beehive";
    at(json, "sensors/0/observedProperty") = "urn:example:honey";
    at(json, "sensors/0/unit") = "http://qudt.org/vocab/unit/KiloGM";
  });
  CHECK(out.type == "http://example.org/v#Beehive");
  CHECK(out.sensors[0].observed_property == "urn:example:honey");
  CHECK_FALSE(out.cost.time);
  CHECK(out.place.empty());
}

TEST_CASE("a price of nothing is allowed, an authority may be paid at an address of its own") {
  const DeviceDescription out = device([](Json& json) {
    at(json, "cost/perHour") = "0";
    at(json, "payment/methods") = Json::array({"bank"});
    at(json, "payment/address") = "IBAN 12";
  });
  CHECK(out.cost.time->amount == 0);
  CHECK(out.pay_to == "IBAN 12");
}

TEST_CASE("every bad field is refused at its own pointer") {
  const Refused cases[] = {
      {"name", "\"\""},
      {"name", "7"},
      {"name", "\"a\\u0007b\""},
      {"type", "\"Toaster\""},
      {"type", "\"Temperature\""},
      {"type", "\"sosa:Platform\""},
      {"type", "\"https://w3id.org/agiddi/ontology#Toaster\""},
      {"description", "[]"},
      {"colour", "\"red\""},
      {"location", "null"},
      {"location/latitude", "90.5"},
      {"location/latitude", "\"48\""},
      {"location/longitude", "-180.0001"},
      {"location/altitude", "\"high\""},
      {"location/city", "\"Paris\""},
      {"sensors", "[]"},
      {"sensors", "{}"},
      {"sensors/0", "3"},
      {"sensors/0/name", "\"\""},
      {"sensors/0/observedProperty", "\"Temprature\""},
      {"sensors/0/observedProperty", "\"WeatherStation\""},
      {"sensors/0/unit", "\"furlong\""},
      {"sensors/0/unit", "\"m\""},
      {"sensors/0/unit", "\"http://qudt.org/vocab/unit/PERCENT\""},
      {"sensors/0/range", "5"},
      {"sensors/0/range/max", "-40"},
      {"sensors/0/range/max", "-41"},
      {"sensors/0/range/min", "\"cold\""},
      {"sensors/0/range/typical", "20"},
      {"sensors/0/accuracy", "-0.1"},
      {"sensors/0/samplingSeconds", "0"},
      {"sensors/0/colour", "1"},
      {"cost/currency", "\"eur\""},
      {"cost/currency", "\"EU\""},
      {"cost/currency", "\"ABCDEFGHIJKLM\""},
      {"cost/perHour", "0.10"},
      {"cost/perHour", "\"0.1234567\""},
      {"cost/perHour", "\"-1\""},
      {"cost/perHour", "\"1e3\""},
      {"cost/perDay", "\"1\""},
      {"cost/perKilobyte", "\"1\"", "/devices/0/cost/perMegabyte"},
      {"cost/perWeek", "\"1\""},
      {"cost", "{\"currency\":\"EUR\"}"},
      {"payment/methods", "[]"},
      {"payment/methods", "\"credit\""},
      {"payment/methods", "[\"cash\"]", "/devices/0/payment/methods/0"},
      {"payment/methods", "[\"credit\",\"credit\"]", "/devices/0/payment/methods/1"},
      {"payment/methods", "[1]", "/devices/0/payment/methods/0"},
      {"payment/address", "\"somewhere\""},
      {"payment/iban", "\"x\""},
      {"access/protocol", "\"http\""},
      {"access/endpoint", "\"mqtt://h:1\""},
      {"access/sealed", "\"x\""},
      {"access/sealed/ciphertext", "\"\""},
      {"access/sealed/ciphertext", "\"AAAA\""},
      {"access/sealed/ciphertext", "\"a+b/\""},
      {"access/sealed/nonce", "\"AAAA\""},
      {"access/sealed/nonce", "5"},
      {"access/sealed/recipients", "[]"},
      {"access/sealed/recipients/0/member", "\"node-9\""},
      {"access/sealed/recipients/1/member", "\"node-1\""},
      {"access/sealed/recipients/0/key", "\"AAAA\""},
      {"access/sealed/recipients/0/name", "\"x\""},
      {"access/sealed/tag", "\"AAAA\""},
      {"id", "\"urn:agiddi:device:1\""},
      {"version", "1"},
  };
  for (const Refused& refused : cases) {
    INFO(refused.path << " = " << refused.value);
    const auto errors = errors_of([&](Json& json) { at(json, refused.path) = parsed(refused.value); });
    REQUIRE_FALSE(errors.empty());
    const std::string pointer = refused.pointer ? refused.pointer : std::string("/devices/0/") + refused.path;
    CHECK(std::any_of(errors.begin(), errors.end(), [&](const FieldError& error) { return error.pointer == pointer; }));
    for (const FieldError& error : errors) CHECK_FALSE(error.detail.empty());
  }
}

TEST_CASE("every required member is asked for at its pointer") {
  for (const char* path : {"name", "type", "location", "location/latitude", "location/longitude", "sensors", "sensors/0/name",
                           "sensors/0/observedProperty", "sensors/0/unit", "sensors/0/range", "sensors/0/range/min", "sensors/0/range/max", "cost",
                           "cost/currency", "payment", "payment/methods", "access", "access/protocol", "access/sealed", "access/sealed/ciphertext",
                           "access/sealed/nonce", "access/sealed/recipients"}) {
    INFO(path);
    const std::string_view whole(path);
    const auto slash = whole.rfind('/');
    const auto errors = errors_of([&](Json& json) {
      if (slash == whole.npos) {
        drop(json, whole);
      } else {
        drop(at(json, whole.substr(0, slash)), whole.substr(slash + 1));
      }
    });
    CHECK(std::find(errors.begin(), errors.end(), FieldError{std::string("/devices/0/") + path, "is required"}) != errors.end());
  }
}

TEST_CASE("limits: a sensor's name is unique, a name has 200 characters, a device 64 sensors") {
  const auto twice = errors_of([](Json& json) { at(json, "sensors").push(Json(at(json, "sensors/0"))); });
  REQUIRE(twice.size() == 1);
  CHECK(twice[0].pointer == "/devices/0/sensors/1/name");
  CHECK(errors_of([](Json& json) { at(json, "name") = std::string(200, 'x'); }).empty());
  CHECK(errors_of([](Json& json) { at(json, "name") = std::string(201, 'x'); }).size() == 1);
  CHECK(errors_of([](Json& json) { at(json, "description") = std::string(2001, 'x'); }).size() == 1);
  const auto with_sensors = [](int count) {
    return [count](Json& json) {
      const Json one = at(json, "sensors/0");
      Json many = Json::array();
      for (int i = 0; i < count; ++i) many.push(Json(one).set("name", "s" + std::to_string(i)));
      at(json, "sensors") = many;
    };
  };
  CHECK(errors_of(with_sensors(64)).empty());
  CHECK(errors_of(with_sensors(65)).size() == 1);
}

TEST_CASE("sealed access is for exactly the members in force and at most 4096 bytes") {
  const auto missing = errors_of([](Json& json) { at(json, "access/sealed/recipients").items().pop_back(); });
  REQUIRE(missing.size() == 1);
  CHECK(missing[0].pointer == "/devices/0/access/sealed/recipients");
  CHECK(missing[0].detail.find("node-2") != std::string::npos);
  CHECK(errors_of([](Json& json) { at(json, "access/sealed/ciphertext") = to_base64url(Bytes(4096, 'c')); }).empty());
  CHECK(errors_of([](Json& json) { at(json, "access/sealed/ciphertext") = to_base64url(Bytes(4097, 'c')); }).size() == 1);
}

TEST_CASE("a registration holds 1 to 1000 devices and tells of all mistakes at once") {
  Json body = Json::object({{"devices", Json::array({device_json(), device_json()})}});
  CHECK(parse_registration(body, context()).value().size() == 2);
  at(body, "devices/0/name") = Json();
  at(body, "devices/1/cost/currency") = "x";
  body.set("extra", 1);
  const auto refused = parse_registration(body, context());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().status == Status::invalid);
  std::vector<std::string> pointers;
  for (const auto& error : refused.error().fields) pointers.push_back(error.pointer);
  CHECK(pointers == std::vector<std::string>{"/devices/0/name", "/devices/1/cost/currency", "/extra"});
  CHECK_FALSE(parse_registration(Json::array(), context()));
  CHECK_FALSE(parse_registration(Json::object({{"devices", Json::array()}}), context()));
}

TEST_CASE("an update names its device and the version that it replaces") {
  const std::string id = "urn:agiddi:device:" + std::string(64, 'a');
  Json body = device_json();
  body.set("id", id).set("version", 3);
  const auto update = parse_update(body, context());
  REQUIRE(update);
  CHECK(update->id == id);
  CHECK(update->version == 3);
  CHECK_FALSE(parse_update(device_json(), context()));
  const auto bad = errors_of([](Json& json) { json.set("id", "urn:agiddi:device:XX").set("version", 0); }, true);
  REQUIRE(bad.size() == 2);
  CHECK(bad[0].pointer == "/devices/0/id");
  CHECK(bad[1].pointer == "/devices/0/version");
}

TEST_CASE("the digest of sealed access depends on its ciphertext only") {
  DeviceDescription one = device();
  const Hash digest = sealed_digest(one.sealed);
  one.sealed.recipients.clear();
  CHECK(sealed_digest(one.sealed) == digest);
  one.sealed.ciphertext[0] ^= 1;
  CHECK(sealed_digest(one.sealed) != digest);
}
