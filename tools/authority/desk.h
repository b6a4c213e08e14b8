// Desk: where the calls of an authority meet its lanes. It owns the order book, on the orders' lane, and the rail, on the rail's.
//
// Threads: public functions may be called from any, and return at once; answers go through the responder.
#pragma once

#include <atomic>
#include <functional>
#include <map>

#include "node/http/request.h"
#include "node/lane.h"
#include "tools/authority/order_book.h"

namespace agiddi::tools {

class Desk {
 public:
  // stopping is set before stop(), so that what blocks on a lane ends soon. key signs reversals.
  Desk(OrderBook book, std::unique_ptr<Rail> rail, ReversalSender sender, KeyPair key, std::int64_t confirmations, std::string currency,
       const std::atomic<bool>& stopping);
  ~Desk();

  void open(std::string body, node::Responder responder);
  void show(std::string order, node::Responder responder);
  // Of the simulated rail.
  void pay(std::string order, std::string body, node::Responder responder);
  void charge_back(std::string order, std::string body, node::Responder responder);

  // Looks once at the rail, then calls done; as well when it could not.
  void watch(std::function<void()> done);
  // Starts the reversals that are due.
  void send_reversals();
  void stop();

 private:
  struct Backoff { std::int64_t next_s = 0, wait_s = 0; bool under_way = false; };

  void on_orders(const node::Responder& responder, std::function<node::HttpResponse()> work);
  void opened(const OrderRequest& request, const std::string& id, const Result<WayToPay>& way, const node::Responder& responder);
  void saw(const Result<RailView>& view);
  void reversal_sent(const std::string& receipt, ReversalAnswer answer);
  node::HttpResponse answer_of(const Order& order) const;

  OrderBook book_;                              // on orders_, as all that follows up to rail_
  std::size_t opening_ = 0;
  std::map<std::string, Backoff> backoffs_;     // by receipt
  std::string rail_problem_;                    // said last
  std::unique_ptr<Rail> rail_;                  // on rails_, but for its name and decimals
  ReversalSender sender_;
  KeyPair key_;                                 // on reversals_
  const std::int64_t confirmations_;
  const std::string currency_;
  const std::atomic<bool>& stopping_;
  node::Lane orders_, rails_, reversals_;
};

}  // namespace agiddi::tools
