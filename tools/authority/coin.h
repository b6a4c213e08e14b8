// Amounts of a coin in its smallest unit, exactly: a litoshi is 10^-8 LTC, a wei 10^-18 ETH. Integers of 128 bits, no floating point.
//
// Threads: pure functions. An amount from outside is never above kCoinMax: larger ones are taken as kCoinMax, which is more than exists of any coin.
#pragma once

#include "protocol/money.h"

namespace agiddi::tools {

using CoinUnits = Decimal::Wide;
inline constexpr CoinUnits kCoinMax = CoinUnits(1) << 120;

CoinUnits coin_units(MicroUnits amount, int decimals);                  // decimals: of the coin, 6 to 18
// Status::invalid when it is negative or finer than the coin.
Result<CoinUnits> coin_units(const Decimal& amount, int decimals);
Result<CoinUnits> coin_units_from_hex(std::string_view quantity);       // "0x2386f26fc10000", as Ethereum's JSON-RPC writes numbers
Result<CoinUnits> coin_units_from_digits(std::string_view digits);      // "10000000000000000"
CoinUnits coin_sum(CoinUnits a, CoinUnits b);
std::string coin_digits(CoinUnits amount);                              // "10000000000000000"
std::string coin_text(CoinUnits amount, int decimals);                  // "0.01": of the coin, no trailing zeros

}  // namespace agiddi::tools
