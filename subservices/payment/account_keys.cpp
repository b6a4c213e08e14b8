#include "subservices/payment/account_keys.h"

#include "protocol/encoding.h"
#include "protocol/field_reader.h"
#include "subservices/records.h"
#include "subservices/payment/authority_rules.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {

Result<std::string> account_of_key(const ledger::StateOverlay& state, const std::string& key_did) {
  const auto record = load<records::AccountKey>(state, keys::account_key(key_did));
  if (!record) return key_did;
  if (record->retired()) return fail(Status::forbidden, "this key was replaced by another one (account.rotate) and signs for nothing any more");
  return record->account();
}

std::string account_to_credit(const ledger::StateOverlay& state, const std::string& did) {
  const auto record = load<records::AccountKey>(state, keys::account_key(did));
  return record ? record->account() : did;
}

Result<RuleOutcome> account_rotate(RuleContext& context, const Transaction& transaction, const Json& body) {
  std::vector<FieldError> errors;
  FieldReader fields(body, "", errors);
  const auto account = fields.required_string("account", 128), new_key = fields.required_string("newKey", 128), text = fields.required_string("possession", 128);
  const auto raw = from_base64url(text.value_or(""));
  const auto possession = raw ? signature_from_bytes(*raw) : Result<Signature>(fail(Status::invalid, ""));
  const auto key = key_from_did(new_key.value_or(""));
  if (new_key && !key) fields.error("newKey", "must be the did:key of an Ed25519 key");
  if (text && !possession) fields.error("possession", "must be an Ed25519 signature in base64url");
  fields.finish();
  if (errors.empty() && !verify(*key, account_possession_bytes(context.network, *account, *new_key), *possession)) {
    fields.error("possession", "does not prove that the new key is there");
  }
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  // By now kid is the account that the signing key acts for.
  if (*account != transaction.header.kid) return fail(Status::forbidden, "only the account's present key rotates it");

  bool in_use = context.state.contains(keys::account_key(*new_key)) || context.state.contains(keys::issuer(*new_key)) || *new_key == *account;
  context.state.scan(keys::accounts_of(*new_key), [&](BytesView, BytesView) {
    in_use = true;
    return false;
  });
  if (context.rules_version >= kRulesWithAuthorities) {
    for (const auto& [id, authority] : authorities_on_record(context.state)) in_use |= authority.did() == *new_key;
  }
  if (in_use) return fail(Status::conflict, "the new key is or was in use for an account: take a fresh one");

  records::AccountKey retired, present;
  retired.set_account(*account);
  retired.set_retired(true);
  present.set_account(*account);
  store(context.state, keys::account_key(did_from_key(transaction.signer)), retired);
  store(context.state, keys::account_key(*new_key), present);
  return RuleOutcome{Status::ok, Json::object({{"account", *account}, {"key", *new_key}})};
}

}  // namespace agiddi::subservices
