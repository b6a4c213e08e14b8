// Device tokens: what is taken, and everything that is not.
#include <catch2/catch.hpp>

#include "protocol/device_token.h"
#include "protocol/encoding.h"

using namespace agiddi;

namespace {

constexpr std::int64_t kNow = 1'700'000'000;

struct Device {
  KeyPair key = KeyPair::generate();
  DeviceTokenTerms terms{key.public_key(), "net-1", "i-abc"};

  std::string sign(const std::string& header, const std::string& claims) const {
    const std::string text = to_base64url(header) + "." + to_base64url(claims);
    return text + "." + to_base64url(view(key.sign(text)));
  }
  std::string claims(const std::string& aud, const std::string& sub, std::int64_t iat, std::int64_t exp, const std::string& more = "") const {
    return "{\"aud\":" + aud + ",\"sub\":" + sub + ",\"iat\":" + std::to_string(iat) + ",\"exp\":" + std::to_string(exp) + more + "}";
  }
  std::string refusal(const std::string& token) const {
    const auto checked = check_device_token(token, terms, kNow);
    if (checked) return "";
    CHECK(checked.error().status == Status::unauthorized);
    return checked.error().detail;
  }
  std::string with(const std::string& body, const std::string& header = R"({"alg":"EdDSA"})") const { return refusal(sign(header, body)); }
};

}  // namespace

TEST_CASE("a device's own token is taken, by its key, for its audience and user name only") {
  const Device device;
  const std::string token = make_device_token(device.key, "net-1", "i-abc", kNow, 300);
  CHECK(device.refusal(token).empty());
  CHECK(check_device_token(token, device.terms, kNow + 300 + kDeviceTokenClocksDiffer_s - 1));
  CHECK_FALSE(check_device_token(token, device.terms, kNow + 300 + kDeviceTokenClocksDiffer_s));
  CHECK_FALSE(check_device_token(token, device.terms, kNow - kDeviceTokenClocksDiffer_s - 1));
  CHECK_FALSE(check_device_token(token, {device.terms.key, "net-2", "i-abc"}, kNow));
  CHECK_FALSE(check_device_token(token, {device.terms.key, "net-1", "i-abd"}, kNow));
  CHECK_FALSE(check_device_token(token, {KeyPair::generate().public_key(), "net-1", "i-abc"}, kNow));
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    CHECK_FALSE(device.refusal(changed).empty());
  }
}

TEST_CASE("claims and headers of other makers of tokens") {
  const Device device;
  const std::string good = device.claims("\"net-1\"", "\"i-abc\"", kNow, kNow + 60);
  CHECK(device.with(good, R"({"typ":"JWT","alg":"EdDSA","kid":"1"})").empty());
  CHECK(device.with(good, R"({"alg":"Ed25519"})").empty());
  CHECK(device.with(device.claims(R"(["other","net-1"])", "\"i-abc\"", kNow, kNow + 60, R"(,"jti":"1","iss":"d")")).empty());
  CHECK(device.with(device.claims("\"net-1\"", "\"i-abc\"", kNow, kNow + 60, ",\"nbf\":" + std::to_string(kNow))).empty());
  CHECK(device.with(device.claims("\"net-1\"", "\"i-abc\"", kNow - 100, kNow - 100 + kDeviceTokenLifetimeMax_s)).empty());
}

TEST_CASE("what a token lacks or has wrong is refused") {
  const Device device;
  const std::string good = device.claims("\"net-1\"", "\"i-abc\"", kNow, kNow + 60);
  for (const char* header : {R"({"alg":"none"})", R"({"alg":"HS256"})", R"({"alg":1})", "{}", "[]", "x", R"({"alg":"EdDSA","crit":["x"]})"}) CHECK_FALSE(device.with(good, header).empty());
  for (const std::string& claims :
       {device.claims("\"net-2\"", "\"i-abc\"", kNow, kNow + 60), device.claims("[]", "\"i-abc\"", kNow, kNow + 60), device.claims("1", "\"i-abc\"", kNow, kNow + 60),
        device.claims("\"net-1\"", "1", kNow, kNow + 60), device.claims("\"net-1\"", "\"\"", kNow, kNow + 60), std::string("{}"), std::string("[]"), std::string("null"),
        device.claims("\"net-1\"", "\"i-abc\"", kNow, kNow - 61), device.claims("\"net-1\"", "\"i-abc\"", kNow + 61, kNow + 100),
        device.claims("\"net-1\"", "\"i-abc\"", kNow, kNow + kDeviceTokenLifetimeMax_s + 1), device.claims("\"net-1\"", "\"i-abc\"", 0, kNow + 60),
        device.claims("\"net-1\"", "\"i-abc\"", -9'000'000'000'000, 9'000'000'000'000), device.claims("\"net-1\"", "\"i-abc\"", kNow, kNow + 60, ",\"nbf\":" + std::to_string(kNow + 61)),
        device.claims("\"net-1\"", "\"i-abc\"", kNow, kNow + 60, ",\"nbf\":\"x\""), std::string(R"({"aud":"net-1","sub":"i-abc","iat":1700000000})"),
        std::string(R"({"aud":"net-1","sub":"i-abc","exp":1700000060})"), std::string(R"({"aud":"net-1","sub":"i-abc","iat":1700000000.5,"exp":1700000060})"),
        std::string(R"({"aud":"net-1","aud":"net-1","sub":"i-abc","iat":1700000000,"exp":1700000060})")}) {
    CHECK_FALSE(device.with(claims).empty());
  }
  const std::string token = device.sign(R"({"alg":"EdDSA"})", good);
  for (const std::string& bad : {std::string(), std::string("."), std::string(".."), std::string("..."), token + ".", "." + token, token + "=", token.substr(0, token.rfind('.')),
                                 token.substr(0, token.rfind('.') + 1), token + std::string(kDeviceTokenMax_bytes, 'A')}) {
    CHECK_FALSE(device.refusal(bad).empty());
  }
  CHECK(device.refusal("s3cret-token").find("s3cret") == std::string::npos);
}
