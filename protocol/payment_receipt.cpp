#include "protocol/payment_receipt.h"

#include <algorithm>

#include "protocol/encoding.h"
#include "protocol/field_reader.h"

namespace agiddi {
namespace {

constexpr std::string_view kType = "agiddi-receipt";

auto refuse(std::string detail) { return fail(Status::invalid, std::move(detail)); }

Result<Json> read_part(std::string_view text, const char* name) {
  auto raw = from_base64url(text);
  if (!raw) return refuse(std::string("the receipt's ") + name + " is not strict base64url");
  auto json = parse_json(*raw);
  if (!json) return refuse(std::string("the receipt's ") + name + " is not acceptable JSON: " + json.error().detail);
  return json;
}

}  // namespace

Hash items_digest(std::span<const ReceiptItem> items) {
  Bytes text;
  for (const ReceiptItem& item : items) {
    text += item.device.view();
    append_u32_be(text, item.version);
    append_u64_be(text, static_cast<std::uint64_t>(item.minutes_milli.value_or(0)));
    append_u64_be(text, static_cast<std::uint64_t>(item.kilobytes_milli.value_or(0)));
    append_u64_be(text, static_cast<std::uint64_t>(item.amount));
  }
  return tagged_hash("agiddi/items/1", {text});
}

bool is_receipt_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

std::string sign_receipt(const KeyPair& authority, const PaymentReceipt& receipt) {
  const Json header = Json::object({{"alg", "EdDSA"}, {"kid", did_from_key(authority.public_key())}, {"typ", kType}});
  const Json payload = Json::object({{"network", receipt.network},
                                     {"authority", receipt.authority},
                                     {"receipt", receipt.id},
                                     {"payer", receipt.payer},
                                     {"items", receipt.items.hex()},
                                     {"currency", receipt.currency},
                                     {"total", money_text(receipt.total)},
                                     {"expires", receipt.expires_s}});
  const std::string input = to_base64url(header.dump()) + "." + to_base64url(payload.dump());
  return input + "." + to_base64url(view(authority.sign(input)));
}

Result<SignedPaymentReceipt> parse_receipt(std::string_view text) {
  if (text.empty() || text.size() > kReceiptMax_bytes) return refuse("a receipt is a compact JWS of at most " + std::to_string(kReceiptMax_bytes) + " bytes");
  const std::size_t first = text.find('.'), last = text.rfind('.');
  if (first == text.npos || first == last || text.find('.', first + 1) != last) return refuse("a receipt has the form <header>.<payload>.<signature> (RFC 7515)");
  const auto header = read_part(text.substr(0, first), "header");
  if (!header) return tl::unexpected(header.error());
  const auto payload = read_part(text.substr(first + 1, last - first - 1), "payload");
  if (!payload) return tl::unexpected(payload.error());
  const auto raw = from_base64url(text.substr(last + 1));
  const auto signature = raw ? signature_from_bytes(*raw) : Result<Signature>(refuse(""));
  if (!signature) return refuse("the receipt's signature is not 64 bytes in strict base64url");

  SignedPaymentReceipt out;
  out.signature = *signature;
  out.signing_input = text.substr(0, last);
  std::vector<FieldError> errors;
  FieldReader head(*header, "", errors);
  if (head.required_string("alg", 16).value_or("EdDSA") != "EdDSA") head.error("alg", "must be \"EdDSA\"");
  if (head.required_string("typ", 32).value_or(std::string(kType)) != kType) head.error("typ", "must be \"" + std::string(kType) + "\"");
  out.kid = head.required_string("kid", 128).value_or("");
  head.finish();

  PaymentReceipt& receipt = out.receipt;
  FieldReader fields(*payload, "", errors);
  receipt.network = fields.required_string("network", 64).value_or("");
  receipt.authority = fields.required_string("authority", 32).value_or("");
  receipt.id = fields.required_string("receipt", 64).value_or("");
  if (!receipt.id.empty() && !is_receipt_id(receipt.id)) fields.error("receipt", "must be made of letters, digits, - and _");
  receipt.payer = fields.required_string("payer", 128).value_or("");
  if (const auto items = fields.required_string("items", 64)) {
    if (const auto digest = Hash::from_hex(*items)) receipt.items = *digest;
    else fields.error("items", "must be 64 hexadecimal digits");
  }
  receipt.currency = fields.required_string("currency", 12).value_or("");
  if (!receipt.currency.empty() && !is_currency(receipt.currency)) fields.error("currency", "must be 3 to 12 capital letters");
  if (const auto total = fields.required_string("total", 32)) {
    if (const auto amount = money_from_text(*total)) receipt.total = *amount;
    else fields.error("total", "must be a decimal string with at most 6 decimals");
  }
  receipt.expires_s = fields.required_integer("expires", 0, 253'402'300'799).value_or(0);
  fields.finish();
  if (!errors.empty()) return refuse("the receipt is not valid: " + invalid_fields(std::move(errors)).detail);
  return out;
}

bool verify_receipt(const SignedPaymentReceipt& receipt, const PublicKey& authority) { return verify(authority, receipt.signing_input, receipt.signature); }

}  // namespace agiddi
