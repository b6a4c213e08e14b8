// Sealed access: each member opens it with its own key, and nobody else; what is written in and what is refused.
#include <catch2/catch.hpp>

#include "protocol/encoding.h"
#include "protocol/identity.h"
#include "tools/cli/sealing.h"

using namespace agiddi;
using namespace agiddi::tools;

namespace {

struct Members {
  std::vector<SealingKey> keys;
  Json answer = Json::object({{"network", "demo-1"}});
  std::vector<SealRecipient> recipients;
  explicit Members(std::size_t count) {
    Json list = Json::array();
    for (std::size_t i = 0; i < count; ++i) {
      keys.push_back(SealingKey::generate());
      list.push(Json::object({{"id", "node-" + std::to_string(i + 1)}, {"sealingKey", to_base64url(view(keys.back().public_key))}, {"state", "active"}}));
    }
    answer.set("validators", std::move(list));
    recipients = recipients_of(answer).value();
  }
};

Bytes raw(const Json& object, std::string_view name) { return from_base64url(object.find(name)->as_string()).value(); }

std::string refusal(const Outcome<Json>& outcome) {
  REQUIRE_FALSE(outcome);
  return problem_text(outcome.error().problem);
}

const Json kClear = parse_json(R"({"protocol":"mqtt","endpoint":"mqtt://127.0.0.1:1883","topic":"devices/a","token":"t"})").value();

}  // namespace

TEST_CASE("every member opens the sealed access with its own key") {
  const Members members(4);
  const Json clear = Json::object({{"endpoint", "mqtt://h:1"}, {"topic", "devices/x"}});
  const Json sealed = seal_json(clear, members.recipients).value();
  CHECK(raw(sealed, "nonce").size() == 24);
  const auto& recipients = sealed.find("recipients")->items();
  REQUIRE(recipients.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(recipients[i].find("member")->as_string() == "node-" + std::to_string(i + 1));
    const Bytes key = open_sealed(members.keys[i], raw(recipients[i], "key")).value();
    CHECK(aead_decrypt(key, raw(sealed, "nonce"), raw(sealed, "ciphertext")).value() == clear.dump());
    CHECK_FALSE(open_sealed(members.keys[(i + 1) % 4], raw(recipients[i], "key")));
  }
  CHECK(seal_json(clear, members.recipients).value().dump() != sealed.dump());
}

TEST_CASE("access in clear of a device becomes protocol and sealed, with provider and network written in") {
  const Members members(1);
  Json device = Json::object({{"name", "a"}, {"access", kClear}, {"price", Json::number("0.10")}});
  const Json out = seal_device(device, "/devices/0", "did:key:p", "demo-1", members.recipients).value();
  CHECK(out.find("price")->number_text() == "0.10");
  const Json& access = *out.find("access");
  CHECK(access.find("protocol")->as_string() == "mqtt");
  CHECK(access.members().size() == 2);
  CHECK(out.dump().find("devices/a") == std::string::npos);
  const Json& sealed = *access.find("sealed");
  const Bytes key = open_sealed(members.keys[0], raw(sealed.find("recipients")->items()[0], "key")).value();
  CHECK(aead_decrypt(key, raw(sealed, "nonce"), raw(sealed, "ciphertext")).value() ==
        R"({"endpoint":"mqtt://127.0.0.1:1883","topic":"devices/a","token":"t","provider":"did:key:p","network":"demo-1"})");

  CHECK(seal_device(out, "", "did:key:p", "demo-1", members.recipients).value().dump() == out.dump());
  const Json without = Json::object({{"name", "a"}});
  CHECK(seal_device(without, "", "p", "n", members.recipients).value().dump() == without.dump());
}

TEST_CASE("mistakes in clear access are named and not sealed away") {
  const Members members(1);
  const auto with = [&](const char* text) {
    return refusal(seal_device(Json::object({{"access", parse_json(text).value()}}), "/devices/3", "p", "n", members.recipients));
  };
  CHECK(with(R"({"protocol":"mqtt","topic":"t"})").find("/devices/3/access/endpoint") != std::string::npos);
  CHECK(with(R"({"endpoint":"http://h","topic":"t"})").find("/devices/3/access/endpoint") != std::string::npos);
  CHECK(with(R"({"endpoint":"e","topic":"t","tokne":"x"})").find("/devices/3/access/tokne") != std::string::npos);
  CHECK(with(R"({"endpoint":"e","topic":1})").find("/devices/3/access/topic") != std::string::npos);
  CHECK(with(R"({"endpoint":"e","topic":"t","provider":"other"})").find("/devices/3/access/provider") != std::string::npos);
  CHECK(with(R"({"endpoint":"mqtt://h:1","topic":"t","devicePassword":"too-short"})").find("/devices/3/access/devicePassword") != std::string::npos);
  CHECK(with(R"({"endpoint":"mqtt://h:1","topic":"t","devicePassword":"too-short"})").find("too-short") == std::string::npos);
  CHECK(with((R"({"endpoint":"mqtt://h:1","topic":"t","devicePassword":"correct horse","deviceKey":")" + did_from_key(KeyPair::generate().public_key()) + "\"}").c_str())
            .find("/devices/3/access/devicePassword") != std::string::npos);
  CHECK(with(R"("mqtt://h")").find("/devices/3/access") != std::string::npos);
  CHECK(clear_access(parse_json(R"({"endpoint":"mqtt://h:1883","topic":"t","provider":"mine"})").value(), "", "", "").value().dump() ==
        R"({"endpoint":"mqtt://h:1883","topic":"t","provider":"mine"})");
}

TEST_CASE("validators that cannot be sealed to") {
  for (const char* bad : {"{}", R"({"validators":[]})", R"({"validators":[{"id":"a"}]})", R"({"validators":[{"id":"a","sealingKey":"AAAA"}]})", R"({"validators":[{"id":"a","sealingKey":"?"}]})"}) {
    CHECK_FALSE(recipients_of(parse_json(bad).value()));
  }
  SealRecipient low{"a", {}};   // the all-zero point
  CHECK_FALSE(seal_json(kClear, {low}));
}
