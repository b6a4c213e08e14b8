// The (kid, jti) pairs of signed documents that this node took without putting them on the ledger (integration.credentials, integration.webhook), remembered
// until their time window has passed, also by a node that starts again meanwhile. Thread-safe; bounded.
#pragma once

#include <map>
#include <mutex>
#include <unordered_set>

#include "node/delivery/delivery_ledger.h"
#include "protocol/transaction.h"

namespace agiddi::node {

class FreshJtis {
 public:
  // notes: this node's own, which outlive this; nullptr: memory alone.
  explicit FreshJtis(DeliveryLedger* notes = nullptr);
  // conflict when the pair was seen, unauthorized when its window has passed, overloaded when too many are remembered. now: ms.
  Result<void> take(const ProtectedHeader& header, TimeMs now);

 private:
  static constexpr std::size_t kMax = 100'000;
  std::mutex mutex_;
  DeliveryLedger* notes_;
  std::unordered_set<Hash, HashHasher> seen_;
  std::multimap<TimeMs, Hash> until_;
};

}  // namespace agiddi::node
