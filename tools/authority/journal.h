// OrderJournal: the orders of an authority in an append-only file of JSON lines, replayed at its start.
//
// The first line says whose it is, each other one is a list of orders as they are from then on: {"orders":[…]}. write() returns when its line is on the disk.
// A last line that was torn by a crash was never answered for, and is cut off; any other line that cannot be read is an error. When most of the file is of
// orders that have changed or gone, it is written anew beside and renamed. The folder is locked as long as the journal lives.
// Threads: one at a time. A disk that fails ends the process: nothing may be answered that is not kept.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>

#include "tools/authority/order.h"

namespace agiddi::tools {

class OrderJournal {
 public:
  using Orders = std::map<std::string, Order, std::less<>>;   // by id

  // owner: members that must be the same at every start, such as the authority's id and its rail. Makes the folder when it is missing.
  static Result<std::unique_ptr<OrderJournal>> open(const std::string& folder, const Json& owner, Orders& orders);
  ~OrderJournal();
  OrderJournal(const OrderJournal&) = delete;
  OrderJournal& operator=(const OrderJournal&) = delete;

  void write(std::span<const Order> changed);
  // After orders were dropped or often changed: makes the file small again when it is worth it.
  void compact(const Orders& orders);

 private:
  OrderJournal(std::string folder, std::string head) : folder_(std::move(folder)), head_(std::move(head)) {}
  Result<void> replay(Orders& orders);
  std::string path() const { return folder_ + "/orders.jsonl"; }

  std::string folder_, head_;
  int lock_ = -1, file_ = -1;
  std::size_t written_ = 0;     // orders in the file, each as often as it stands there
};

}  // namespace agiddi::tools
