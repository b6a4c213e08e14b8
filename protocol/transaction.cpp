#include "protocol/transaction.h"

#include "protocol/check.h"
#include "protocol/encoding.h"
#include "protocol/field_reader.h"
#include "protocol/limits.h"
#include "protocol/records/transaction.pb.h"

namespace agiddi {
namespace {

constexpr std::string_view kUrnPrefix = "urn:agiddi:device:";

auto refuse(std::string detail) { return fail(Status::unauthorized, std::move(detail)); }

Result<ProtectedHeader> parse_protected(std::string_view text) {
  if (text.empty() || text.size() > limits::kProtectedHeaderMax_bytes) return refuse("the signature's protected header is empty or too long");
  auto raw = from_base64url(text);
  if (!raw) return refuse("the signature's protected header is not strict base64url: " + raw.error().detail);
  auto json = parse_json(*raw);
  if (!json) return refuse("the signature's protected header is not acceptable JSON: " + json.error().detail);

  std::vector<FieldError> errors;
  FieldReader reader(*json, "", errors);
  ProtectedHeader header;
  const auto algorithm = reader.required_string("alg", 16);
  const auto kid = reader.required_string("kid", 128);
  const auto network = reader.required_string("net", 64);
  const auto action = reader.required_string("act", 64);
  const auto jti = reader.required_string("jti", 128);
  const auto issued_at = reader.required_integer("iat", 0, 253'402'300'799);
  reader.finish();
  if (errors.empty() && *algorithm != "EdDSA") reader.error("alg", "must be \"EdDSA\"");
  if (!errors.empty()) return refuse("the signature's protected header is not valid: " + invalid_fields(std::move(errors)).detail);
  return ProtectedHeader{*kid, *network, *action, *issued_at, *jti};
}

// The signed text, and behind the domain tag the hashed one.
std::string signing_input(std::string_view protected_text, BytesView body) {
  std::string input(protected_text);
  input.push_back('.');
  input += to_base64url(body);
  return input;
}

Result<Transaction> assemble(std::string_view protected_text, const Signature& signature, Bytes body) {
  auto header = parse_protected(protected_text);
  if (!header) return tl::unexpected(header.error());
  auto signer = key_from_did(header->kid);
  if (!signer) return refuse("the signature's kid is " + signer.error().detail);
  Transaction transaction;
  transaction.protected_text = protected_text;
  transaction.body = std::move(body);
  transaction.signature = signature;
  transaction.header = std::move(*header);
  transaction.signer = *signer;
  transaction.id = tagged_hash("agiddi/tx/1", {signing_input(transaction.protected_text, transaction.body)});
  return transaction;
}

std::string protected_text_of(const ProtectedHeader& header) {
  return to_base64url(Json::object({{"alg", "EdDSA"},
                                    {"kid", header.kid},
                                    {"net", header.network},
                                    {"act", header.action},
                                    {"iat", header.issued_at_s},
                                    {"jti", header.jti}})
                          .dump());
}

Hash derived_id(std::string_view tag, const Hash& transaction, std::uint32_t k) {
  Bytes counter;
  append_u32_be(counter, k);
  return tagged_hash(tag, {transaction.view(), counter});
}

}  // namespace

Result<Transaction> parse_transaction(std::string_view agiddi_signature, Bytes body) {
  if (agiddi_signature.empty()) return refuse("the header Agiddi-Signature is missing: sign the body's bytes");
  const std::size_t dots = agiddi_signature.find("..");
  if (dots == agiddi_signature.npos) return refuse("Agiddi-Signature must have the form <protected>..<signature>");
  auto raw = from_base64url(agiddi_signature.substr(dots + 2));
  if (!raw) return refuse("the signature is not strict base64url: " + raw.error().detail);
  auto signature = signature_from_bytes(*raw);
  if (!signature) return refuse(signature.error().detail);
  return assemble(agiddi_signature.substr(0, dots), *signature, std::move(body));
}

Bytes encode_transaction(const Transaction& transaction) {
  records::Transaction record;
  record.set_protected_header(transaction.protected_text);
  record.set_body(transaction.body);
  record.set_signature(Bytes(view(transaction.signature)));
  return record.SerializeAsString();
}

Result<Transaction> decode_transaction(BytesView bytes) {
  records::Transaction record;
  if (bytes.size() > limits::kBodyMax_bytes + limits::kProtectedHeaderMax_bytes + 1024 ||
      !record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return refuse("not a transaction record");
  }
  if (record.body().size() > limits::kBodyMax_bytes) return refuse("the document is too large");
  auto signature = signature_from_bytes(record.signature());
  if (!signature) return refuse(signature.error().detail);
  auto transaction = assemble(record.protected_header(), *signature, std::move(*record.mutable_body()));
  if (transaction && encode_transaction(*transaction) != bytes) return refuse("the transaction record is not canonical");
  return transaction;
}

bool verify_signature(const Transaction& transaction) {
  return verify(transaction.signer, signing_input(transaction.protected_text, transaction.body), transaction.signature);
}

std::string sign_document(const KeyPair& key, const ProtectedHeader& header, BytesView body) {
  ProtectedHeader full = header;
  if (full.kid.empty()) full.kid = did_from_key(key.public_key());
  const std::string text = protected_text_of(full);
  return text + ".." + to_base64url(view(key.sign(signing_input(text, body))));
}

std::string unsigned_document(const ProtectedHeader& header) { return protected_text_of(header) + ".." + to_base64url(view(Signature{})); }

Transaction make_transaction(const KeyPair& key, std::string_view network, std::string_view action, std::int64_t issued_at_s, Bytes body) {
  const ProtectedHeader header{did_from_key(key.public_key()), std::string(network), std::string(action), issued_at_s, random_token()};
  const std::string text = protected_text_of(header);
  const Signature signature = key.sign(signing_input(text, body));
  auto transaction = assemble(text, signature, std::move(body));
  AGIDDI_CHECK(transaction.has_value(), "a transaction of our own does not parse");
  return std::move(*transaction);
}

Hash payment_id(const Hash& transaction, std::uint32_t k) { return derived_id("agiddi/payment/1", transaction, k); }
Hash integration_id(const Hash& transaction, std::uint32_t k) { return derived_id("agiddi/integration/1", transaction, k); }
Hash device_id(const Hash& transaction, std::uint32_t k) { return derived_id("agiddi/device/1", transaction, k); }

std::string device_urn(const Hash& device) { return std::string(kUrnPrefix) + device.hex(); }

Result<Hash> device_from_urn(std::string_view urn) {
  if (!urn.starts_with(kUrnPrefix)) return fail(Status::invalid, "a device's id has the form urn:agiddi:device:<64 hexadecimal digits>");
  auto hash = Hash::from_hex(urn.substr(kUrnPrefix.size()));
  if (!hash) return fail(Status::invalid, "a device's id has the form urn:agiddi:device:<64 hexadecimal digits>");
  return hash;
}

bool inside_window(const ProtectedHeader& header, TimeMs block_time) {
  const TimeMs issued = header.issued_at_s * 1000;
  return block_time >= issued - kWindowBefore_ms && block_time <= issued + kWindowAfter_ms;
}

}  // namespace agiddi
