// Order: what somebody wants to pay through an authority, from its opening to its end. Its id is the id of the receipt.
//
//   waiting -> seen -> paid          seen: enough has come, and is not deep enough; back to waiting when it is gone again
//   waiting -> expired -> refused    nothing, or too little, came in time; refused: it came after that, and its operator owes it back
//   paid -> reversed                 the payment was taken back after the receipt had been signed
//
// Values without threads of their own. Times are Unix seconds.
#pragma once

#include <cstdint>
#include <string>

#include "protocol/bytes.h"
#include "protocol/json.h"
#include "tools/authority/coin.h"

namespace agiddi::tools {

enum class OrderState { waiting, seen, paid, expired, refused, reversed };
const char* state_text(OrderState state);

struct Order {
  std::string id, payer, currency;
  Hash items;                          // items_digest of what is bought
  MicroUnits total = 0;
  std::int64_t opened_s = 0, expires_s = 0;
  std::string place;                   // where its rail looks for the payment; the rail's own words
  OrderState state = OrderState::waiting;
  CoinUnits received = 0;              // what came so far, in the coin's smallest unit
  std::string reason;                  // for people: why it is not paid, or not any more
  std::string authorization;           // the signed receipt; never another one for this order
  std::int64_t receipt_expires_s = 0;
  std::int64_t ended_s = 0;            // expired, refused or reversed since then, or paid and watched no longer; 0 = it has not ended
  bool reversal_owed = false;          // the ledger has yet to learn that the receipt is void

  std::int64_t confirmations = 0;      // as seen last; read from the chain anew after a restart
  std::int64_t polls_gone = 0;         // in how many looks in a row a signed order's payment was not there
};

// A line of the journal and back; confirmations and polls_gone are not in it. Errors: one sentence about the line.
Json journal_json(const Order& order);
Result<Order> order_from_journal(const Json& json);

// What `GET /v1/orders/{order}` says. decimals: of the coin.
Json answer_json(const Order& order, int decimals);

}  // namespace agiddi::tools
