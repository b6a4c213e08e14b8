// OrderBook: the orders of an authority and the rules by which they become receipts. It knows no network and no clock: what a rail saw and what time it is are
// given to it, and every change is in the journal before a caller sees it.
//
// Threads: one at a time. Bounded: open orders by `open_max`, all of them by kOrdersMax; ended ones go after kKept_s.
#pragma once

#include <memory>
#include <vector>

#include "protocol/crypto/crypto.h"
#include "tools/authority/journal.h"
#include "tools/authority/order_request.h"
#include "tools/authority/rail.h"
#include "tools/authority/reversal.h"

namespace agiddi::tools {

inline constexpr std::size_t kOrdersMax = 20'000;
inline constexpr std::int64_t kKept_s = 48 * 3600;             // after the end, and after the receipt has expired
inline constexpr std::int64_t kLateWatch_s = 3600;             // an expired order is watched on, so that late money is seen and said
inline constexpr std::int64_t kUnconfirmedMax_s = 14 * 86'400; // after its time, an order whose payment reaches no block expires: pools forget it then too
inline constexpr std::int64_t kPollsGone = 3;                  // a signed order is reversed when its payment is missing in so many complete looks in a row

struct BookRules {
  std::string network, currency;
  std::string authority;                     // its id on the ledger
  int decimals = 6;                          // of the rail's coin
  std::int64_t confirmations = 0;            // from which on a payment counts
  std::int64_t further_confirmations = 0;    // that a signed order is watched for
  std::int64_t order_s = 3600, receipt_s = 86'400;
  std::size_t open_max = 1000;
};

class OrderBook {
 public:
  // Takes over what the journal held.
  OrderBook(BookRules rules, KeyPair key, std::unique_ptr<OrderJournal> journal, OrderJournal::Orders orders);

  const Order* find(std::string_view id) const;
  std::size_t size() const { return orders_.size(); }
  std::size_t open_count() const;                      // waiting or seen
  // Whether another order may be opened while `opening` are on their way; 429. Drops the expired orders that are in its way, the oldest first.
  Result<void> make_room(std::size_t opening);
  const Order& add(std::string id, const OrderRequest& request, std::string place, std::int64_t now_s);

  std::vector<WatchedOrder> watched(std::int64_t now_s) const;   // in the order of their opening
  // Signs, expires, reverses. Gives back the orders whose state is another one now.
  std::vector<std::string> apply(const RailView& view, std::int64_t now_s);
  // Of an order that is paid: its money was taken back. Status::conflict otherwise, not_found.
  Result<void> reverse(std::string_view id, std::string reason, std::int64_t now_s);

  // Of the orders whose reversal the ledger has yet to learn.
  std::vector<Reversal> reversals_owed() const;
  void reversal_answered(std::string_view id, ReversalAnswer answer, std::int64_t now_s);

  void drop_old(std::int64_t now_s);

 private:
  void judge(Order& order, const Sighting& sighting, bool complete, std::int64_t now_s) const;
  void sign(Order& order, std::int64_t now_s) const;
  void keep(Order order);                              // journal, then memory

  BookRules rules_;
  KeyPair key_;
  std::unique_ptr<OrderJournal> journal_;
  OrderJournal::Orders orders_;
};

}  // namespace agiddi::tools
