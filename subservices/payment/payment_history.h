// What an account paid and what it was to be paid, the latest first: read from the payments' triples, which are there for every payment of the ledger.
//
// Threads: any; what it reads is one immutable state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ledger/ledger.h"
#include "ontology/sparql/evaluator.h"
#include "protocol/json.h"

namespace agiddi::subservices {

inline constexpr std::int64_t kHistoryDefault = 50, kHistoryMax = 500;

// {"did","payments":[{"role":"payer" or "payee",…as GET /v1/payments/{id}}],"next"?}. Pages neither repeat nor skip a payment while others come. 404 for what is no
// did:key, 422 for a damaged cursor, 503 past the limits.
Result<Json> payment_history(const ledger::LedgerSnapshot& snapshot, std::string_view did, std::int64_t limit, std::string_view cursor,
                             const ontology::sparql::Limits& limits);

}  // namespace agiddi::subservices
