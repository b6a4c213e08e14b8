// Readings, meters and measurements: the pure parts of forwarding.
#include <catch2/catch.hpp>
#include <random>

#include "ontology/metadata.h"
#include "ontology/units.h"
#include "subservices/forwarding/measurement.h"
#include "subservices/forwarding/meter.h"
#include "subservices/forwarding/payload_json.h"
#include "subservices/forwarding/recent_readings.h"
#include "subservices/forwarding/senml_pack.h"

using namespace agiddi;
using namespace agiddi::subservices;

namespace {

constexpr TimeMs kNow = 1'767'225'600'000;   // 2026-01-01T00:00:00Z
const std::string kCelsius = "http://qudt.org/vocab/unit/DEG_C", kFahrenheit = "http://qudt.org/vocab/unit/DEG_F", kKelvin = "http://qudt.org/vocab/unit/K";
const std::string kHectopascal = "http://qudt.org/vocab/unit/HectoPA";

MeasurementFrame station(std::size_t sensors = 2) {
  MeasurementFrame frame;
  frame.device.context = Json::object({{"sosa", "http://www.w3.org/ns/sosa/"}});
  frame.device.device = "urn:agiddi:device:ab";
  frame.device.version = 3;
  frame.device.sensors = {{"air", "urn:agiddi:device:ab/sensor/air", "https://example.org/AirTemperature", kCelsius},
                          {"barometer", "urn:agiddi:device:ab/sensor/barometer", "https://example.org/Pressure", kHectopascal}};
  frame.device.sensors.resize(sensors);
  frame.integration = "cd";
  frame.epoch = 2;
  return frame;
}

std::vector<ResolvedReading> resolve(const MeasurementFrame& frame, std::string_view payload) {
  const auto readings = parse_readings(payload, kNow);
  REQUIRE(readings);
  return resolve_readings(frame, *readings, kNow);
}

}  // namespace

