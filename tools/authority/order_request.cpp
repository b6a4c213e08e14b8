#include "tools/authority/order_request.h"

#include "protocol/payment_receipt.h"
#include "subservices/payment/quote_items.h"

namespace agiddi::tools {
namespace {

constexpr std::size_t kReasonMax = 200;

MicroUnits read_amount(FieldReader& fields, const char* name) {
  const auto text = fields.required_string(name, 32);
  if (!text) return 0;
  const auto amount = money_from_text(*text);
  if (!amount) fields.error(name, "must be a decimal string with at most 6 decimals, such as \"0.10\"");
  return amount.value_or(0);
}

}  // namespace

Result<OrderRequest> read_order_request(const Json& body, std::string_view currency) {
  std::vector<FieldError> errors;
  FieldReader fields(body, "", errors);
  OrderRequest request;
  request.payer = fields.required_string("payer", 128).value_or("");
  if (!request.payer.empty() && !key_from_did(request.payer)) fields.error("payer", "must be the did:key of an Ed25519 key");
  request.currency = fields.required_string("currency", 12).value_or("");
  if (!request.currency.empty() && request.currency != currency) fields.error("currency", "this authority takes " + std::string(currency));
  request.total = read_amount(fields, "total");
  std::vector<ReceiptItem> items;
  std::vector<subservices::QuoteRequest> quotes;
  CoinUnits sum = 0;
  if (const auto* list = fields.required_array("items", 1, kOrderItemsMax)) {
    for (std::size_t i = 0; i < list->size(); ++i) {
      FieldReader item((*list)[i], pointer_index("/items", i), errors);
      auto& quote = quotes.emplace_back();
      subservices::read_quote_request(item, quote);
      ReceiptItem bought;
      bought.device = quote.device;
      bought.version = static_cast<std::uint32_t>(item.required_integer("version", 1, UINT32_MAX).value_or(0));
      bought.minutes_milli = quote.minutes_milli;
      bought.kilobytes_milli = quote.kilobytes_milli;
      bought.amount = read_amount(item, "amount");
      sum += bought.amount;
      items.push_back(bought);
      item.finish();
    }
    subservices::refuse_repeated_devices(quotes, errors);
  }
  fields.finish();
  if (errors.empty() && sum != request.total) fields.error("total", "is not the sum of the items' amounts");
  if (errors.empty() && request.total == 0) fields.error("total", "is nothing: what costs nothing needs no authority");
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  request.items = items_digest(items);
  return request;
}

Result<SimulatedPayment> read_simulated_payment(const Json& body) {
  std::vector<FieldError> errors;
  FieldReader fields(body, "", errors);
  SimulatedPayment payment;
  payment.amount = read_amount(fields, "amount");
  payment.currency = fields.required_string("currency", 12).value_or("");
  fields.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  return payment;
}

Result<std::string> read_chargeback(const Json& body) {
  std::vector<FieldError> errors;
  FieldReader fields(body, "", errors);
  std::string reason = fields.required_string("reason", kReasonMax).value_or("");
  fields.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  return reason;
}

}  // namespace agiddi::tools
