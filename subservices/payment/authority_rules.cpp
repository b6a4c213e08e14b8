#include "subservices/payment/authority_rules.h"

#include <algorithm>

#include "subservices/payment/account_keys.h"
#include "subservices/payment/accounts.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

auto not_valid(std::string why) { return fail(Status::payment_required, std::move(why)); }

std::vector<ReceiptItem> receipt_items(const Quote& quote) {
  std::vector<ReceiptItem> items;
  for (const QuotedItem& item : quote.items) items.push_back({item.device, item.version, item.minutes_milli, item.kilobytes_milli, item.amount()});
  return items;
}

}  // namespace

std::optional<records::Authority> find_authority(const StateView& state, std::string_view id) {
  return load<records::Authority>(state, keys::authority(id));
}

std::vector<std::pair<std::string, records::Authority>> authorities_on_record(const StateView& state) {
  std::vector<std::pair<std::string, records::Authority>> out;
  const Bytes prefix = keys::authorities();
  state.scan(prefix, [&](BytesView key, BytesView value) {
    out.emplace_back(key.substr(prefix.size()), parse_record<records::Authority>(value));
    return true;
  });
  return out;
}

std::vector<std::pair<std::string, records::Authority>> authorities_in_force(const StateView& state) {
  auto out = authorities_on_record(state);
  std::erase_if(out, [](const auto& one) { return one.second.removed(); });
  return out;
}

Json authority_json(std::string_view id, const records::Authority& authority) {
  Json currencies = Json::array();
  for (const std::string& currency : authority.currencies()) currencies.push(currency);
  return Json::object({{"id", id}, {"did", authority.did()}, {"currencies", std::move(currencies)}});
}

Result<std::string> accept_receipt(RuleContext& context, const std::string& id, const records::Authority& authority, const std::string& authorization,
                                   const PaidByReceipt& paid) {
  const auto parsed = parse_receipt(authorization);
  if (!parsed) return not_valid(parsed.error().detail);
  const PaymentReceipt& receipt = parsed->receipt;
  // Its present key: one that it rotated away signs nothing any more (account.rotate).
  const auto key = key_from_did(parsed->kid);
  const auto signer = key ? account_of_key(context.state, parsed->kid) : Result<std::string>(fail(Status::invalid, ""));
  if (!signer || *signer != authority.did() || !verify_receipt(*parsed, *key)) return not_valid("the receipt is not signed by the key of " + id + ", " + authority.did());
  if (receipt.authority != id) return not_valid("the receipt is one of " + receipt.authority + ", not of " + id);
  if (receipt.network != context.network) return not_valid("the receipt was given for another network");
  if (receipt.payer != paid.payer) return not_valid("the receipt was given to another payer");
  if (receipt.currency != paid.quote.currency || receipt.total != paid.quote.total) {
    return not_valid("the receipt is over " + money_text(receipt.total) + " " + receipt.currency + ", and the payment over " + money_text(paid.quote.total) + " " +
                     paid.quote.currency);
  }
  if (receipt.items != items_digest(receipt_items(paid.quote))) return not_valid("the receipt was given for other items: devices, versions, quantities and amounts in their order");
  if (context.timestamp > receipt.expires_s * 1000) return not_valid("the receipt expired at " + time_text(receipt.expires_s * 1000));
  if (const auto used = load<records::UsedReceipt>(context.state, keys::receipt(id, receipt.id))) {
    if (used->reversed()) return not_valid(id + " took the receipt back: " + used->reason());
    return not_valid("the receipt paid for payment " + hash_of(used->payment()).hex() + " already");
  }
  if (!mint(context.state, paid.payer, purse_of(paid.quote.currency, id), paid.quote.total)) {
    return fail_field("/total", "more of the currency would exist than an amount can express");
  }
  return receipt.id;
}

void record_receipt(RuleContext& context, const std::string& authority, const std::string& receipt, const Hash& payment, const Quote& quote) {
  records::UsedReceipt used;
  used.set_payment(Bytes(payment.view()));
  used.set_total(quote.total);
  used.set_currency(quote.currency);
  store(context.state, keys::receipt(authority, receipt), used);
}

}  // namespace agiddi::subservices