TEST_CASE("a plain reading keeps its text") {
  const auto readings = parse_readings(R"( {"sensor":"air", "value":21.30, "time":"2025-12-31T23:59:58.5Z"} )", kNow);
  REQUIRE(readings);
  REQUIRE(readings->size() == 1);
  CHECK(readings->front().name == "air");
  CHECK(readings->front().value == "21.30");
  CHECK(readings->front().time == kNow - 1'500);
  CHECK(parse_readings(R"({"sensor":"air","value":0.30000000000000004})", kNow)->front().value == "0.30000000000000004");
  CHECK(parse_readings(R"({"sensor":"air","value":1,"time":1767225600.25})", kNow)->front().time == kNow + 250);
  CHECK(parse_readings(R"({"value":-1.5e-3,"sensor":"\u0061ir"})", kNow)->front().name == "air");
}

TEST_CASE("a bare number is a reading") {
  for (const char* text : {"0", "-0.5", "21", "21.30", "1e3", "1E+03", "12345678901234567890.125"}) {
    const auto readings = parse_readings(text, kNow);
    REQUIRE(readings);
    CHECK(readings->front().value == text);
    CHECK(readings->front().name.empty());
  }
}

TEST_CASE("garbage is no reading") {
  const char* payloads[] = {
      "", " ", "x", "null", "true", "\"21\"", "+1", "01", "1.", ".5", "1e", "1e99", "1 2", "NaN", "Infinity", "-", "0x10",
      "{}", R"({"sensor":"air"})", R"({"value":1})", R"({"sensor":"air","value":"1"})", R"({"sensor":7,"value":1})",
      R"({"sensor":"air","value":1,"extra":1})", R"({"sensor":"air","value":1,"value":2})", R"({"sensor":"air","value":1,"time":"yesterday"})",
      R"({"sensor":"air","value":1,"time":-1})", R"({"sensor":"air","value":1,"time":1e20})", R"({"sensor":"air","value":1,"time":null})",
      R"({"sensor":"air","value":{"v":1}})", R"({"sensor":"air","value":1,})", R"({"sensor":"air","value":1}})", R"({"sensor":"a\qir","value":1})",
      R"({"sensor":"\ud800","value":1})", "{\"sensor\":\"a\nir\",\"value\":1}", "[]", "[1]", "[[]]", R"([{"n":"air"}])", R"([{"n":"air","vs":"x"}])",
      R"([{"n":"air","v":1,"foo_":2}])", R"([{"bver":11,"n":"air","v":1}])", R"([{"n":"air","v":"1"}])", R"([{"n":"air","v":1},])",
      "12345678901234567890123456789012345"};
  for (const char* payload : payloads) {
    INFO(payload);
    CHECK_FALSE(parse_readings(payload, kNow));
  }
  CHECK_FALSE(parse_readings(std::string("1\0", 2), kNow));
  CHECK_FALSE(parse_readings("{\"sensor\":\"\xff\",\"value\":1}", kNow));
  CHECK_FALSE(parse_readings(std::string(70'000, ' ') + "1", kNow));
  std::string many = "[";
  for (int i = 0; i < 1001; ++i) many += std::string(i > 0 ? "," : "") + "{\"n\":\"air\",\"v\":1}";
  CHECK_FALSE(parse_readings(many + "]", kNow));
  CHECK_FALSE(parse_readings(std::string(1000, '['), kNow));
}

TEST_CASE("SenML base fields are resolved exactly (RFC 8428 section 5.1)") {
  const auto readings = parse_readings(
      R"([{"bn":"urn:dev:ow:10e2073a01080063:","bt":1.320067464e+09,"bu":"%RH","v":21.2,"t":0},
          {"n":"temp","u":"Cel","v":23.1,"t":10},{"v":20.3,"t":60}])", kNow);
  REQUIRE(readings);
  REQUIRE(readings->size() == 3);
  CHECK((*readings)[0].name == "urn:dev:ow:10e2073a01080063:");
  CHECK((*readings)[0].unit == "%RH");
  CHECK((*readings)[0].time == 1'320'067'464'000);
  CHECK((*readings)[1].name == "urn:dev:ow:10e2073a01080063:temp");
  CHECK((*readings)[1].unit == "Cel");
  CHECK((*readings)[1].time == 1'320'067'474'000);
  CHECK((*readings)[2].time == 1'320'067'524'000);
}

TEST_CASE("SenML base values are added without rounding, and relative times count from now") {
  auto readings = parse_readings(R"([{"bv":0.1,"n":"air","v":0.2,"t":-5},{"n":"air"},{"n":"air","v":1e-20}])", kNow);
  REQUIRE(readings);
  REQUIRE(readings->size() == 3);
  CHECK((*readings)[0].value == "0.3");
  CHECK((*readings)[0].time == kNow - 5'000);
  CHECK((*readings)[1].value == "0.1");
  CHECK((*readings)[2].value == "0.10000000000000000001");
  CHECK((*readings)[2].time == kNow);
  readings = parse_readings(R"([{"bn":"a"},{"n":"ir","v":7},{"n":"x","vb":true},{"n":"y","s":3}])", kNow);
  REQUIRE(readings);
  REQUIRE(readings->size() == 1);
  CHECK(readings->front().name == "air");
}

TEST_CASE("readings find their sensor or are left out") {
  const auto frame = station();
  CHECK(resolve(frame, R"({"sensor":"barometer","value":1013.2})").front().sensor == 1);
  CHECK(resolve(frame, R"({"sensor":"wind","value":3})").empty());
  CHECK(resolve(frame, "21.5").empty());
  CHECK(resolve(station(1), "21.5").front().sensor == 0);
  CHECK(resolve(frame, R"([{"bn":"urn:dev:mac:1:","n":"barometer","v":1013}])").front().sensor == 1);
  CHECK(resolve(frame, R"([{"n":"urn:dev:mac:1:barometer","v":1013}])").empty());
  CHECK(resolve(station(1), R"([{"bn":"urn:dev:mac:1","v":20}])").size() == 1);
  CHECK(resolve(frame, R"([{"n":"air","v":1},{"n":"wind","v":2},{"n":"barometer","v":3}])").size() == 2);
}

TEST_CASE("SenML units are converted to the declared unit, or the record is left out") {
  const auto frame = station();
  CHECK(resolve(frame, R"([{"n":"air","u":"Cel","v":21.30}])").front().value == "21.30");
  CHECK(resolve(frame, R"([{"n":"air","u":"K","v":294.45}])").front().value == "21.3");
  CHECK(resolve(frame, R"([{"n":"air","u":"Pa","v":1}])").empty());
  CHECK(resolve(frame, R"([{"n":"air","u":"furlong","v":1}])").empty());
  CHECK(resolve(frame, R"([{"n":"barometer","u":"Pa","v":101325}])").front().value == "1013.25");
}

TEST_CASE("a delivery unit converts what it can express") {
  auto frame = station();
  frame.delivery_unit = kFahrenheit;
  const auto warm = resolve(frame, R"({"sensor":"air","value":25})").front();
  CHECK(warm.value == "77");
  CHECK(warm.unit == kFahrenheit);
  CHECK(resolve(frame, R"({"sensor":"air","value":-40})").front().value == "-40");
  CHECK(resolve(frame, R"({"sensor":"barometer","value":1013.25})").front().unit == kHectopascal);
  frame.device.sensors[0].unit = kFahrenheit;
  frame.delivery_unit = kCelsius;
  CHECK(resolve(frame, R"({"sensor":"air","value":100})").front().value == "37.777777777778");

  CHECK(resolve_delivery_unit("[degF]", {station().device}).value() == kFahrenheit);
  CHECK(resolve_delivery_unit(kKelvin, {station().device}).value() == kKelvin);
  for (const char* wrong : {"m", "furlong", ""}) {
    const auto refused = resolve_delivery_unit(wrong, {station().device});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().status == Status::invalid);
    CHECK(refused.error().fields.front().pointer == "/delivery/unit");
  }
}

TEST_CASE("a measurement has the unified template's form, byte for byte") {
  const auto frame = station();
  const auto reading = resolve(frame, R"({"sensor":"air","value":21.30})").front();
  CHECK(measurement_json(frame, reading, 7) ==
        R"({"@context":{"sosa":"http://www.w3.org/ns/sosa/"},"@type":"sosa:Observation","madeBySensor":"urn:agiddi:device:ab/sensor/air",)"
        R"("observedProperty":"https://example.org/AirTemperature","hasResult":{"numericValue":21.30,"unit":"http://qudt.org/vocab/unit/DEG_C"},)"
        R"("resultTime":"2026-01-01T00:00:00.000Z","device":"urn:agiddi:device:ab","deviceVersion":3,"integration":"cd","epoch":2,"sequence":7})");
}

TEST_CASE("a measurement in SenML is a pack of one record, made at once or from the unified template to the same bytes") {
  MeasurementFrame frame = station();
  frame.device.sensors.front().iri = "urn:agiddi:device:ab/sensor/air%20\"1_";
  const auto reading = resolve(frame, R"({"sensor":"air","value":21.123456789012345678901,"time":"2026-01-01T00:00:00.070Z"})").front();
  const std::string unified = measurement_json(frame, reading, 7);
  frame.senml = true;
  const std::string pack = measurement_json(frame, reading, 7);
  CHECK(pack == R"([{"bn":"urn:agiddi:device:ab/sensor/","n":"air_2520_221_5F","u":"Cel","v":21.123456789012345678901,"t":1767225600.070,)"
                R"("agiddi:integration":"cd","agiddi:epoch":2,"agiddi:deviceVersion":3,"agiddi:sequence":7}])");
  CHECK(senml_pack(unified) == pack);
  std::string line, two;
  write_measurement(line, texts_without_conversion(frame)->front(), reading.value, reading.time, 7);
  CHECK(line == pack);
  append_senml_record(two, unified, "urn:id:1");
  append_senml_record(two, unified, "");
  CHECK(two == pack.substr(1, pack.size() - 3) + R"(,"agiddi:id":"urn:id:1"},)" + "\n" + pack.substr(1, pack.size() - 2));
  const auto read_back = parse_readings(pack, kNow);   // a reader of SenML's: names are whole, our labels passed over
  REQUIRE(read_back);
  CHECK((read_back->front().name == "urn:agiddi:device:ab/sensor/air_2520_221_5F" && read_back->front().unit == "Cel" && read_back->front().time == kNow + 70));
  const auto whole_second = resolve(frame, R"({"sensor":"air","value":1,"time":"2026-01-01T00:00:05Z"})").front();
  CHECK(measurement_json(frame, whole_second, 1).find("\"t\":1767225605,") != std::string::npos);
  for (const auto& [said, written] : {std::pair("12", "0"), {"268435455.999", "0"}, {"268435456", "268435456"}, {"268435456.5", "268435456.500"}}) {   // smaller ones would be relative to now
    const auto old = resolve(frame, std::string(R"({"sensor":"air","value":1,"time":)") + said + "}").front();
    CHECK(measurement_json(frame, old, 1).find(std::string("\"t\":") + written + ",") != std::string::npos);
  }
}

TEST_CASE("SenML names units as its registries do, where they have them") {
  const auto of = [](const char* ucum) {
    const auto* unit = ontology::units().find(ucum);
    REQUIRE(unit != nullptr);
    return senml_unit(unit->iri);
  };
  for (const auto& [ucum, senml] : {std::pair("Cel", "Cel"), {"%", "%"}, {"1", "/"}, {"L", "l"}, {"L/s", "l/s"}, {"[pH]", "pH"}, {"[ppm]", "ppm"}, {"{#}", "count"}, {"/min", "1/min"}, {"By", "B"},
                                   {"V.A", "VA"}, {"kW.h", "kWh"}, {"V.A{reactive}", "var"}, {"dB{mW}", "dBm"}, {"hPa", "hPa"}, {"[degF]", "[degF]"}}) {
    CHECK(of(ucum) == senml);
  }
  CHECK(senml_unit("https://example.org/none").empty());
  for (const ontology::Unit& unit : ontology::units().all()) {   // no two units share a name, and each is read back as itself
    const ontology::Unit* found = ontology::units().find(ucum_of_senml(senml_unit(unit.iri)));
    INFO(unit.iri);
    CHECK(found == &unit);
  }
}

TEST_CASE("the meter admits up to the last byte and the last millisecond") {
  Meter meter({std::uint64_t{100}, TimeMs{1'000}});
  CHECK(meter.admit(60, 1, 500));
  CHECK(meter.admit(40, 3, 1'000));
  CHECK(meter.bytes_remaining() == std::uint64_t{0});
  CHECK(meter.sequence() == 4);
  CHECK(meter.readings() == 2);
  CHECK_FALSE(meter.admit(1, 1, 1'000));
  CHECK(meter.ended() == MeterEnd::data);

  Meter timed({std::nullopt, TimeMs{1'000}});
  CHECK(timed.admit(1'000'000, 1, 1'000));
  CHECK_FALSE(timed.expire(1'000));
  CHECK_FALSE(timed.admit(1, 1, 1'001));
  CHECK(timed.ended() == MeterEnd::time);
  CHECK_FALSE(timed.admit(1, 1, 500));
}

TEST_CASE("the first message that would pass the limit ends the meter, a smaller one after it too") {
  Meter meter({std::uint64_t{100}, std::nullopt});
  CHECK(meter.admit(99, 1, 0));
  CHECK_FALSE(meter.admit(2, 1, 0));
  CHECK_FALSE(meter.admit(1, 1, 0));
  CHECK(meter.bytes_used() == 99);
}

TEST_CASE("huge sizes do not overflow the meter") {
  Meter meter({std::numeric_limits<std::uint64_t>::max(), std::nullopt}, std::numeric_limits<std::uint64_t>::max() - 10);
  CHECK(meter.admit(10, 1, 0));
  CHECK_FALSE(meter.admit(1, 1, 0));
  Meter spent({std::uint64_t{5}, std::nullopt}, 9);
  CHECK_FALSE(spent.admit(0, 1, 0));
  CHECK(spent.bytes_remaining() == std::uint64_t{0});
}

TEST_CASE("random traffic never passes a limit, and a restart anywhere changes nothing") {
  std::mt19937_64 random(20260101);
  for (int round = 0; round < 300; ++round) {
    const MeterLimits limits{random() % 5'000, static_cast<TimeMs>(random() % 5'000)};
    Meter meter(limits);
    std::uint64_t sum = 0, sequence = 0;
    bool refused = false;
    TimeMs now = 0;
    for (int i = 0; i < 200; ++i) {
      if (random() % 3 == 0) meter = Meter::restore(limits, meter.record()).value();
      now += static_cast<TimeMs>(random() % 60);
      const std::uint64_t size = random() % 100;
      const auto measurements = static_cast<std::uint32_t>(1 + random() % 3);
      const bool fits = sum + size <= *limits.bytes && now <= *limits.expires;
      const bool admitted = meter.admit(size, measurements, now);
      CHECK(admitted == (fits && !refused));
      refused = refused || !fits;
      if (admitted) sum += size, sequence += measurements;
      REQUIRE(meter.bytes_used() == sum);
      REQUIRE(meter.sequence() == sequence);
    }
  }
}

TEST_CASE("a damaged meter record is refused") {
  const Bytes record = Meter({std::uint64_t{1}, std::nullopt}).record();
  CHECK(Meter::restore({}, record));
  CHECK_FALSE(Meter::restore({}, ""));
  CHECK_FALSE(Meter::restore({}, record.substr(1)));
  CHECK_FALSE(Meter::restore({}, "\x03" + record.substr(1)));
  CHECK_FALSE(Meter::restore({}, "\x01" + record.substr(1)));
  CHECK_FALSE(Meter::restore({}, record.substr(0, 1) + "\x09" + record.substr(2)));
}

TEST_CASE("a meter's record of a former release has no measurements of its own") {
  Meter meter({std::uint64_t{1'000}, std::nullopt}, 10, 3, 5);
  REQUIRE(meter.admit(20, 4, 7));
  CHECK(meter.measurements() == 9);
  CHECK(Meter::restore({}, meter.record())->measurements() == 9);
  const Bytes record = meter.record();
  const auto former = Meter::restore({}, "\x01" + record.substr(1, record.size() - 1 - 8));
  REQUIRE(former);
  CHECK(former->bytes_used() == 30);
  CHECK(former->measurements() == 4);
  meter.catch_up(100, 6, 11, std::nullopt);
  CHECK(meter.measurements() == 11);
}

TEST_CASE("what was counted elsewhere is taken up, and what nobody knows is left out") {
  Meter meter({std::uint64_t{1'000}, std::nullopt});
  REQUIRE(meter.admit(100, 1, 5));
  meter.catch_up(300, 4, 4, 9);
  meter.catch_up(200, 3, 3, 8);   // late
  CHECK(meter.bytes_used() == 300);
  CHECK(meter.readings() == 4);
  CHECK(meter.sequence() == 4);
  CHECK(meter.last_reading() == 9);
  meter.lose(500, 40);
  CHECK(meter.bytes_remaining() == std::uint64_t{200});
  CHECK(meter.sequence() == 40);
  CHECK_FALSE(meter.admit(201, 1, 10));
}

TEST_CASE("measurements of ready-made texts are those of a document") {
  MeasurementFrame frame;
  frame.device.context = Json::object({{"sosa", "http://www.w3.org/ns/sosa/"}});
  frame.device.device = "urn:d";
  frame.device.version = 3;
  frame.device.sensors = {{"air \"1\"", "urn:d/sensor/air", "urn:p", "http://qudt.org/vocab/unit/DEG_C"}};
  frame.integration = "abc";
  frame.epoch = 2;
  const ResolvedReading reading{0, "-1.50e+2", "http://qudt.org/vocab/unit/DEG_C", 1'767'225'600'123};
  const Json document = Json::object({{"@context", frame.device.context},
                                      {"@type", "sosa:Observation"},
                                      {"madeBySensor", "urn:d/sensor/air"},
                                      {"observedProperty", "urn:p"},
                                      {"hasResult", Json::object({{"numericValue", Json::number(reading.value)}, {"unit", reading.unit}})},
                                      {"resultTime", time_text(reading.time)},
                                      {"device", "urn:d"},
                                      {"deviceVersion", std::uint64_t{3}},
                                      {"integration", "abc"},
                                      {"epoch", std::uint64_t{2}},
                                      {"sequence", std::uint64_t{77}}});
  CHECK(measurement_json(frame, reading, 77) == document.dump());
  REQUIRE(texts_without_conversion(frame));
  std::string line;
  write_measurement(line, texts_without_conversion(frame)->front(), reading.value, reading.time, 77);
  CHECK(line == document.dump());
  frame.delivery_unit = "http://qudt.org/vocab/unit/DEG_F";
  CHECK_FALSE(texts_without_conversion(frame));
}

TEST_CASE("a message that is sent again is known by its bytes, when its readings carry their time") {
  const auto mark = [](const std::string& payload) { return RecentReadings::mark(payload, parse_readings(payload, 1'800'000'000'000).value()); };
  const std::string with_time = R"({"sensor":"air","value":20.5,"time":"2026-01-31T08:00:00Z"})";
  REQUIRE(mark(with_time));
  CHECK(mark(with_time) == mark(with_time));
  CHECK(mark(with_time) != mark(R"({"sensor":"air","value":20.5,"time":"2026-01-31T08:00:01Z"})"));
  CHECK_FALSE(mark(R"({"sensor":"air","value":20.5})"));
  CHECK_FALSE(mark("20.5"));

  RecentReadings recent;
  for (std::uint64_t i = 1; i <= RecentReadings::kKept + 1; ++i) {
    CHECK_FALSE(recent.contains(i));
    recent.add(i);
    recent.add(i);
    CHECK(recent.contains(i));
  }
  CHECK_FALSE(recent.contains(1));   // long ago
  CHECK(recent.contains(2));

  // Handed from process to process, so it is the same in each.
  CHECK(mark(with_time) == 10445560919218434231ULL);
  CHECK(recent.last(3) == std::vector<std::uint64_t>{RecentReadings::kKept - 1, RecentReadings::kKept, RecentReadings::kKept + 1});

  // Without room the oldest give way; with room again it grows and forgets none.
  RecentReadings small;
  CHECK(small.memory_bytes() == 0);
  for (std::uint64_t i = 1; i <= 100; ++i) small.add(i, false);
  CHECK(small.memory_bytes() == 24 * RecentReadings::kKeptFirst);
  CHECK(small.next_memory_bytes() == 48 * RecentReadings::kKeptFirst);
  CHECK((small.contains(69) && !small.contains(68)));
  for (std::uint64_t i = 101; i <= 120; ++i) small.add(i);
  CHECK((small.contains(69) && small.contains(120)));
  const auto all = small.last(1'000);
  CHECK((all.size() == 52 && all.front() == 69 && all.back() == 120));

  // Marks that meet in one place, gone in any order.
  RecentReadings crowded;
  const auto mark_of = [](std::uint64_t i) { return 1 + (i * 7'919) % 97 + (i << 20); };
  for (std::uint64_t i = 0; i < 5'000; ++i) {
    crowded.add(mark_of(i));
    for (std::uint64_t back = 0; back < 40; ++back) {
      if (back <= i) CHECK(crowded.contains(mark_of(i - back)));
    }
    if (i >= RecentReadings::kKept) CHECK_FALSE(crowded.contains(mark_of(i - RecentReadings::kKept)));
  }
}
