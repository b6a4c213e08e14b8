// Receipts of payment authorities: what is signed comes back, and nothing else passes.
#include <catch2/catch.hpp>

#include "protocol/encoding.h"
#include "protocol/payment_receipt.h"

namespace payment_receipt_test {

using namespace agiddi;

namespace {

const KeyPair& authority() {
  static const KeyPair kKey = KeyPair::from_seed(Bytes(32, 'a')).value();
  return kKey;
}

PaymentReceipt receipt() {
  const ReceiptItem item{blake2b("device"), 1, 60'000, std::nullopt, 500'000};
  return {"net-0123456789abcdef", "bank", "order-1", did_from_key(authority().public_key()), items_digest(std::span(&item, 1)), "EUR", 500'000, 1'800'000'000};
}

std::string part(const std::string& json) { return to_base64url(json); }

}  // namespace

TEST_CASE("a receipt comes back as it was signed") {
  const std::string text = sign_receipt(authority(), receipt());
  const auto back = parse_receipt(text);
  REQUIRE(back);
  CHECK(back->receipt == receipt());
  CHECK(back->kid == did_from_key(authority().public_key()));
  CHECK(verify_receipt(*back, authority().public_key()));
  CHECK_FALSE(verify_receipt(*back, KeyPair::generate().public_key()));
}

TEST_CASE("any changed byte of a receipt is refused") {
  const std::string text = sign_receipt(authority(), receipt());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] = other[i] == 'A' ? 'B' : 'A';
    const auto back = parse_receipt(other);
    CHECK_FALSE((back && verify_receipt(*back, authority().public_key())));
  }
}

TEST_CASE("what is no receipt is refused with its reason") {
  const std::string text = sign_receipt(authority(), receipt());
  const std::string tail = text.substr(text.find('.'));
  for (const std::string& bad :
       {std::string(), std::string("a.b"), std::string("a.b.c.d"), text + "=", std::string(3'000, 'a'), part("{}") + tail,
        part(R"({"alg":"none","kid":"did:key:x","typ":"agiddi-receipt"})") + tail, part(R"({"alg":"EdDSA","kid":"k","typ":"agiddi-receipt","x":1})") + tail,
        part(R"({"alg":"EdDSA","alg":"EdDSA","kid":"k","typ":"agiddi-receipt"})") + tail}) {
    const auto back = parse_receipt(bad);
    INFO(bad);
    REQUIRE_FALSE(back);
    CHECK(back.error().status == Status::invalid);
    CHECK_FALSE(back.error().detail.empty());
  }
}

TEST_CASE("a digest of items depends on each field and their order") {
  const ReceiptItem one{blake2b("a"), 1, 1'000, 2'000, 3}, two{blake2b("b"), 1, 1'000, 2'000, 3};
  std::vector<std::vector<ReceiptItem>> lists{{one}, {one, two}, {two, one}, {}};
  for (int field = 0; field < 5; ++field) {
    ReceiptItem other = one;
    if (field == 0) other.device = blake2b("c");
    if (field == 1) other.version = 2;
    if (field == 2) other.minutes_milli = 1'001;
    if (field == 3) other.kilobytes_milli.reset();
    if (field == 4) other.amount = 4;
    lists.push_back({other});
  }
  std::set<Hash> digests;
  for (const auto& list : lists) digests.insert(items_digest(list));
  CHECK(digests.size() == lists.size());
}

}  // namespace payment_receipt_test
