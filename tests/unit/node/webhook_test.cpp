// What a webhook is made of: addresses, signatures, bodies, pauses. What happens with real receivers is in tests/e2e/test_webhook.py.
#include <catch2/catch.hpp>

#include "node/delivery/webhook.h"
#include "node/webhook/message_signature.h"
#include "protocol/encoding.h"
#include "protocol/identity.h"
#include "subservices/forwarding/senml_pack.h"

using namespace agiddi;
using namespace agiddi::node;

namespace {

constexpr const char* kMeasurement =
    R"({"@context":{"x":"y"},"@type":"sosa:Observation","madeBySensor":"urn:agiddi:device:ab/sensor/air%20\"1","observedProperty":"urn:p",)"
    R"("hasResult":{"numericValue":20.123456789012345678901234,"unit":"http://qudt.org/vocab/unit/DEG_C"},"resultTime":"2026-01-02T03:04:05.070Z",)"
    R"("device":"urn:agiddi:device:ab","deviceVersion":1,"integration":"cd","epoch":2,"sequence":7})";

std::string field(const std::vector<std::pair<std::string, std::string>>& fields, const std::string& name) {
  for (const auto& [key, value] : fields) {
    if (key == name) return value;
  }
  return "";
}

}  // namespace

TEST_CASE("addresses of webhooks are read strictly and written canonically") {
  const auto text = [](const char* url) {
    const auto parsed = parse_webhook_url(url);
    return parsed ? parsed->text() : std::string("refused");
  };
  CHECK(text("https://Example.ORG") == "https://example.org/");
  CHECK(text("https://example.org:443/a?b=c") == "https://example.org/a?b=c");
  CHECK(text("http://127.0.0.1:80?b") == "http://127.0.0.1/?b");
  CHECK(text("https://[2001:DB8::1]:8443/x") == "https://[2001:db8::1]:8443/x");
  CHECK(parse_webhook_url("https://[::1]/")->host == "::1");
  for (const char* bad : {"", "example.org", "ftp://example.org/", "https://", "https:///a", "https://a b/", "https://a/\r\nX: y", "https://user:pw@a/", "https://a/#f", "https://a:0/",
                          "https://a:65536/", "https://a:/", "https://a:8x/", "https://[::1/", "https://[1.2.3.4]/", "https://\xc3\xa4/", "https://a/\xc3\xa4", "https://a\\b/"}) {
    CHECK(text(bad) == "refused");
  }
  CHECK(text(("https://a/" + std::string(kWebhookUrlMax_bytes - 10, 'x')).c_str()) != "refused");
  CHECK(text(("https://a/" + std::string(kWebhookUrlMax_bytes - 9, 'x')).c_str()) == "refused");
}

TEST_CASE("what the dial policy never allows is refused at registration") {
  const auto allowed = [](const char* url, bool allow_private) { return check_webhook_address(*parse_webhook_url(url), {allow_private, false}).has_value(); };
  CHECK(allowed("https://example.org/", false));
  CHECK(allowed("https://93.184.216.34/", false));
  for (const char* url : {"https://127.0.0.1/", "https://localhost/", "https://10.1.2.3/", "https://169.254.169.254/", "https://[::1]/", "https://[fe80::1]/", "https://[::ffff:127.0.0.1]/", "http://127.0.0.1/"}) {
    CHECK_FALSE(allowed(url, false));
    CHECK(allowed(url, true));
  }
  CHECK_FALSE(allowed("http://example.org/", true));
  CHECK_FALSE(allowed("http://10.1.2.3/", true));
}

