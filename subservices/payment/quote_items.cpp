#include "subservices/payment/quote_items.h"

#include <limits>
#include <set>

#include "protocol/transaction.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

std::string item_pointer(std::size_t index, const char* member) { return "/items/" + std::to_string(index) + "/" + member; }

Error item_error(Status status, std::size_t index, const char* member, std::string detail) {
  return {status, detail, {{item_pointer(index, member), detail}}};
}

std::optional<std::int64_t> read_quantity(FieldReader& fields, const char* name, std::int64_t max) {
  const auto number = fields.optional_number(name);
  if (!number) return std::nullopt;
  const auto value = thousandths(*number, max);
  if (!value) fields.error(name, "must be above 0, at most " + std::to_string(max) + ", with at most 3 decimals");
  return value;
}

UnitPrice unit_price(const records::Price& price) { return {price.micro(), price.unit()}; }

Result<QuotedItem> quote_item(const StateView& state, const QuoteRequest& request, std::size_t index, std::string& currency) {
  const auto head = load<records::DeviceHead>(state, keys::device(request.device));
  if (!head) return tl::unexpected(item_error(Status::not_found, index, "device", "there is no device " + device_urn(request.device)));
  if (head->retired()) return tl::unexpected(item_error(Status::conflict, index, "device", "the device is retired: it takes no new payments"));
  if (request.version && *request.version != head->version()) {
    return tl::unexpected(item_error(Status::conflict, index, "version",
                                     "the device is at version " + std::to_string(head->version()) + ": ask for a new quote"));
  }
  const auto record = load_known<records::DeviceVersion>(state, keys::device_version(request.device, head->version()));
  if (currency.empty()) currency = record.currency();
  if (currency != record.currency()) {
    return tl::unexpected(item_error(Status::invalid, index, "device",
                                     "costs " + record.currency() + ", another item " + currency + ": one payment has one currency"));
  }

  QuotedItem item;
  item.device = request.device;
  item.version = head->version();
  item.provider = head->provider();
  item.payee = key_from_did(record.pay_to()) ? record.pay_to() : record.provider();   // an authority's own kind of address is no account
  item.methods.assign(record.methods().begin(), record.methods().end());
  if (request.minutes_milli) {
    if (!record.has_time_price()) return tl::unexpected(item_error(Status::invalid, index, "minutes", "the device does not sell time"));
    item.time_price = unit_price(record.time_price());
    const auto amount = part_amount(item.time_price, *request.minutes_milli * 60);   // a thousandth of a minute is 60 ms
    if (!amount) return tl::unexpected(item_error(Status::invalid, index, "minutes", "cost more than an amount can express"));
    item.minutes_milli = request.minutes_milli;
    item.minutes_amount = *amount;
  }
  if (request.kilobytes_milli) {
    if (!record.has_data_price()) return tl::unexpected(item_error(Status::invalid, index, "kilobytes", "the device does not sell data"));
    item.data_price = unit_price(record.data_price());
    const auto amount = part_amount(item.data_price, *request.kilobytes_milli);      // a thousandth of a kilobyte is a byte
    if (!amount) return tl::unexpected(item_error(Status::invalid, index, "kilobytes", "cost more than an amount can express"));
    item.kilobytes_milli = request.kilobytes_milli;
    item.kilobytes_amount = *amount;
  }
  return item;
}

// The largest amount that money_from_text reads, so that a client can send back what a quote said.
constexpr MicroUnits kAmountMax = 9'000'000'000'000 * kMicro;

}  // namespace

void read_quote_request(FieldReader& fields, QuoteRequest& request) {
  if (const auto urn = fields.required_string("device", 128)) {
    if (const auto device = device_from_urn(*urn)) {
      request.device = *device;
    } else {
      fields.error("device", "must be urn:agiddi:device: and 64 lower-case hexadecimal digits");
    }
  }
  request.minutes_milli = read_quantity(fields, "minutes", kMinutesMax);
  request.kilobytes_milli = read_quantity(fields, "kilobytes", kKilobytesMax);
  if (fields.optional("minutes") == nullptr && fields.optional("kilobytes") == nullptr) {
    fields.error("minutes", "minutes, kilobytes or both are required");
  }
}

void refuse_repeated_devices(const std::vector<QuoteRequest>& requests, std::vector<FieldError>& errors) {
  std::set<Hash> seen;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (requests[i].device.is_zero()) continue;   // unreadable, and said so
    if (!seen.insert(requests[i].device).second) errors.push_back({item_pointer(i, "device"), "the same device comes twice"});
  }
}

Result<Quote> make_quote(const StateView& state, const std::vector<QuoteRequest>& requests) {
  Quote quote;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    auto item = quote_item(state, requests[i], i, quote.currency);
    if (!item) return tl::unexpected(item.error());
    for (const MicroUnits part : {item->minutes_amount, item->kilobytes_amount}) {
      if (part > kAmountMax - quote.total) {
        return tl::unexpected(item_error(Status::invalid, i, "device", "the total is more than an amount can express"));
      }
      quote.total += part;
    }
    quote.items.push_back(std::move(*item));
  }
  return quote;
}

Json to_json(const QuotedItem& item) {
  Json json = Json::object({{"device", device_urn(item.device)},
                            {"version", item.version},
                            {"provider", item.provider},
                            {"payee", item.payee},
                            {"amount", money_text(item.amount())}});
  if (item.minutes_milli) {
    json.set("minutes", Json::number(thousandths_text(*item.minutes_milli)));
    json.set("minutesAmount", money_text(item.minutes_amount));
  }
  if (item.kilobytes_milli) {
    json.set("kilobytes", Json::number(thousandths_text(*item.kilobytes_milli)));
    json.set("kilobytesAmount", money_text(item.kilobytes_amount));
  }
  return json;
}

}  // namespace agiddi::subservices
