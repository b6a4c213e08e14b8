#include "subservices/state_keys.h"

#include "ledger/kv.h"
#include "protocol/check.h"
#include "protocol/crypto/crypto.h"

namespace agiddi::subservices::keys {
namespace {

Bytes letter(char c) { return Bytes(1, c); }

Bytes with_text(char c, std::string_view text) {
  Bytes key = letter(c);
  key += text;
  return key;
}

Bytes with_closed_text(char c, std::string_view text) {
  Bytes key = with_text(c, text);
  key.push_back('\0');
  return key;
}

Bytes with_hash(char c, const Hash& hash) { return with_text(c, hash.view()); }

Bytes with_hash_and_index(char c, const Hash& hash, std::uint32_t index) {
  Bytes key = with_hash(c, hash);
  append_u32_be(key, index);
  return key;
}

}  // namespace

Bytes network() { return letter('N'); }
Bytes counters() { return letter('O'); }
Bytes member_epoch(std::uint64_t epoch) {
  Bytes key = letter('M');
  append_u64_be(key, epoch);
  return key;
}
Bytes account_key(std::string_view did) { return with_text('K', did); }
Bytes access_wraps_of(const Hash& device, std::uint32_t version) { return with_hash_and_index('W', device, version); }
Bytes access_wrap(const Hash& device, std::uint32_t version, std::string_view member) { return access_wraps_of(device, version).append(member); }
Bytes proposals() { return letter('Q'); }
Bytes proposal(const Hash& proposal) { return with_hash('Q', proposal); }
Bytes open_proposals() { return letter('v'); }
Bytes open_proposal(const Hash& proposal) { return with_hash('v', proposal); }
Bytes issuer(std::string_view did) { return with_text('I', did); }
Bytes admitted(std::string_view did) { return with_text('l', did); }
Bytes account_day(const Hash& account) { return with_hash('u', account); }
Bytes authorities() { return letter('Y'); }
Bytes authority(std::string_view id) { return with_text('Y', id); }
Bytes receipt(std::string_view authority, std::string_view receipt) { return with_closed_text('y', authority).append(receipt); }
Bytes accounts_of(std::string_view did) { return with_closed_text('A', did); }
Bytes account(std::string_view did, std::string_view currency) { return accounts_of(did).append(currency); }
Bytes currency_total(std::string_view currency) { return with_text('T', currency); }
Hash seen_hash(std::string_view kid, std::string_view jti) {
  return tagged_hash("agiddi/seen/1", {kid, BytesView("\0", 1), jti});
}
Bytes seen_by_hash(const Hash& hash) { return with_hash('S', hash); }
Bytes seen(std::string_view kid, std::string_view jti) { return seen_by_hash(seen_hash(kid, jti)); }
Bytes devices() { return letter('D'); }
Bytes device(const Hash& device) { return with_hash('D', device); }
Bytes device_versions_of(const Hash& device) { return with_hash('d', device); }
Bytes device_version(const Hash& device, std::uint32_t version) { return with_hash_and_index('d', device, version); }
Bytes ciphertext(BytesView ciphertext) { return with_hash('C', tagged_hash("agiddi/ciphertext/1", {ciphertext})); }
Bytes payments() { return letter('P'); }
Bytes payment(const Hash& payment) { return with_hash('P', payment); }
Bytes payment_items_of(const Hash& payment) { return with_hash('p', payment); }
Bytes payment_item(const Hash& payment, std::uint32_t index) { return with_hash_and_index('p', payment, index); }
Bytes integrations() { return letter('G'); }
Bytes paid_device(const Hash& payment, const Hash& device) { return with_hash('i', payment).append(device.view()); }
Bytes integration(const Hash& integration) { return with_hash('G', integration); }
Bytes integration_devices_of(const Hash& integration) { return with_hash('g', integration); }
Bytes integration_device(const Hash& integration, std::uint32_t index) { return with_hash_and_index('g', integration, index); }
Bytes earnings_of(const Hash& device) { return with_hash('R', device); }
Bytes earnings(const Hash& device, std::string_view currency) { return earnings_of(device).append(currency); }
Bytes lease(std::string_view member) { return letter('L').append(member); }
Bytes member_service(std::string_view member) { return with_text('m', member); }
Bytes served_by(std::string_view member) { return with_closed_text('n', member); }
Bytes served(std::string_view member, const Hash& integration) { return served_by(member).append(integration.view()); }

Bytes expiries() { return letter('E'); }

Bytes expiry(const Expiry& entry) {
  AGIDDI_CHECK(entry.due >= 0, "an expiry lies after 1970");
  Bytes key = expiries();
  append_u64_be(key, static_cast<std::uint64_t>(entry.due));
  key.push_back(static_cast<char>(entry.kind));
  key += entry.id.view();
  append_u32_be(key, entry.index);
  return key;
}

Expiry read_expiry(BytesView key) {
  constexpr std::size_t kLength = 1 + 8 + 1 + 32 + 4;
  AGIDDI_CHECK(key.size() == kLength && key[0] == 'E', "an expiry key has its fixed length");
  Expiry entry;
  entry.due = static_cast<TimeMs>(read_u64_be(key.substr(1)));
  entry.kind = static_cast<ExpiryKind>(key[9]);
  entry.id = *Hash::from_bytes(key.substr(10, 32));
  entry.index = read_u32_be(key.substr(42));
  return entry;
}

Bytes expiries_until(TimeMs time) {
  AGIDDI_CHECK(time >= 0, "block times lie after 1970");
  Bytes key = expiries();
  append_u64_be(key, static_cast<std::uint64_t>(time) + 1);
  return key;
}

}  // namespace agiddi::subservices::keys
