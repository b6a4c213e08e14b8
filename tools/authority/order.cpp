#include "tools/authority/order.h"

#include <iterator>

#include "protocol/field_reader.h"
#include "protocol/payment_receipt.h"

namespace agiddi::tools {
namespace {

constexpr const char* kStates[] = {"waiting", "seen", "paid", "expired", "refused", "reversed"};
constexpr std::int64_t kTimeMax_s = 253'402'300'799;

}  // namespace

const char* state_text(OrderState state) { return kStates[static_cast<std::size_t>(state)]; }

Json journal_json(const Order& order) {
  Json json = Json::object({{"order", order.id},
                            {"payer", order.payer},
                            {"items", order.items.hex()},
                            {"currency", order.currency},
                            {"total", money_text(order.total)},
                            {"opened", order.opened_s},
                            {"expires", order.expires_s},
                            {"place", order.place},
                            {"state", state_text(order.state)},
                            {"received", coin_digits(order.received)},
                            {"ended", order.ended_s}});
  if (!order.reason.empty()) json.set("reason", order.reason);
  if (!order.authorization.empty()) json.set("authorization", order.authorization).set("receiptExpires", order.receipt_expires_s);
  if (order.reversal_owed) json.set("reversalOwed", true);
  return json;
}

Result<Order> order_from_journal(const Json& json) {
  std::vector<FieldError> errors;
  FieldReader fields(json, "", errors);
  Order order;
  order.id = fields.required_string("order", 64).value_or("");
  order.payer = fields.required_string("payer", 128).value_or("");
  if (const auto items = Hash::from_hex(fields.required_string("items", 64).value_or(""))) order.items = *items;
  else fields.error("items", "must be 64 hexadecimal digits");
  order.currency = fields.required_string("currency", 12).value_or("");
  if (const auto total = money_from_text(fields.required_string("total", 32).value_or(""))) order.total = *total;
  else fields.error("total", "must be money");
  order.opened_s = fields.required_integer("opened", 0, kTimeMax_s).value_or(0);
  order.expires_s = fields.required_integer("expires", 0, kTimeMax_s).value_or(0);
  order.place = fields.required_string("place", 256, 0).value_or("");
  const std::string state = fields.required_string("state", 16).value_or("");
  std::size_t at = 0;
  while (at < std::size(kStates) && state != kStates[at]) ++at;
  if (at == std::size(kStates)) fields.error("state", "is unknown");
  else order.state = static_cast<OrderState>(at);
  if (const auto received = coin_units_from_digits(fields.required_string("received", 40).value_or(""))) order.received = *received;
  else fields.error("received", "must be digits");
  order.ended_s = fields.required_integer("ended", 0, kTimeMax_s).value_or(0);
  order.reason = fields.optional_string("reason", 1000).value_or("");
  order.authorization = fields.optional_string("authorization", kReceiptMax_bytes).value_or("");
  order.receipt_expires_s = fields.optional_integer("receiptExpires", 0, kTimeMax_s).value_or(0);
  const Json* owed = fields.optional("reversalOwed");
  order.reversal_owed = owed && owed->is_bool() && owed->as_bool();
  fields.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  return order;
}

Json answer_json(const Order& order, int decimals) {
  Json json = Json::object({{"order", order.id}, {"state", state_text(order.state)}});
  if (order.state == OrderState::seen || (order.state == OrderState::paid && order.confirmations > 0)) json.set("confirmations", order.confirmations);
  if (order.received > 0) json.set("received", coin_text(order.received, decimals));
  if (const CoinUnits needed = coin_units(order.total, decimals); order.received > needed) json.set("over", coin_text(order.received - needed, decimals));
  if (!order.reason.empty()) json.set("reason", order.reason);
  if (order.state == OrderState::paid) json.set("authorization", order.authorization);
  return json;
}

}  // namespace agiddi::tools
