#include "ontology/device.h"

#include "protocol/check.h"
#include "protocol/crypto/crypto.h"
#include "protocol/encoding.h"

namespace agiddi::ontology {

std::int64_t minutes_of(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::minute: return 1;
    case TimeUnit::hour: return 60;
    case TimeUnit::day: return 1440;
  }
  AGIDDI_CHECK(false, "unknown unit of time");
}

std::int64_t kilobytes_of(DataUnit unit) {
  switch (unit) {
    case DataUnit::kilobyte: return 1;
    case DataUnit::megabyte: return 1000;
  }
  AGIDDI_CHECK(false, "unknown unit of data");
}

const char* field_name(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::minute: return "perMinute";
    case TimeUnit::hour: return "perHour";
    case TimeUnit::day: return "perDay";
  }
  AGIDDI_CHECK(false, "unknown unit of time");
}

const char* field_name(DataUnit unit) {
  switch (unit) {
    case DataUnit::kilobyte: return "perKilobyte";
    case DataUnit::megabyte: return "perMegabyte";
  }
  AGIDDI_CHECK(false, "unknown unit of data");
}

Rational per_minute(const TimePrice& price) { return {BigInt(price.amount), BigInt(kMicro * minutes_of(price.per))}; }

Rational per_kilobyte(const DataPrice& price) { return {BigInt(price.amount), BigInt(kMicro * kilobytes_of(price.per))}; }

Json to_json(const SealedAccess& sealed) {
  Json recipients = Json::array();
  for (const SealedRecipient& recipient : sealed.recipients) {
    recipients.push(Json::object({{"member", recipient.member}, {"key", to_base64url(recipient.key)}}));
  }
  return Json::object(
      {{"ciphertext", to_base64url(sealed.ciphertext)}, {"nonce", to_base64url(sealed.nonce)}, {"recipients", std::move(recipients)}});
}

Hash sealed_digest(const SealedAccess& sealed) { return tagged_hash("agiddi/sealed/1", {sealed.ciphertext}); }

}  // namespace agiddi::ontology
