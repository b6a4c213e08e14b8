// Admission: who may put documents on the ledger, and how much of it a day, so that a fresh key cannot fill every disk for nothing (rules version 5). The policy is
// ledger state: a quorum of the members sets it (governance.propose, change "admission"), and it is in force above that block. Any member admits accounts.
//
// Deterministic; apply lane and door.
#pragma once

#include "protocol/field_reader.h"
#include "subservices/records.h"
#include "subservices/rule_context.h"

namespace agiddi::subservices {

inline constexpr std::uint32_t kRulesWithAdmission = 5;
inline constexpr std::int64_t kDay_ms = 24LL * 3600 * 1000;

// Nothing: open to all, without quotas.
std::optional<records::Admission> admission_of(const StateView& state);
Json admission_json(const records::Admission& admission);     // {"mode","documentsPerDay"?,"kilobytesPerDay"?}
records::Admission read_admission(FieldReader& fields);       // "mode", "documentsPerDay"?, "kilobytesPerDay"?; errors are collected

// Whether the signer may put this document into a block: 403 when it is not admitted, or its key was rotated away; when it would pass a quota 429 at the door and 403 in a block. Members may always; issuers and payment
// authorities need no admission. charge: counts it, whatever its rule says to it afterwards.
Result<void> admit(RuleContext& context, const records::Admission& policy, const Transaction& transaction, bool charge);

// account.admit {"account","admitted"}: signed by a member (403); false takes it back.
Result<RuleOutcome> account_admit(RuleContext& context, const Transaction& transaction, const Json& body);

}  // namespace agiddi::subservices
