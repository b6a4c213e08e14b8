// A quote against the ledger: what items of devices cost at their current versions. Used by the quote call and by payment.create.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/field_reader.h"
#include "subservices/payment/quote.h"
#include "subservices/records.h"

namespace agiddi::subservices {

struct QuoteRequest {
  Hash device;
  std::optional<std::uint32_t> version;                   // payment.create names the one it pays for
  std::optional<std::int64_t> minutes_milli, kilobytes_milli;
};

struct QuotedItem {
  Hash device;
  std::uint32_t version = 0;
  std::string provider, payee;
  std::optional<std::int64_t> minutes_milli, kilobytes_milli;
  MicroUnits minutes_amount = 0, kilobytes_amount = 0;
  UnitPrice time_price, data_price;                       // those that were bought
  std::vector<std::string> methods;
  MicroUnits amount() const { return minutes_amount + kilobytes_amount; }
};

struct Quote {
  std::vector<QuotedItem> items;
  std::string currency;
  MicroUnits total = 0;
};

// The members "device", "minutes" and "kilobytes" of an item. Errors are collected.
void read_quote_request(FieldReader& fields, QuoteRequest& request);
// 422 for a device that comes twice; pointers below /items.
void refuse_repeated_devices(const std::vector<QuoteRequest>& requests, std::vector<FieldError>& errors);

// 404 unknown, 409 retired or not the current version, 422 a part that the device does not sell, mixed currencies, a total out of bounds.
Result<Quote> make_quote(const StateView& state, const std::vector<QuoteRequest>& requests);

// {"device","version","provider","payee","amount","minutes"?,"minutesAmount"?,"kilobytes"?,"kilobytesAmount"?}
Json to_json(const QuotedItem& item);

}  // namespace agiddi::subservices
