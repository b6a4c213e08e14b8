// What signed documents may ask for: the names of `act`. What each one does, and since which rules version, is the sub-services' (subservices/dispatch.cpp).
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace agiddi {

inline constexpr std::array<std::string_view, 19> kLedgerActions{
    "device.register",   "device.update",     "device.retire", "payment.create", "integration.create",
    "integration.close", "integration.claim", "usage.report",  "usage.count",    "lease.renew",    "credit.mint",    "credit.transfer",
    "credit.redeem",     "receipt.reverse",   "access.rewrap",     "account.rotate", "account.admit", "governance.propose", "governance.vote"};

// Signed like the others and never put on the ledger.
inline constexpr std::array<std::string_view, 2> kNodeActions{"integration.credentials", "integration.webhook"};

constexpr bool is_action(std::string_view name) {
  return std::find(kNodeActions.begin(), kNodeActions.end(), name) != kNodeActions.end() ||
         std::find(kLedgerActions.begin(), kLedgerActions.end(), name) != kLedgerActions.end();
}

}  // namespace agiddi
