#include "subservices/payment/payment_fields.h"

#include "protocol/identity.h"
#include "subservices/payment/accounts.h"

namespace agiddi::subservices {

std::optional<MicroUnits> read_money(FieldReader& fields, const char* name) {
  const auto text = fields.required_string(name, 32);
  if (!text) return std::nullopt;
  const auto amount = money_from_text(*text);
  if (!amount) {
    fields.error(name, "must be a decimal string with at most 6 decimals, such as \"0.10\"");
    return std::nullopt;
  }
  return *amount;
}

std::optional<std::string> read_did(FieldReader& fields, const char* name) {
  auto did = fields.required_string(name, 128);
  if (did && !key_from_did(*did)) {
    fields.error(name, "must be the did:key of an Ed25519 key");
    return std::nullopt;
  }
  return did;
}

std::optional<std::string> read_currency(FieldReader& fields) {
  auto currency = fields.required_string("currency", 12);
  if (currency && !is_currency(*currency)) fields.error("currency", "must be 3 to 12 capital letters");
  return currency;
}

Error lack_of_funds(const StateView& state, std::string_view did, std::string_view purse, MicroUnits wanted) {
  return {Status::payment_required,
          "the account holds " + money_text(available(state, did, purse)) + " " + std::string(purse) + " and " + money_text(wanted) +
              " are needed",
          {}};
}

}  // namespace agiddi::subservices
