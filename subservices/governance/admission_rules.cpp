#include "subservices/governance/admission_rules.h"

#include <algorithm>

#include "protocol/field_reader.h"
#include "subservices/payment/account_keys.h"
#include "subservices/payment/authority_rules.h"
#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

constexpr std::int64_t kQuotaMax = 1'000'000'000;

bool needs_no_listing(const StateView& state, const std::string& account) {
  if (state.contains(keys::issuer(account)) || state.contains(keys::admitted(account))) return true;
  const auto authorities = authorities_on_record(state);   // one that was removed still redeems
  return std::any_of(authorities.begin(), authorities.end(), [&](const auto& one) { return one.second.did() == account; });
}

// At the door 429: a document that comes again tomorrow is taken. In a block it is refused for good.
auto passed_quota(const RuleContext& context, const std::string& what, std::int64_t day) {
  return fail(context.only_checks ? Status::overloaded : Status::forbidden,
              "this account has put as much on the ledger today as the network's admission allows, " + what + "; the next day begins at " + time_text((day + 1) * kDay_ms));
}

}  // namespace

std::optional<records::Admission> admission_of(const StateView& state) {
  const auto network = load_known<records::Network>(state, keys::network());
  if (!network.has_admission()) return std::nullopt;
  return network.admission();
}

Json admission_json(const records::Admission& admission) {
  Json out = Json::object({{"mode", admission.listed() ? "listed" : "open"}});
  if (admission.documents_per_day() > 0) out.set("documentsPerDay", admission.documents_per_day());
  if (admission.bytes_per_day() > 0) out.set("kilobytesPerDay", admission.bytes_per_day() / 1000);
  return out;
}

records::Admission read_admission(FieldReader& fields) {
  records::Admission admission;
  const auto mode = fields.required_string("mode", 16);
  if (mode && *mode != "open" && *mode != "listed") fields.error("mode", "must be open or listed");
  admission.set_listed(mode == "listed");
  admission.set_documents_per_day(fields.optional_integer("documentsPerDay", 1, kQuotaMax).value_or(0));
  admission.set_bytes_per_day(fields.optional_integer("kilobytesPerDay", 1, kQuotaMax).value_or(0) * 1000);
  return admission;
}

Result<void> admit(RuleContext& context, const records::Admission& policy, const Transaction& transaction, bool charge) {
  if (context.members.index_of(transaction.signer) >= 0) return {};
  const auto account = account_of_key(context.state, transaction.header.kid);
  if (!account) return tl::unexpected(account.error());   // a key that was rotated away
  if (policy.listed() && !needs_no_listing(context.state, *account)) {
    return fail(Status::forbidden, "this network admits listed accounts only: ask the operator of a member to admit " + *account);
  }
  if (policy.documents_per_day() == 0 && policy.bytes_per_day() == 0) return {};
  const std::int64_t day = context.timestamp / kDay_ms;
  const Hash who = tagged_hash("agiddi/account-day/1", {*account});
  auto today = load<records::AccountDay>(context.state, keys::account_day(who)).value_or(records::AccountDay{});
  const bool fresh = today.documents() == 0;   // yesterday's was swept
  today.set_day(day);
  today.set_documents(today.documents() + 1);
  today.set_bytes(today.bytes() + static_cast<std::int64_t>(transaction.body.size()));
  if (policy.documents_per_day() > 0 && today.documents() > policy.documents_per_day()) return passed_quota(context, std::to_string(policy.documents_per_day()) + " documents", day);
  if (policy.bytes_per_day() > 0 && today.bytes() > policy.bytes_per_day()) return passed_quota(context, std::to_string(policy.bytes_per_day() / 1000) + " kB", day);
  if (!charge) return {};
  store(context.state, keys::account_day(who), today);
  if (fresh) context.state.put(keys::expiry({(day + 1) * kDay_ms, keys::ExpiryKind::account_day, who, 0}), {});
  return {};
}

Result<RuleOutcome> account_admit(RuleContext& context, const Transaction& transaction, const Json& body) {
  std::vector<FieldError> errors;
  FieldReader fields(body, "", errors);
  const std::string account = fields.required_string("account", 128).value_or("");
  if (!account.empty() && !key_from_did(account)) fields.error("account", "must be the did:key of an Ed25519 key");
  const Json* admitted = fields.required("admitted");
  if (admitted && !admitted->is_bool()) fields.error("admitted", "must be true or false");
  fields.finish();
  if (!errors.empty()) return tl::unexpected(invalid_fields(std::move(errors)));
  const int member = context.members.index_of(transaction.signer);
  if (member < 0) return fail(Status::forbidden, "only members in force admit accounts");
  const std::string named = account_to_credit(context.state, account);   // a key acts for its account
  if (admitted->as_bool()) {
    records::AdmittedAccount record;
    record.set_by(context.members[static_cast<std::size_t>(member)].id);
    record.set_height(context.height);
    store(context.state, keys::admitted(named), record);
  } else if (context.state.contains(keys::admitted(named))) {
    context.state.erase(keys::admitted(named));
  } else {
    return fail(Status::not_found, "the account was not admitted");
  }
  return RuleOutcome{Status::ok, Json::object({{"account", named}, {"admitted", admitted->as_bool()}})};
}

}  // namespace agiddi::subservices
