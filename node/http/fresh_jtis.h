// The (kid, jti) pairs of signed documents that this node took without putting them on the ledger (integration.credentials), remembered
// until their time window has passed. Thread-safe; bounded.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "protocol/transaction.h"

namespace agiddi::node {

class FreshJtis {
 public:
  // conflict when the pair was seen, overloaded when too many are remembered. now: ms.
  Result<void> take(const ProtectedHeader& header, TimeMs now);

 private:
  static constexpr std::size_t kMax = 100'000;
  std::mutex mutex_;
  std::set<std::string> seen_;
  std::multimap<TimeMs, std::string> until_;
};

}  // namespace agiddi::node
