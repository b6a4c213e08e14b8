#include "subservices/payment/credit_rules.h"

#include "subservices/payment/account_keys.h"
#include "subservices/payment/accounts.h"
#include "subservices/payment/authority_rules.h"
#include "subservices/payment/payment_fields.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

struct CreditRequest {
  std::string to, currency, authority;
  MicroUnits amount = 0;
  std::string purse() const { return purse_of(currency, authority.empty() ? "credit" : authority); }
};

Result<CreditRequest> read_credit(const RuleContext& context, const Json& body, bool has_recipient, bool may_be_vouched) {
  std::vector<FieldError> errors;
  FieldReader fields(body, "", errors);
  CreditRequest request;
  if (has_recipient) request.to = read_did(fields, "to").value_or("");
  request.currency = read_currency(fields).value_or("");
  const auto amount = read_money(fields, "amount");
  if (amount && *amount == 0) fields.error("amount", "must be above 0");
  request.amount = amount.value_or(0);
  if (may_be_vouched && context.rules_version >= kRulesWithAuthorities) {
    request.authority = fields.optional_string("authority", 32).value_or("");
    if (!request.authority.empty() && !find_authority(context.state, request.authority)) fields.error("authority", "is none of this network: see /v1/authorities");
  }
  fields.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  return request;
}

RuleOutcome credit_outcome(const CreditRequest& request) {
  Json result = Json::object({{"currency", request.currency}, {"amount", money_text(request.amount)}});
  if (!request.to.empty()) result.set("to", request.to);
  if (!request.authority.empty()) result.set("authority", request.authority);
  return {Status::created, std::move(result)};
}

}  // namespace

Result<RuleOutcome> credit_mint(RuleContext& context, const Transaction& transaction, const Json& body) {
  const auto request = read_credit(context, body, true, false);
  if (!request) return tl::unexpected(request.error());
  if (!context.state.contains(keys::issuer(transaction.header.kid))) return fail(Status::forbidden, "only an issuer may mint credit");
  if (!mint(context.state, account_to_credit(context.state, request->to), request->currency, request->amount)) {
    return fail_field("/amount", "more of the currency would exist than an amount can express");
  }
  return credit_outcome(*request);
}

Result<RuleOutcome> credit_transfer(RuleContext& context, const Transaction& transaction, const Json& body) {
  const auto request = read_credit(context, body, true, true);
  if (!request) return tl::unexpected(request.error());
  if (!transfer(context.state, transaction.header.kid, account_to_credit(context.state, request->to), request->purse(), request->amount)) {
    return tl::unexpected(lack_of_funds(context.state, transaction.header.kid, request->purse(), request->amount));
  }
  return credit_outcome(*request);
}

Result<RuleOutcome> credit_redeem(RuleContext& context, const Transaction& transaction, const Json& body) {
  const auto request = read_credit(context, body, false, true);
  if (!request) return tl::unexpected(request.error());
  if (request->authority.empty()) {
    if (!context.state.contains(keys::issuer(transaction.header.kid))) return fail(Status::forbidden, "only an issuer may redeem credit");
  } else if (find_authority(context.state, request->authority)->did() != transaction.header.kid) {
    return fail(Status::forbidden, "only " + request->authority + " itself redeems what it vouches for: transfer it to " + find_authority(context.state, request->authority)->did());
  }
  if (!burn(context.state, transaction.header.kid, request->purse(), request->amount)) {
    return tl::unexpected(lack_of_funds(context.state, transaction.header.kid, request->purse(), request->amount));
  }
  return credit_outcome(*request);
}

}  // namespace agiddi::subservices