TEST_CASE("a post is signed by RFC 9421 over method, target, digest, type and integration") {
  CHECK(content_digest("{\"hello\": \"world\"}\n") == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:");   // RFC 9530, appendix B.1
  const KeyPair key = KeyPair::generate();
  const auto fields = signed_fields({"https://a/x", "application/ld+json", "cd", "[]"}, key, 1'700'000'000'999);
  const std::string input = field(fields, "Signature-Input"), parameters = input.substr(7);
  CHECK(input == "agiddi=(\"@method\" \"@target-uri\" \"content-digest\" \"content-type\" \"agiddi-integration\");created=1700000000;keyid=\"" + did_from_key(key.public_key()) +
                     "\";alg=\"ed25519\";tag=\"agiddi-webhook\"");
  std::string base64 = field(fields, "Signature").substr(8);
  base64 = base64.substr(0, base64.find_first_of("=:"));
  std::replace(base64.begin(), base64.end(), '+', '-');
  std::replace(base64.begin(), base64.end(), '/', '_');
  const auto signature = signature_from_bytes(from_base64url(base64).value()).value();
  const std::string base = "\"@method\": POST\n\"@target-uri\": https://a/x\n\"content-digest\": " + content_digest("[]") +
                           "\n\"content-type\": application/ld+json\n\"agiddi-integration\": cd\n\"@signature-params\": " + parameters;
  CHECK(verify(key.public_key(), base, signature));
  CHECK_FALSE(verify(key.public_key(), base + " ", signature));
}

TEST_CASE("readings are written as JSON-LD with ids, or as a SenML pack of the same digits") {
  const std::vector<IdentifiedMeasurement> two(2, {"urn:id:1", std::make_shared<const std::string>(kMeasurement)});
  const std::string list = measurements_body(WebhookFormat::jsonld, two);
  CHECK(list.starts_with(R"([{"@id":"urn:id:1","@context":{"x":"y"},"@type")"));
  CHECK(std::count(list.begin(), list.end(), '\n') == 1);
  const std::string record = R"({"bn":"urn:agiddi:device:ab/sensor/","n":"air_2520_221","u":"Cel","v":20.123456789012345678901234,"t":1767323045.070,)"
                             R"("agiddi:integration":"cd","agiddi:epoch":2,"agiddi:deviceVersion":1,"agiddi:sequence":7,"agiddi:id":"urn:id:1"})";
  CHECK(measurements_body(WebhookFormat::senml, two) == "[" + record + ",\n" + record + "]");
  CHECK(measurements_body(WebhookFormat::jsonld, {}) == "[]");
}

TEST_CASE("what is registered is read back from the node's note") {
  const Json request = Json::object({{"integration", "00"}, {"url", "https://A.example/x"}, {"format", "senml"}, {"unit", "[degF]"}});
  const auto terms = parse_webhook_request(request);
  REQUIRE(terms);
  CHECK(terms->json().dump() == R"({"url":"https://a.example/x","format":"senml","unit":"http://qudt.org/vocab/unit/DEG_F"})");
  const auto again = parse_webhook_request(terms->json().set("integration", "00"));
  REQUIRE(again);
  CHECK(again->json().dump() == terms->json().dump());
  const auto refused = parse_webhook_request(Json::object({{"integration", "00"}, {"url", "x"}, {"format", "csv"}, {"unit", "furlong"}, {"more", 1}}));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().fields.size() == 4);
}

TEST_CASE("pauses grow to a minute, with chance, and are not shorter than what was asked for") {
  for (int failures : {1, 2, 3, 6, 7, 100, 1'000'000}) {
    const std::int64_t whole = std::min<std::int64_t>(60'000, 1'000LL << std::min(failures - 1, 10));
    std::set<std::int64_t> seen;
    for (int i = 0; i < 50; ++i) {
      const std::int64_t pause = webhook_pause(failures, std::nullopt).count();
      CHECK(pause >= whole / 2);
      CHECK(pause <= whole);
      seen.insert(pause);
    }
    CHECK(seen.size() > 10);
  }
  CHECK(webhook_pause(1, 30).count() == 30'000);
  CHECK(webhook_pause(1, 1'000'000'000'000).count() == 3'600'000);
}
