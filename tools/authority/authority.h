// Authority: the running program. Its lanes, and what passes between them:
//
//   HTTP (1 thread)      reads requests, hands them over, sends answers
//   orders (1 thread)    owns the order book and its journal
//   rail (1 thread)      talks to the chain: opens ways to pay, looks what has come
//   reversals (1 thread) tells nodes of reversals
//
// Only values pass between them. A call that finds a queue full is 429. Errors at start: one sentence for the operator.
#pragma once

#include <memory>

#include "protocol/identity.h"
#include "tools/authority/config.h"

namespace agiddi::tools {

class Authority {
 public:
  static Result<std::unique_ptr<Authority>> start(const AuthorityConfig& config);
  ~Authority();   // lets answers under way finish, and stops

 private:
  struct Parts;
  explicit Authority(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace agiddi::tools
