#include "subservices/access/reversal_rules.h"

#include <algorithm>

#include "subservices/access/integration_records.h"
#include "subservices/payment/accounts.h"
#include "subservices/payment/authority_rules.h"
#include "subservices/payment/payment_rules.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

// Ends what runs or waits for the payment's money. What each item leaves over is gone with its settlement (settle_item).
void end_items(RuleContext& context, const Hash& id, const records::Payment& payment, const Hash& transaction) {
  const std::string purse = purse_of(payment.currency(), payment.method());
  MicroUnits refunded = 0;   // before now: what ends below leaves nothing
  for (std::uint32_t i = 0; i < payment.item_count(); ++i) {
    const auto item = load_known<records::PaymentItem>(context.state, keys::payment_item(id, i));
    if (item.state() == records::ITEM_SETTLED) refunded += item.refunded();
  }
  for (std::uint32_t i = 0; i < payment.item_count(); ++i) {
    auto item = load_known<records::PaymentItem>(context.state, keys::payment_item(id, i));   // an integration may have ended it with another one
    if (item.state() == records::ITEM_OPEN) {
      settle_item(context, id, i, item, 0, 0, ended::kReversed, transaction);
    } else if (item.state() == records::ITEM_INTEGRATED) {
      const Hash integration = hash_of(item.integration());
      auto record = load_known<records::Integration>(context.state, keys::integration(integration));
      close_integration(context, integration, record, ended::kReversed, transaction);
    }
  }
  const MicroUnits left = std::min(refunded, available(context.state, payment.payer(), purse));
  const bool burned = burn(context.state, payment.payer(), purse, left);
  AGIDDI_CHECK(burned, "what is available can be burned");
}

}  // namespace

Result<RuleOutcome> receipt_reverse(RuleContext& context, const Transaction& transaction, const Json& body) {
  std::vector<FieldError> errors;
  FieldReader fields(body, "", errors);
  const std::string authority = fields.required_string("authority", 32).value_or("");
  const std::string receipt = fields.required_string("receipt", 64).value_or("");
  if (!receipt.empty() && !is_receipt_id(receipt)) fields.error("receipt", "must be made of letters, digits, - and _");
  const std::string reason = fields.required_string("reason", 256).value_or("");
  fields.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  const auto known = find_authority(context.state, authority);
  if (!known) return fail(Status::not_found, "there is no payment authority " + authority);
  if (known->did() != transaction.header.kid) return fail(Status::forbidden, "only " + authority + " takes its receipts back");

  auto used = load<records::UsedReceipt>(context.state, keys::receipt(authority, receipt)).value_or(records::UsedReceipt{});
  if (used.reversed()) return fail(Status::conflict, "the receipt was taken back before: " + used.reason());
  used.set_reversed(true);
  used.set_reason(reason);
  store(context.state, keys::receipt(authority, receipt), used);
  Json result = Json::object({{"authority", authority}, {"receipt", receipt}, {"state", "reversed"}, {"reason", reason}});
  if (used.payment().empty()) return RuleOutcome{Status::ok, std::move(result)};

  const Hash id = hash_of(used.payment());
  auto payment = load_known<records::Payment>(context.state, keys::payment(id));
  payment.set_reversed(true);
  store(context.state, keys::payment(id), payment);
  end_items(context, id, payment, transaction.id);
  context.events.push_back({"payment", id, transaction.id,
                            Json::object({{"payment", id.hex()}, {"state", "reversed"}, {"payer", payment.payer()}, {"authority", authority}, {"because", reason}})});
  return RuleOutcome{Status::ok, std::move(result.set("payment", id.hex()))};
}

}  // namespace agiddi::subservices
