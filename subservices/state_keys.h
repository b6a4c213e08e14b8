// Keys of the world state (Column::state) and access to its records (protocol/records/state.proto). A key begins with one letter; ids are
// their 32 bytes, integers big-endian, text parts but the last are closed by a zero byte (DIDs, member ids and currencies hold none).
//
//   N                                    Network            one record
//   M epoch(8)                           MemberEpoch        the member set of each epoch
//   W device version(4) member-id         AccessWrap
//   K did                                AccountKey         of keys that were rotated to or away from
//   Q proposal                           Proposal           open and decided
//   v proposal                           empty: open proposals
//   I did                                Issuer
//   Y authority-id                       Authority          from rules version 5 on, as are the next three
//   y authority-id 0x00 receipt-id       UsedReceipt
//   l did                                AdmittedAccount
//   u H("agiddi/account-day/1", did)     AccountDay         of today; gone tomorrow
//   A did 0x00 purse                     Account            purse: a currency, or currency "@" authority-id
//   T purse                              CurrencyTotal
//   O                                    Counters           one record
//   S H("agiddi/seen/1", kid 0x00 jti)   Seen
//   D device                             DeviceHead
//   d device version(4)                  DeviceVersion
//   C H("agiddi/ciphertext/1", …)        CiphertextOwner
//   P payment                            Payment
//   p payment index(4)                   PaymentItem
//   i payment device                     index(4) of the device's item; from rules version 6 on only where a payment has several
//   G integration                        Integration
//   g integration index(4)               IntegrationDevice
//   R device currency                    DeviceEarnings     from rules version 4 on
//   L member-id                          MemberLease
//   m member-id                          MemberService      from rules version 6 on
//   n member-id 0x00 integration         empty: integrations that this member serves and that have not ended
//   E time(8) kind(1) id index(4)        what falls due at a time; swept in key order at the beginning of a block. Empty; for kind seen_block the hashes of the
//                                        Seen keys that a block made, from rules version 6 on
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/bytes.h"
#include "protocol/time.h"

namespace agiddi::subservices {

// From which on blocks leave fewer keys: each is sorted into the store and into the state digest by every member.
inline constexpr std::uint32_t kRulesWithFewerKeys = 6;

}  // namespace agiddi::subservices

namespace agiddi::subservices::keys {

Bytes network();
Bytes counters();
Bytes member_epoch(std::uint64_t epoch);
Bytes account_key(std::string_view did);
Bytes access_wraps_of(const Hash& device, std::uint32_t version);      // prefix
Bytes access_wrap(const Hash& device, std::uint32_t version, std::string_view member);
Bytes proposal(const Hash& proposal);
Bytes proposals();                                            // prefix
Bytes open_proposal(const Hash& proposal);
Bytes open_proposals();                                       // prefix
Bytes issuer(std::string_view did);
Bytes admitted(std::string_view did);
Bytes account_day(const Hash& account);                       // H("agiddi/account-day/1", did)
Bytes authorities();                                          // prefix
Bytes authority(std::string_view id);
Bytes receipt(std::string_view authority, std::string_view receipt);
Bytes account(std::string_view did, std::string_view currency);
Bytes accounts_of(std::string_view did);                      // prefix
Bytes currency_total(std::string_view currency);
Bytes seen(std::string_view kid, std::string_view jti);
Bytes devices();                                              // prefix
Bytes device(const Hash& device);
Bytes device_version(const Hash& device, std::uint32_t version);
Bytes device_versions_of(const Hash& device);                 // prefix
Bytes ciphertext(BytesView ciphertext);
Bytes payments();                                             // prefix
Bytes payment(const Hash& payment);
Bytes payment_item(const Hash& payment, std::uint32_t index);
Bytes payment_items_of(const Hash& payment);                  // prefix
Bytes integrations();                                         // prefix
Bytes paid_device(const Hash& payment, const Hash& device);
Bytes integration(const Hash& integration);
Bytes integration_device(const Hash& integration, std::uint32_t index);
Bytes integration_devices_of(const Hash& integration);        // prefix
Bytes earnings_of(const Hash& device);                         // prefix
Bytes earnings(const Hash& device, std::string_view currency);
Bytes lease(std::string_view member);
Bytes member_service(std::string_view member);
Bytes served(std::string_view member, const Hash& integration);
Bytes served_by(std::string_view member);                     // prefix

enum class ExpiryKind : std::uint8_t { seen = 1, payment_item = 2, integration = 3, proposal = 4, account_day = 5, seen_block = 6 };

struct Expiry {
  TimeMs due = 0;
  ExpiryKind kind = ExpiryKind::seen;
  Hash id;                   // hash in the Seen key, payment id, integration id, proposal id, a block's batch digest
  std::uint32_t index = 0;   // of the payment item
};
Bytes expiry(const Expiry& entry);
Expiry read_expiry(BytesView key);          // key is one of ours
Bytes expiries_until(TimeMs time);          // exclusive end of a scan for entries with due <= time
Bytes expiries();                           // prefix

// The Seen key for the hash in an expiry entry.
Bytes seen_by_hash(const Hash& hash);
Hash seen_hash(std::string_view kid, std::string_view jti);

}  // namespace agiddi::subservices::keys
