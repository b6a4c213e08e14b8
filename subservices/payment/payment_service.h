// Payment, as HTTP calls it: quotes, payment records and accounts at a pinned height. Pure; any thread.
#pragma once

#include <string_view>

#include "ledger/ledger.h"
#include "protocol/json.h"

namespace agiddi::subservices {

class PaymentService {
 public:
  explicit PaymentService(const ledger::LedgerSnapshot& snapshot) : snapshot_(snapshot) {}

  // body: {"items":[{"device","minutes"?,"kilobytes"?}]} ->
  // {"items":[{"device","version","provider","amount","minutes"?,"minutesAmount"?,"kilobytes"?,"kilobytesAmount"?}],"total","currency"}. 404 for an unknown device,
  // 409 for a retired one, 422 for the rest.
  Result<Json> quote(const Json& body) const;
  // id: hex. {"payment","transaction","height","timestamp","payer","currency","total","method","starts","items":[{"device","version","provider","payee","amount",…,"state","earned"?,"refunded"?}]}
  Result<Json> payment(std::string_view id) const;
  // {"did","balances":[{"currency","available","escrow"}],"purses":[{…,"authority"}]? of money that authorities vouch for,"admitted"? where accounts need to be}; an unknown DID has no balances, a malformed one is 404.
  Result<Json> account(std::string_view did) const;
  // urn: a device's. {"device","usage":[{"currency","items","earned","refunded","bytes","seconds"}]}: what was settled, from rules version 4 on. 404 when unknown.
  Result<Json> device_usage(std::string_view urn) const;
  Json authorities() const;                  // {"authorities":[{"id","did","currencies"}]}: those whose receipts pay
  // {"authority","receipt","state":"used" or "reversed","payment"?,"currency"?,"total"?,"reason"?}; 404 when nobody used it.
  Result<Json> receipt(std::string_view authority, std::string_view id) const;

 private:
  const ledger::LedgerSnapshot& snapshot_;
};

}  // namespace agiddi::subservices
