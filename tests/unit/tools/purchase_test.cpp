#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "protocol/crypto/crypto.h"
#include "tools/cli/purchase.h"

using namespace agiddi;
using namespace agiddi::tools;

namespace {

PurchaseArguments of(std::vector<std::string> devices, std::string minutes, std::string kilobytes = "") {
  PurchaseArguments arguments;
  arguments.devices = std::move(devices);
  arguments.minutes = std::move(minutes);
  arguments.kilobytes = std::move(kilobytes);
  return arguments;
}

const std::string kA = "urn:agiddi:device:" + std::string(64, 'a'), kB = "urn:agiddi:device:" + std::string(64, 'b');

}  // namespace

TEST_CASE("devices with the same minutes and kilobytes") {
  CHECK(quote_body(of({kA, kB}, "0.10", "2")).value().dump() == R"({"items":[{"device":")" + kA + R"(","minutes":0.1,"kilobytes":2},{"device":")" + kB + R"(","minutes":0.1,"kilobytes":2}]})");
  CHECK(quote_body(of({kA}, "", "1e3")).value().dump() == R"({"items":[{"device":")" + kA + R"(","kilobytes":1000}]})");
  for (const auto& bad : {of({}, "1"), of({"a"}, "1"), of({kA}, ""), of({kA}, "0"), of({kA}, "-1"), of({kA}, "1.2345"), of({kA}, "x"), of({kA}, "1", "0")}) {
    const auto body = quote_body(bad);
    REQUIRE_FALSE(body);
    CHECK(body.error().exit_status == kExitUsage);
  }
}

TEST_CASE("items from a file") {
  const std::string path = (std::filesystem::temp_directory_path() / ("agiddi-items-" + random_token())).string();
  PurchaseArguments arguments;
  arguments.items_file = path;
  std::ofstream(path) << R"([{"device":"a","minutes":1}])";
  CHECK(quote_body(arguments).value().dump() == R"({"items":[{"device":"a","minutes":1}]})");
  std::ofstream(path) << R"({"items":[{"device":"a","kilobytes":2.5}]})";
  CHECK(quote_body(arguments).value().dump() == R"({"items":[{"device":"a","kilobytes":2.5}]})");
  std::ofstream(path) << R"({"items":[]})";
  CHECK_FALSE(quote_body(arguments));
  arguments.minutes = "1";
  CHECK(quote_body(arguments).error().exit_status == kExitUsage);
  std::filesystem::remove(path);
  arguments.minutes.clear();
  CHECK_FALSE(quote_body(arguments));
}

TEST_CASE("a payment repeats what was asked at the quoted price and version") {
  const Json asked = parse_json(R"({"items":[{"device":"a","minutes":10},{"device":"b","kilobytes":0.5}]})").value();
  const Json quote = parse_json(R"({"items":[{"device":"a","version":3,"provider":"p","amount":"1.5"},{"device":"b","version":1,"amount":"0.25"}],"total":"1.75","currency":"EUR"})").value();
  CHECK(payment_body(asked, quote, "did:key:x", "credit", "integration").value().dump() ==
        R"({"payer":"did:key:x","items":[{"device":"a","version":3,"minutes":10,"amount":"1.5"},{"device":"b","version":1,"kilobytes":0.5,"amount":"0.25"}],"currency":"EUR","total":"1.75","method":"credit","starts":"integration"})");
  CHECK(payment_body(asked, quote, "x", "credit", "").value().find("starts") == nullptr);
  for (const char* bad : {"{}", R"({"items":[],"total":"1","currency":"EUR"})", R"({"items":[{"device":"b","version":1,"amount":"1"},{"device":"a","version":1,"amount":"1"}],"total":"2","currency":"EUR"})",
                          R"({"items":[{"device":"a","amount":"1"},{"device":"b","version":1,"amount":"1"}],"total":"2","currency":"EUR"})"}) {
    CHECK_FALSE(payment_body(asked, parse_json(bad).value(), "x", "credit", ""));
  }
}
