// Broker urls, and which addresses may be dialled. The client itself is tested with a real broker in delivery_test.
#include <catch2/catch.hpp>

#include "node/mqtt/dial_policy.h"

using namespace agiddi;
using namespace agiddi::node;

TEST_CASE("broker urls are read strictly and written canonically") {
  const std::pair<const char*, const char*> good[] = {
      {"mqtt://127.0.0.1:1883", "mqtt://127.0.0.1:1883"}, {"mqtt://Example.ORG", "mqtt://example.org:1883"}, {"mqtts://example.org", "mqtts://example.org:8883"},
      {"mqtt://[::1]:99", "mqtt://[::1]:99"},             {"mqtts://[2001:DB8::1]", "mqtts://[2001:db8::1]:8883"}, {"mqtt://host:1/", "mqtt://host:1"}};
  for (const auto& [text, canonical] : good) {
    const auto url = parse_mqtt_url(text);
    INFO(text);
    REQUIRE(url);
    CHECK(url->text() == canonical);
  }
  const char* bad[] = {"", "mqtt://", "mqtt://:1", "http://host", "mqtt:host", "mqtt://host:0", "mqtt://host:65536", "mqtt://host:1x", "mqtt://host:",
                       "mqtt://user@host", "mqtt://host/path", "mqtt://host?x", "mqtt://ho st", "mqtt://[::1", "mqtt://[::1]x", "mqtt://[host]", "MQTT://host",
                       "mqtt://host:1:2", "mqtt://host:-1"};
  for (const char* text : bad) {
    INFO(text);
    CHECK_FALSE(parse_mqtt_url(text));
  }
}

TEST_CASE("special addresses are told from global ones (RFC 6890)") {
  for (const char* address : {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"}) CHECK(address_kind(address) == AddressKind::loopback);
  for (const char* address : {"0.0.0.0", "10.1.2.3", "100.64.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.0.2.7", "198.18.0.1",
                              "224.0.0.1", "255.255.255.255", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "::ffff:10.0.0.1", "2001:db8::1",
                              "2002:7f00:1::", "64:ff9b::7f00:1", "not an address"}) {
    INFO(address);
    CHECK(address_kind(address) == AddressKind::special);
  }
  for (const char* address : {"8.8.8.8", "172.32.0.1", "192.0.3.1", "2a00:1450:4001::5", "::ffff:8.8.8.8"}) {
    INFO(address);
    CHECK(address_kind(address) == AddressKind::global);
  }
}

TEST_CASE("the dial policy") {
  const auto may = [](const char* url, bool allow_private, bool allow_plain) {
    const MqttUrl parsed = parse_mqtt_url(url).value();
    return resolve_allowed(parsed.host, parsed.tls, {allow_private, allow_plain}).has_value();
  };
  CHECK_FALSE(may("mqtt://127.0.0.1:1", false, false));
  CHECK(may("mqtt://127.0.0.1:1", true, false));
  CHECK_FALSE(may("mqtt://10.0.0.1:1", true, false));
  CHECK(may("mqtts://10.0.0.1:1", true, false));
  CHECK(may("mqtt://10.0.0.1:1", true, true));
  CHECK_FALSE(may("mqtts://10.0.0.1:1", false, false));
  CHECK_FALSE(may("mqtt://8.8.8.8:1", false, false));
  CHECK(may("mqtts://8.8.8.8:1", false, false));
  CHECK_FALSE(may("mqtts://169.254.169.254:1", false, true));
}
