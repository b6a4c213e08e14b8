// PaymentReceipt: what a payment authority (a card company, the watcher of a chain) says was paid to it outside the ledger, for one payment and no other.
//
// A compact JWS (RFC 7515), alg EdDSA (RFC 8037): protected header {"alg":"EdDSA","kid":"did:key:…","typ":"agiddi-receipt"}, payload
// {"network","authority","receipt","payer","items","currency","total","expires"}: `items` is items_digest in lower-case hex, `total` money text, `expires` Unix seconds. It goes
// into payment.create as `authorization`; every validator checks it and nobody asks the network. Base64url is strict; unknown or repeated members are refused.
// Threads: pure functions.
#pragma once

#include <optional>
#include <span>

#include "protocol/identity.h"
#include "protocol/money.h"
#include "protocol/time.h"

namespace agiddi {

inline constexpr std::size_t kReceiptMax_bytes = 2'048;

// An item of a payment, as payment.create names it.
struct ReceiptItem {
  Hash device;
  std::uint32_t version = 0;
  std::optional<std::int64_t> minutes_milli, kilobytes_milli;   // thousandths
  MicroUnits amount = 0;
};

// BLAKE2b-256 of "agiddi/items/1" 0x00 and, for each item in its place: device (32 bytes), version (4), minutes and kilobytes in thousandths (8 each, 0 for
// none), amount in micro-units (8); big-endian.
Hash items_digest(std::span<const ReceiptItem> items);

struct PaymentReceipt {
  std::string network;
  std::string authority;        // its id on the ledger: a key may come to sign under another one
  std::string id;               // 1 to 64 of [A-Za-z0-9_-]; an authority gives each one once
  std::string payer;            // did:key
  Hash items;                   // items_digest
  std::string currency;
  MicroUnits total = 0;
  std::int64_t expires_s = 0;   // Unix seconds; not accepted in a block after it
  friend bool operator==(const PaymentReceipt&, const PaymentReceipt&) = default;
};

struct SignedPaymentReceipt {
  PaymentReceipt receipt;
  std::string kid;              // of the authority's key
  std::string signing_input;
  Signature signature{};
};

bool is_receipt_id(std::string_view id);
std::string sign_receipt(const KeyPair& authority, const PaymentReceipt& receipt);
// Its form alone: the caller knows whose key must have signed. Errors: Status::invalid, one sentence.
Result<SignedPaymentReceipt> parse_receipt(std::string_view text);
bool verify_receipt(const SignedPaymentReceipt& receipt, const PublicKey& authority);

}  // namespace agiddi
