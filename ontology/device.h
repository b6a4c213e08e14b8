// DeviceDescription: what a provider declares of one device (API.md step 1), read strictly from JSON. Every mistake is collected with
// its JSON pointer. Deterministic: every validator parses the same bytes to the same value.
//
// Threads: plain values and pure functions. Errors: FieldErrors in the caller's list (the caller makes the 422 of them).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/rational.h"
#include "protocol/json.h"
#include "protocol/money.h"

namespace agiddi::ontology {

enum class TimeUnit : std::uint8_t { minute = 1, hour = 2, day = 3 };
enum class DataUnit : std::uint8_t { kilobyte = 1, megabyte = 2 };
std::int64_t minutes_of(TimeUnit unit);      // 1, 60, 1440
std::int64_t kilobytes_of(DataUnit unit);    // 1, 1000 (1 MB = 1000 kB)
const char* field_name(TimeUnit unit);       // "perMinute", "perHour", "perDay"
const char* field_name(DataUnit unit);       // "perKilobyte", "perMegabyte"

// Prices exactly as declared: an amount and its own unit. A price of 0 is allowed (free data); at least one kind is there.
struct TimePrice { MicroUnits amount = 0; TimeUnit per = TimeUnit::minute; };
struct DataPrice { MicroUnits amount = 0; DataUnit per = DataUnit::kilobyte; };
struct Cost {
  std::string currency;
  std::optional<TimePrice> time;
  std::optional<DataPrice> data;
};
Rational per_minute(const TimePrice& price);     // whole currency units per minute, exact
Rational per_kilobyte(const DataPrice& price);   // whole currency units per kilobyte, exact

struct SensorDescription {
  std::string name;                     // unique in its device
  std::string observed_property;        // IRI, of our ontology or the provider's own
  std::string unit;                     // IRI of a unit of the table
  Decimal min, max;                     // min < max, in that unit
  std::optional<Decimal> accuracy;      // at least 0, in that unit
  std::optional<Decimal> sampling_s;    // above 0
};

struct SealedRecipient { std::string member; Bytes key; };   // 80 bytes
struct SealedAccess {
  Bytes ciphertext;                     // 1 to 4096 bytes
  Bytes nonce;                          // 24 bytes
  std::vector<SealedRecipient> recipients;
};
Json to_json(const SealedAccess& sealed);
// H("agiddi/sealed/1" 0x00 ciphertext): what the public metadata show of it, and what two providers may not share.
// Recipients are left out, so re-wrapping the key changes nothing.
Hash sealed_digest(const SealedAccess& sealed);

struct DeviceDescription {
  std::string name;
  std::string type;                     // IRI
  std::string description;              // empty = none
  Decimal latitude, longitude;          // degrees, WGS84
  std::optional<Decimal> altitude;      // metres
  std::string place;                    // empty = none
  std::vector<SensorDescription> sensors;
  Cost cost;
  std::vector<std::string> payment_methods;   // "credit" or ids of authorities; unique
  std::string pay_to;                   // payment.address; by default the signer's DID
  std::string access_protocol;          // "mqtt"
  SealedAccess sealed;
  // Only in an update: the device (URN) and the version that it replaces.
  std::string id;
  std::uint64_t version = 0;
};

struct DeviceContext {
  bool update = false;                        // "id" and "version" are required
  std::string signer;                         // DID, the default payment address
  std::vector<std::string> members;           // ids of the members in force: the exact set of recipients
  std::vector<std::string> authorities;       // ids of payment authorities that may stand in payment.methods
};

// Reads one device found at `pointer` ("/devices/3", or "" for an update's body). Nothing when any error was added.
std::optional<DeviceDescription> parse_device(const Json& json, const std::string& pointer, const DeviceContext& context,
                                              std::vector<FieldError>& errors);
// {"devices":[…]} of device.register: 1 to limits::kDevicesPerRequestMax devices; 422 with all pointers (at most 100 are listed).
Result<std::vector<DeviceDescription>> parse_registration(const Json& body, const DeviceContext& context);
// The body of device.update.
Result<DeviceDescription> parse_update(const Json& body, DeviceContext context);

}  // namespace agiddi::ontology
