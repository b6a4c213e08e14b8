// Reads the body of `POST /v1/orders`: {"payer","items":[{"device","version","minutes"?,"kilobytes"?,"amount"}],"currency","total"}, as strictly as the ledger reads
// payment.create. Threads: a pure function. Errors: 422, with the pointers of all mistakes.
#pragma once

#include "protocol/json.h"
#include "tools/authority/order.h"

namespace agiddi::tools {

inline constexpr std::size_t kOrderItemsMax = 100;

struct OrderRequest {
  std::string payer, currency;
  Hash items;               // items_digest
  MicroUnits total = 0;
};

// currency: the one that the authority takes.
Result<OrderRequest> read_order_request(const Json& body, std::string_view currency);

struct SimulatedPayment {
  MicroUnits amount = 0;
  std::string currency;
};
Result<SimulatedPayment> read_simulated_payment(const Json& body);   // {"amount","currency"}
Result<std::string> read_chargeback(const Json& body);               // {"reason"}: at most 200 characters

}  // namespace agiddi::tools
