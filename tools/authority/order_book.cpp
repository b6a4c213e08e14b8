#include "tools/authority/order_book.h"

#include <algorithm>
#include <optional>
#include <set>

#include "protocol/payment_receipt.h"

namespace agiddi::tools {
namespace {

constexpr std::int64_t kClockMargin_s = 600;   // between the time of blocks and this machine's, until a receipt has surely expired

bool is_open(const Order& order) { return order.state == OrderState::waiting || order.state == OrderState::seen; }

CoinUnits sum_of(const std::vector<PaymentPart>& parts) {
  CoinUnits sum = 0;
  for (const PaymentPart& part : parts) sum = coin_sum(sum, part.amount);
  return sum;
}

// How deep the parts lie that together are enough: of the deepest such parts, the one that is least deep. Nothing when all of them are not enough.
std::optional<std::int64_t> depth_of(std::vector<PaymentPart> parts, CoinUnits needed) {
  std::sort(parts.begin(), parts.end(), [](const PaymentPart& a, const PaymentPart& b) { return a.confirmations > b.confirmations; });
  CoinUnits sum = 0;
  for (const PaymentPart& part : parts) {
    sum = coin_sum(sum, part.amount);
    if (sum >= needed) return part.confirmations;
  }
  return std::nullopt;
}

}  // namespace

OrderBook::OrderBook(BookRules rules, KeyPair key, std::unique_ptr<OrderJournal> journal, OrderJournal::Orders orders)
    : rules_(std::move(rules)), key_(std::move(key)), journal_(std::move(journal)), orders_(std::move(orders)) {}

const Order* OrderBook::find(std::string_view id) const {
  const auto found = orders_.find(id);
  return found == orders_.end() ? nullptr : &found->second;
}

std::size_t OrderBook::open_count() const {
  return static_cast<std::size_t>(std::count_if(orders_.begin(), orders_.end(), [](const auto& entry) { return is_open(entry.second); }));
}

Result<void> OrderBook::make_room(std::size_t opening) {
  if (open_count() + opening >= rules_.open_max) return fail(Status::overloaded, "too many orders wait for their payment here: try again in a few minutes");
  while (orders_.size() + opening >= kOrdersMax) {
    auto oldest = orders_.end();
    for (auto at = orders_.begin(); at != orders_.end(); ++at) {
      if (at->second.state == OrderState::expired && (oldest == orders_.end() || at->second.ended_s < oldest->second.ended_s)) oldest = at;
    }
    if (oldest == orders_.end()) return fail(Status::overloaded, "this authority holds as many orders as it can: try again in a few hours");
    orders_.erase(oldest);
  }
  return {};
}

const Order& OrderBook::add(std::string id, const OrderRequest& request, std::string place, std::int64_t now_s) {
  Order order;
  order.id = id;
  order.payer = request.payer;
  order.items = request.items;
  order.currency = request.currency;
  order.total = request.total;
  order.opened_s = now_s;
  order.expires_s = now_s + rules_.order_s;
  order.place = std::move(place);
  keep(std::move(order));
  return orders_.find(id)->second;
}

void OrderBook::keep(Order order) {
  journal_->write({&order, 1});
  std::string id = order.id;
  orders_.insert_or_assign(std::move(id), std::move(order));
}

std::vector<WatchedOrder> OrderBook::watched(std::int64_t now_s) const {
  std::vector<const Order*> list;
  for (const auto& [id, order] : orders_) {
    const bool late = order.state == OrderState::expired && now_s <= order.ended_s + kLateWatch_s;
    if (is_open(order) || late || (order.state == OrderState::paid && order.ended_s == 0)) list.push_back(&order);
  }
  std::sort(list.begin(), list.end(), [](const Order* a, const Order* b) { return a->opened_s < b->opened_s; });
  std::vector<WatchedOrder> out;
  for (const Order* order : list) out.push_back({order->id, order->place});
  return out;
}

void OrderBook::sign(Order& order, std::int64_t now_s) const {
  order.receipt_expires_s = now_s + rules_.receipt_s;
  order.authorization = sign_receipt(key_, {rules_.network, rules_.authority, order.id, order.payer, order.items, order.currency, order.total, order.receipt_expires_s});
  order.state = OrderState::paid;
  order.reason.clear();
}

void OrderBook::judge(Order& order, const Sighting& sighting, bool complete, std::int64_t now_s) const {
  const CoinUnits needed = coin_units(order.total, rules_.decimals);
  const CoinUnits sum = sum_of(sighting.parts);
  const auto depth = depth_of(sighting.parts, needed);
  const std::string came = coin_text(sum, rules_.decimals) + " " + order.currency;
  switch (order.state) {
    case OrderState::waiting:
    case OrderState::seen: {
      // A rail that has not caught up may not know again what it has shown before.
      if (!depth && !complete) return;
      order.received = sum;
      order.confirmations = depth.value_or(0);
      order.state = depth ? OrderState::seen : OrderState::waiting;
      order.reason = depth || sum == 0 ? "" : came + " has come, " + coin_text(needed - sum, rules_.decimals) + " is missing: pay the rest in the same way";
      if (depth && *depth >= rules_.confirmations) {
        sign(order, now_s);
        if (*depth >= rules_.confirmations + rules_.further_confirmations) order.ended_s = now_s;
        return;
      }
      const bool over = !depth ? now_s > order.expires_s : *depth == 0 && now_s > order.expires_s + kUnconfirmedMax_s;
      if (over && complete) {
        order.state = OrderState::expired;
        order.ended_s = now_s;
        order.reason = sum == 0 ? "it was not paid in time" : "only " + came + " came in time; the authority's operator owes it back";
      }
      return;
    }
    case OrderState::paid:
      if (order.ended_s != 0) return;
      if (depth && *depth > 0) {
        order.received = sum;
        order.confirmations = *depth;
        order.polls_gone = 0;
        if (*depth >= rules_.confirmations + rules_.further_confirmations) order.ended_s = now_s;
      } else if (complete && ++order.polls_gone >= kPollsGone) {
        order.state = OrderState::reversed;
        order.reason = "the payment is no longer in the chain";
        order.ended_s = now_s;
        order.reversal_owed = true;
      }
      return;
    case OrderState::expired:
      if (sum > order.received && depth && *depth >= rules_.confirmations) {
        order.state = OrderState::refused;
        order.received = sum;
        order.reason = came + " had come only after the order expired; the authority's operator owes it back";
      }
      return;
    case OrderState::refused:
    case OrderState::reversed: return;
  }
}

std::vector<std::string> OrderBook::apply(const RailView& view, std::int64_t now_s) {
  std::vector<Order> changed;
  std::vector<std::string> moved;
  std::set<std::string, std::less<>> judged;
  for (const Sighting& sighting : view.sightings) {
    const auto found = orders_.find(sighting.order);
    if (found == orders_.end() || !judged.insert(sighting.order).second) continue;
    Order order = found->second;
    judge(order, sighting, view.complete, now_s);
    if (order.state != found->second.state) moved.push_back(order.id);
    if (journal_json(order).dump() == journal_json(found->second).dump()) {
      found->second = std::move(order);   // what is read from the chain anew needs no journal
    } else {
      changed.push_back(std::move(order));
    }
  }
  journal_->write(changed);
  for (Order& order : changed) {
    std::string id = order.id;
    orders_.insert_or_assign(std::move(id), std::move(order));
  }
  return moved;
}

Result<void> OrderBook::reverse(std::string_view id, std::string reason, std::int64_t now_s) {
  const Order* known = find(id);
  if (!known) return fail(Status::not_found, "there is no such order here");
  if (known->state != OrderState::paid) return fail(Status::conflict, std::string("the order is not paid, it is ") + state_text(known->state));
  Order order = *known;
  order.state = OrderState::reversed;
  order.reason = std::move(reason);
  order.ended_s = now_s;
  order.reversal_owed = true;
  keep(std::move(order));
  return {};
}

std::vector<Reversal> OrderBook::reversals_owed() const {
  std::vector<Reversal> owed;
  for (const auto& [id, order] : orders_) {
    if (order.reversal_owed) owed.push_back({id, order.reason});
  }
  return owed;
}

void OrderBook::reversal_answered(std::string_view id, ReversalAnswer answer, std::int64_t now_s) {
  const Order* known = find(id);
  if (!known || !known->reversal_owed) return;
  const bool useless = answer == ReversalAnswer::unknown && now_s > known->receipt_expires_s + kClockMargin_s;
  if (answer != ReversalAnswer::done && !useless) return;
  Order order = *known;
  order.reversal_owed = false;
  keep(std::move(order));
}

void OrderBook::drop_old(std::int64_t now_s) {
  std::erase_if(orders_, [&](const auto& entry) {
    const Order& order = entry.second;
    return order.ended_s != 0 && !order.reversal_owed && now_s > std::max(order.ended_s, order.receipt_expires_s) + kKept_s;
  });
  journal_->compact(orders_);
}

}  // namespace agiddi::tools
