#include "subservices/payment/accounts.h"

#include <limits>
#include <map>

#include "subservices/state_keys.h"

namespace agiddi::subservices {
namespace {

constexpr MicroUnits kMost = std::numeric_limits<MicroUnits>::max();

records::Account account(const StateView& state, std::string_view did, std::string_view currency) {
  return load<records::Account>(state, keys::account(did, currency)).value_or(records::Account{});
}

void add_available(ledger::StateOverlay& state, std::string_view did, std::string_view currency, MicroUnits amount) {
  auto record = account(state, did, currency);
  AGIDDI_CHECK(amount >= 0 && record.available() <= kMost - amount, "an account cannot hold more than its currency's total");
  record.set_available(record.available() + amount);
  store(state, keys::account(did, currency), record);
}

bool take_available(ledger::StateOverlay& state, std::string_view did, std::string_view currency, MicroUnits amount) {
  AGIDDI_CHECK(amount >= 0, "amounts are not negative");
  if (amount == 0) return true;   // what is free of charge opens no account
  auto record = account(state, did, currency);
  if (record.available() < amount) return false;
  record.set_available(record.available() - amount);
  store(state, keys::account(did, currency), record);
  return true;
}

// Sums of int64 values, wide enough for any number of accounts.
__extension__ typedef __int128 Wide;

Wide unsettled(const records::PaymentItem& item) {
  if (item.state() == records::ITEM_SETTLED) return 0;
  return Wide{item.minutes_amount()} + item.kilobytes_amount();
}

}  // namespace

std::string purse_of(std::string_view currency, std::string_view method) {
  std::string purse(currency);
  if (method != "credit") purse.append("@").append(method);
  return purse;
}

std::pair<std::string, std::string> read_purse(std::string_view purse) {
  const std::size_t at = purse.find('@');
  if (at == purse.npos) return {std::string(purse), ""};
  return {std::string(purse.substr(0, at)), std::string(purse.substr(at + 1))};
}

MicroUnits available(const StateView& state, std::string_view did, std::string_view currency) {
  return account(state, did, currency).available();
}

bool mint(ledger::StateOverlay& state, std::string_view did, std::string_view currency, MicroUnits amount) {
  AGIDDI_CHECK(amount >= 0, "amounts are not negative");
  auto total = load<records::CurrencyTotal>(state, keys::currency_total(currency)).value_or(records::CurrencyTotal{});
  if (total.total() > kMost - amount) return false;
  total.set_total(total.total() + amount);
  store(state, keys::currency_total(currency), total);
  add_available(state, did, currency, amount);
  return true;
}

bool burn(ledger::StateOverlay& state, std::string_view did, std::string_view currency, MicroUnits amount) {
  if (!take_available(state, did, currency, amount)) return false;
  auto total = load<records::CurrencyTotal>(state, keys::currency_total(currency)).value_or(records::CurrencyTotal{});
  AGIDDI_CHECK(total.total() >= amount, "no account holds more than its currency's total");
  total.set_total(total.total() - amount);
  store(state, keys::currency_total(currency), total);
  return true;
}

bool transfer(ledger::StateOverlay& state, std::string_view from, std::string_view to, std::string_view currency, MicroUnits amount) {
  if (!take_available(state, from, currency, amount)) return false;
  if (amount > 0) add_available(state, to, currency, amount);
  return true;
}

bool to_escrow(ledger::StateOverlay& state, std::string_view payer, std::string_view currency, MicroUnits amount) {
  if (amount == 0) return true;
  if (!take_available(state, payer, currency, amount)) return false;
  auto record = account(state, payer, currency);
  record.set_escrow(record.escrow() + amount);
  store(state, keys::account(payer, currency), record);
  return true;
}

void from_escrow(ledger::StateOverlay& state, std::string_view payer, std::string_view payee, std::string_view currency, MicroUnits amount,
                 MicroUnits earned) {
  AGIDDI_CHECK(earned >= 0 && earned <= amount, "no more is earned than was paid");
  if (amount == 0) return;
  auto record = account(state, payer, currency);
  AGIDDI_CHECK(record.escrow() >= amount, "what was paid lies in escrow");
  record.set_escrow(record.escrow() - amount);
  store(state, keys::account(payer, currency), record);
  if (earned > 0) add_available(state, payee, currency, earned);
  if (amount > earned) add_available(state, payer, currency, amount - earned);
}

void check_conservation(const ledger::StateChanges& changes) {
  std::map<std::string, Wide> moved;   // by currency: what accounts gained beyond the growth of the total
  Wide escrow = 0, items = 0;
  for (const auto& change : changes) {
    const auto count = [&](const std::optional<Bytes>& value, int sign) {
      if (!value) return;
      switch (change.key.front()) {
        case 'A': {
          const auto record = parse_record<records::Account>(*value);
          AGIDDI_CHECK(record.available() >= 0 && record.escrow() >= 0, "no balance is below zero");
          moved[change.key.substr(change.key.find('\0') + 1)] += sign * (Wide{record.available()} + record.escrow());
          escrow += sign * Wide{record.escrow()};
          break;
        }
        case 'T': moved[change.key.substr(1)] -= sign * Wide{parse_record<records::CurrencyTotal>(*value).total()}; break;
        case 'p': items += sign * unsettled(parse_record<records::PaymentItem>(*value)); break;
        default: break;
      }
    };
    count(change.before, -1);
    count(change.after, +1);
  }
  for (const auto& [currency, difference] : moved) AGIDDI_CHECK(difference == 0, "money is conserved in every block");
  AGIDDI_CHECK(escrow == items, "escrow is what unsettled items hold");
}

}  // namespace agiddi::subservices
