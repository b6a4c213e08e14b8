#include "tools/authority/desk.h"

#include <algorithm>
#include <chrono>

#include "node/http/problem.h"
#include "node/log.h"
#include "protocol/time.h"

namespace agiddi::tools {
namespace {

using node::HttpResponse;
using node::Responder;

constexpr std::size_t kOrdersQueue = 1000;
constexpr std::size_t kRailQueue = 64;             // each a call of the rail's node
constexpr auto kOpenWait = std::chrono::seconds(20);   // for the rail's lane: whoever asked is gone after that
constexpr std::size_t kReversalsAtOnce = 16;
constexpr std::int64_t kBackoffMax_s = 300;

std::int64_t now_s() { return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count(); }

HttpResponse busy() { return node::problem(Status::overloaded, "too many requests wait here: try again in a moment"); }
HttpResponse no_order() { return node::problem(Status::not_found, "there is no such order here: it never was, or ended long ago"); }

}  // namespace

Desk::Desk(OrderBook book, std::unique_ptr<Rail> rail, ReversalSender sender, KeyPair key, std::int64_t confirmations, std::string currency,
           const std::atomic<bool>& stopping)
    : book_(std::move(book)), rail_(std::move(rail)), sender_(std::move(sender)), key_(std::move(key)), confirmations_(confirmations),
      currency_(std::move(currency)), stopping_(stopping), orders_("orders", kOrdersQueue), rails_("rail", kRailQueue), reversals_("reversals", kReversalsAtOnce) {}

Desk::~Desk() { stop(); }

void Desk::stop() {
  rails_.stop();
  reversals_.stop();
  orders_.stop();
}

void Desk::on_orders(const Responder& responder, std::function<HttpResponse()> work) {
  if (!orders_.post([responder, work = std::move(work)] { responder.send(work()); })) responder.send(busy());
}

HttpResponse Desk::answer_of(const Order& order) const { return node::json_response(200, answer_json(order, rail_->decimals())); }

void Desk::open(std::string body, Responder responder) {
  const bool taken = orders_.post([this, body = std::move(body), responder] {
    const auto json = parse_json(body);
    if (!json) return responder.send(node::problem(json.error()));
    auto request = read_order_request(*json, currency_);
    if (!request) return responder.send(node::problem(request.error()));
    if (const auto room = book_.make_room(opening_); !room) return responder.send(node::problem(room.error()));
    ++opening_;
    const auto deadline = std::chrono::steady_clock::now() + kOpenWait;
    const bool asked = rails_.post([this, request = *request, deadline, responder] {
      const std::string id = random_token();
      auto way = std::chrono::steady_clock::now() < deadline ? rail_->open(id, request.total)
                                                             : Result<WayToPay>(fail(Status::unavailable, "the rail's node answers too slowly"));
      orders_.post_always([this, request, id, way = std::move(way), responder] { opened(request, id, way, responder); });
    });
    if (asked) return;
    --opening_;
    responder.send(busy());
  });
  if (!taken) responder.send(busy());
}

void Desk::opened(const OrderRequest& request, const std::string& id, const Result<WayToPay>& way, const Responder& responder) {
  --opening_;
  if (!way) {
    node::log_warn("the rail opens no way to pay", {{"problem", way.error().detail}});
    return responder.send(node::problem(Status::unavailable, "the rail cannot be reached now: try again in a minute"));
  }
  const Order& order = book_.add(id, request, way->place, now_s());
  responder.send(node::json_response(201, Json::object({{"order", order.id},
                                                        {"state", state_text(order.state)},
                                                        {"currency", order.currency},
                                                        {"total", money_text(order.total)},
                                                        {"expires", time_text(order.expires_s * 1000)},
                                                        {"pay", way->pay}}))
                     .with("Location", "/v1/orders/" + order.id));
}

void Desk::show(std::string id, Responder responder) {
  on_orders(responder, [this, id = std::move(id)] {
    const Order* order = book_.find(id);
    return order ? answer_of(*order) : no_order();
  });
}

void Desk::pay(std::string id, std::string body, Responder responder) {
  on_orders(responder, [this, id = std::move(id), body = std::move(body)] {
    const Order* order = book_.find(id);
    if (!order) return no_order();
    const auto json = parse_json(body);
    if (!json) return node::problem(json.error());
    const auto payment = read_simulated_payment(*json);
    if (!payment) return node::problem(payment.error());
    if (payment->currency != order->currency) {
      return node::problem(fail_field("/currency", "the order is in " + order->currency).value());
    }
    if (order->state != OrderState::waiting) {
      return node::problem(Status::conflict, std::string("the order does not wait for a payment, it is ") + state_text(order->state));
    }
    if (now_s() > order->expires_s) return node::problem(Status::conflict, "the order has expired");
    if (payment->amount < order->total) {
      return node::problem(Status::conflict, money_text(payment->amount) + " is too little, the order is " + money_text(order->total) + ": nothing was taken");
    }
    book_.apply({false, {{id, {{coin_units(payment->amount, rail_->decimals()), confirmations_}}}}}, now_s());
    node::log_info("paid on the simulated rail", {{"order", id}});
    return answer_of(*book_.find(id));
  });
}

void Desk::charge_back(std::string id, std::string body, Responder responder) {
  on_orders(responder, [this, id = std::move(id), body = std::move(body)] {
    if (!book_.find(id)) return no_order();
    const auto json = parse_json(body);
    if (!json) return node::problem(json.error());
    auto reason = read_chargeback(*json);
    if (!reason) return node::problem(reason.error());
    if (const auto done = book_.reverse(id, std::move(*reason), now_s()); !done) return node::problem(done.error());
    node::log_info("charged back on the simulated rail", {{"order", id}});
    return answer_of(*book_.find(id));
  });
}

void Desk::watch(std::function<void()> done) {
  const bool taken = orders_.post_always([this, done] {
    book_.drop_old(now_s());
    const bool asked = rails_.post_always([this, done, watched = book_.watched(now_s())] {
      auto view = rail_->poll(watched);
      if (!orders_.post_always([this, done, view = std::move(view)] {
            saw(view);
            done();
          })) {
        done();
      }
    });
    if (!asked) done();
  });
  if (!taken) done();
}

void Desk::saw(const Result<RailView>& view) {
  const std::string problem = view ? "" : view.error().detail;
  if (problem != rail_problem_ && !stopping_) {
    if (problem.empty()) node::log_info("the rail answers again");
    else node::log_warn("the rail cannot be watched", {{"problem", problem}});
  }
  rail_problem_ = problem;
  if (!view) return;
  for (const std::string& id : book_.apply(*view, now_s())) {
    const Order& order = *book_.find(id);
    const bool money_in_doubt = order.state == OrderState::refused || order.state == OrderState::reversed;
    (money_in_doubt ? node::log_warn : node::log_info)("an order changed", {{"order", id},
                                                                            {"state", state_text(order.state)},
                                                                            {"received", coin_text(order.received, rail_->decimals())},
                                                                            {"currency", order.currency},
                                                                            {"reason", order.reason}});
  }
}

void Desk::send_reversals() {
  orders_.post_always([this] {
    const auto owed = book_.reversals_owed();
    std::erase_if(backoffs_, [&](const auto& entry) {
      return std::none_of(owed.begin(), owed.end(), [&](const Reversal& reversal) { return reversal.receipt == entry.first; });
    });
    for (const Reversal& reversal : owed) {
      Backoff& backoff = backoffs_[reversal.receipt];
      if (backoff.under_way || now_s() < backoff.next_s) continue;
      backoff.under_way = reversals_.post([this, reversal] {
        const ReversalAnswer answer = submit_reversal(sender_, key_, reversal, now_s(), stopping_);
        orders_.post_always([this, receipt = reversal.receipt, answer] { reversal_sent(receipt, answer); });
      });
      if (!backoff.under_way) return;
    }
  });
}

void Desk::reversal_sent(const std::string& receipt, ReversalAnswer answer) {
  Backoff& backoff = backoffs_[receipt];
  backoff.under_way = false;
  backoff.wait_s = std::clamp<std::int64_t>(backoff.wait_s * 2, 1, kBackoffMax_s);
  backoff.next_s = now_s() + backoff.wait_s;
  book_.reversal_answered(receipt, answer, now_s());
  if (answer == ReversalAnswer::done) node::log_info("the ledger knows of a reversal", {{"receipt", receipt}});
  if (answer == ReversalAnswer::unknown) node::log_info("no payment has used a reversed receipt; asking again until it expires", {{"receipt", receipt}});
}

}  // namespace agiddi::tools
