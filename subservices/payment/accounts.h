// Movements of money between accounts of the world state. A balance never goes below zero, and only mint and burn change a currency's total.
// Apply lane only.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "protocol/money.h"
#include "subservices/records.h"

namespace agiddi::subservices {

// Money that an authority vouches for lies apart from the ledger's own of the same currency, in a purse of its own: "EUR@card". In the functions below `currency`
// is a purse.
std::string purse_of(std::string_view currency, std::string_view method);   // method: "credit" or an authority's id
std::pair<std::string, std::string> read_purse(std::string_view purse);     // currency, and the authority's id or ""

MicroUnits available(const StateView& state, std::string_view did, std::string_view currency);
// False when more of the currency would exist than an amount can express.
[[nodiscard]] bool mint(ledger::StateOverlay& state, std::string_view did, std::string_view currency, MicroUnits amount);
// False when funds lack (nothing is changed then); the same for the next two.
[[nodiscard]] bool burn(ledger::StateOverlay& state, std::string_view did, std::string_view currency, MicroUnits amount);
[[nodiscard]] bool transfer(ledger::StateOverlay& state, std::string_view from, std::string_view to, std::string_view currency, MicroUnits amount);
[[nodiscard]] bool to_escrow(ledger::StateOverlay& state, std::string_view payer, std::string_view currency, MicroUnits amount);
// From the payer's escrow: `earned` to the payee, the rest of `amount` back to the payer.
void from_escrow(ledger::StateOverlay& state, std::string_view payer, std::string_view payee, std::string_view currency, MicroUnits amount,
                 MicroUnits earned);

// Checks a block's changes: for each currency the accounts together moved exactly as its total did, and what lies in escrow moved
// exactly as the amounts of the items that are not settled. Aborts otherwise.
void check_conservation(const ledger::StateChanges& changes);

}  // namespace agiddi::subservices
