#include <catch2/catch.hpp>

#include "protocol/encoding.h"
#include "protocol/limits.h"
#include "protocol/transaction.h"

using namespace agiddi;

namespace {

const KeyPair& key() {
  static const KeyPair pair = KeyPair::from_seed(from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").value()).value();
  return pair;
}

// A signature value around any protected header text, correctly signed.
std::string signed_with(std::string_view protected_json, BytesView body) {
  const std::string text = to_base64url(protected_json);
  return text + ".." + to_base64url(view(key().sign(text + "." + to_base64url(body))));
}

std::string header_json(std::string_view change_from = "", std::string_view change_to = "") {
  std::string json = R"({"alg":"EdDSA","kid":")" + did_from_key(key().public_key()) + R"(","net":"demo-0011223344556677","act":"device.register","iat":1769846400,"jti":"a1"})";
  if (!change_from.empty()) json.replace(json.find(change_from), change_from.size(), change_to);
  return json;
}

void refused(std::string_view signature, Bytes body = "{}") {
  const auto transaction = parse_transaction(signature, std::move(body));
  CAPTURE(signature);
  REQUIRE_FALSE(transaction);
  CHECK(transaction.error().status == Status::unauthorized);
}

}  // namespace

TEST_CASE("a signed document is read, verified and named") {
  const Bytes body = "{\"devices\":[]}";
  const auto transaction = parse_transaction(signed_with(header_json(), body), body).value();
  CHECK(transaction.header.kid == did_from_key(key().public_key()));
  CHECK(transaction.header.network == "demo-0011223344556677");
  CHECK(transaction.header.action == "device.register");
  CHECK(transaction.header.issued_at_s == 1769846400);
  CHECK(transaction.header.jti == "a1");
  CHECK(transaction.signer == key().public_key());
  CHECK(verify_signature(transaction));
  CHECK(transaction.id == tagged_hash("agiddi/tx/1", {to_base64url(header_json()), ".", to_base64url(body)}));

  Transaction changed = transaction;
  changed.body += " ";
  CHECK_FALSE(verify_signature(changed));
}

TEST_CASE("the signature is Ed25519 over the JWS signing input: RFC 8037 appendix A.4") {
  Transaction jws;
  jws.protected_text = "eyJhbGciOiJFZERTQSJ9";
  jws.body = "Example of Ed25519 signing";
  jws.signer = key().public_key();
  jws.signature = signature_from_bytes(from_base64url("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg").value()).value();
  CHECK(verify_signature(jws));
}

TEST_CASE("sign_document writes what parse_transaction reads") {
  ProtectedHeader header;
  header.network = "demo-1";
  header.action = "payment.create";
  header.issued_at_s = 1;
  header.jti = "j";
  const auto transaction = parse_transaction(sign_document(key(), header, "{}"), "{}").value();
  CHECK(transaction.header.kid == did_from_key(key().public_key()));
  CHECK(verify_signature(transaction));
  const Transaction own = make_transaction(key(), "demo-1", "usage.report", 7, "{\"a\":1}");
  CHECK(verify_signature(own));
  CHECK(own.header.issued_at_s == 7);
  CHECK(own.id != make_transaction(key(), "demo-1", "usage.report", 7, "{\"a\":1}").id);
}

TEST_CASE("a signature value in any other shape is 401") {
  const std::string good = signed_with(header_json(), "{}");
  REQUIRE(parse_transaction(good, "{}"));
  const std::size_t dots = good.find("..");
  refused("");
  refused("..");
  refused(good.substr(0, dots));
  refused(good.substr(0, dots + 2));
  refused(good.substr(dots));
  refused(good + "=");
  refused(good + "A");
  refused(good + ".");
  refused(" " + good);
  refused(good.substr(0, dots) + "." + good.substr(dots + 2));
  refused(good.substr(0, dots) + "..." + good.substr(dots + 2));
  refused(good.substr(0, dots) + ".e30." + good.substr(dots + 2));
  // 64 bytes end in 4 spare bits of the last digit; they are zero, or the same signature would have several spellings.
  std::string spare = good;
  spare.back() = static_cast<char>(spare.back() + 1);
  refused(spare);
}

TEST_CASE("a protected header with anything unknown, missing, twice or of another kind is 401") {
  const auto with = [](std::string_view from, std::string_view to) { return signed_with(header_json(from, to), "{}"); };
  refused(with("EdDSA", "none"));
  refused(with("EdDSA", "ES256"));
  refused(with("\"alg\":\"EdDSA\",", ""));
  refused(with("\"jti\":\"a1\"", "\"jti\":\"\""));
  refused(with("\"jti\":\"a1\"", "\"jti\":1"));
  refused(with("\"jti\":\"a1\"", "\"jti\":\"" + std::string(129, 'j') + "\""));
  CHECK(parse_transaction(with("\"jti\":\"a1\"", "\"jti\":\"" + std::string(128, 'j') + "\""), "{}"));
  refused(with(",\"jti\":\"a1\"", ""));
  refused(with("\"jti\":\"a1\"", "\"jti\":\"a1\",\"crit\":[]"));
  refused(with("\"jti\":\"a1\"", "\"jti\":\"a1\",\"jti\":\"a1\""));
  refused(with("\"jti\":\"a1\"", "\"jti\":\"a1\",\"b64\":false"));
  refused(with("1769846400", "\"1769846400\""));
  refused(with("1769846400", "-1"));
  refused(with("1769846400", "1.5"));
  refused(with("1769846400", "253402300800"));
  refused(with("did:key:z6Mk", "did:key:z7Mk"));
  refused(with("did:key:", "did:web:"));
  refused(signed_with("[]", "{}"));
  refused(signed_with("{", "{}"));
  refused(signed_with("\xff", "{}"));
  refused(signed_with(header_json() + " x", "{}"));
  refused(signed_with(header_json("a1", std::string(limits::kProtectedHeaderMax_bytes, 'x')), "{}"));
}

TEST_CASE("the stored record goes out and back, and only in its canonical bytes") {
  const Transaction transaction = make_transaction(key(), "demo-1", "integration.claim", 1769846400, std::string("\x00\xff{}", 4));
  const Bytes record = encode_transaction(transaction);
  const Transaction back = decode_transaction(record).value();
  CHECK(back.id == transaction.id);
  CHECK(back.body == transaction.body);
  CHECK(back.signature == transaction.signature);
  CHECK(back.header.jti == transaction.header.jti);
  CHECK(encode_transaction(back) == record);
  CHECK(verify_signature(back));

  CHECK_FALSE(decode_transaction(""));
  CHECK_FALSE(decode_transaction(record + std::string("\x20\x01", 2)));       // an unknown field
  CHECK_FALSE(decode_transaction(record + std::string("\x12\x02{}", 4)));     // a field twice: the last would win
  for (std::size_t length = 0; length < record.size(); ++length) CHECK_FALSE(decode_transaction(record.substr(0, length)));
  CHECK_FALSE(decode_transaction(encode_transaction(make_transaction(key(), "n", "a", 1, std::string(limits::kBodyMax_bytes + 1, ' ')))));
}

TEST_CASE("ids that a transaction gives rise to") {
  const Hash id = blake2b("transaction");
  const std::string zero(4, '\0'), two("\0\0\0\2", 4);
  CHECK(payment_id(id) == tagged_hash("agiddi/payment/1", {id.view(), zero}));
  CHECK(integration_id(id) == tagged_hash("agiddi/integration/1", {id.view(), zero}));
  CHECK(device_id(id, 2) == tagged_hash("agiddi/device/1", {id.view(), two}));
  CHECK(device_from_urn(device_urn(id)).value() == id);
  CHECK(device_urn(id) == "urn:agiddi:device:" + id.hex());
  CHECK_FALSE(device_from_urn(id.hex()));
  CHECK_FALSE(device_from_urn("urn:agiddi:device:" + id.hex().substr(1)));
  CHECK_FALSE(device_from_urn("urn:agiddi:device:" + std::string(64, 'F')));
  CHECK_FALSE(device_from_urn("URN:agiddi:device:" + id.hex()));
}

TEST_CASE("the window is from 60 s before to 600 s after, both included") {
  ProtectedHeader header;
  header.issued_at_s = 1000;
  CHECK(inside_window(header, 940'000));
  CHECK_FALSE(inside_window(header, 939'999));
  CHECK(inside_window(header, 1'600'000));
  CHECK_FALSE(inside_window(header, 1'600'001));
}
