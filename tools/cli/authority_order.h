// An order at a payment authority: what is to be paid on its rail, until it gives the receipt that the ledger asks for.
#pragma once

#include <chrono>
#include <string>

#include "tools/cli/outcome.h"

namespace agiddi::tools {

struct AuthorityOrder {
  std::string url;                         // of the authority
  std::string order;                       // one that was begun before; "" begins one
  std::chrono::minutes patience{60};
};

// payment: the body of payment.create. Says how to pay, once, and waits; gives the authorization. Fails with the reason when the order ends otherwise.
Outcome<std::string> authorized_by(const AuthorityOrder& order, const Json& payment);

}  // namespace agiddi::tools
