// The journal of orders: what a crash may leave behind, and what it must not lose.
#include <catch2/catch.hpp>

#include <fstream>
#include <sstream>

#include "tests/unit/tools/authority_world.h"

using namespace agiddi;
using namespace agiddi::tools;

namespace {

const Json kOwner = Json::object({{"authority", "acme"}});

Order some_order(const std::string& id, const std::string& reason = "") {
  Order order;
  order.id = id;
  order.payer = "did:key:z";
  order.currency = "LTC";
  order.total = 250'000;
  order.opened_s = 1'000;
  order.expires_s = 2'000;
  order.place = "address block";
  order.received = coin_units_from_digits("123456789012345678901234567890").value();
  order.reason = reason;
  return order;
}

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void put(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary | std::ios::trunc) << text; }

}  // namespace

TEST_CASE("an order comes back from the journal as it was written last") {
  OwnFolder folder;
  OrderJournal::Orders orders;
  {
    auto journal = OrderJournal::open(folder.path(), kOwner, orders).value();
    Order order = some_order("a");
    journal->write({&order, 1});
    order.state = OrderState::reversed;
    order.authorization = "h.p.s";
    order.receipt_expires_s = 5'000;
    order.ended_s = 3'000;
    order.reversal_owed = true;
    order.reason = "\"quoted\"\n\xc3\xa9";
    journal->write({&order, 1});
    CHECK(OrderJournal::open(folder.path(), kOwner, orders).error().detail.find("in use") != std::string::npos);
  }
  auto journal = OrderJournal::open(folder.path(), kOwner, orders).value();
  REQUIRE(orders.size() == 1);
  const Order& order = orders.at("a");
  CHECK(order.state == OrderState::reversed);
  CHECK(order.authorization == "h.p.s");
  CHECK(order.receipt_expires_s == 5'000);
  CHECK(order.reversal_owed);
  CHECK(order.reason == "\"quoted\"\n\xc3\xa9");
  CHECK(order.place == "address block");
  CHECK(coin_digits(order.received) == "123456789012345678901234567890");
}

TEST_CASE("a journal that is cut anywhere in its last line loses that line alone, and goes on") {
  OwnFolder folder;
  {
    OrderJournal::Orders orders;
    auto journal = OrderJournal::open(folder.path(), kOwner, orders).value();
    for (const char* id : {"a", "b"}) {
      const Order order = some_order(id);
      journal->write({&order, 1});
    }
  }
  const std::string whole = content_of(folder.journal());
  const std::size_t last = whole.rfind('\n', whole.size() - 2) + 1;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    if (size > 40 && size < last - 2) continue;
    put(folder.journal(), whole.substr(0, size));
    OrderJournal::Orders orders;
    if (size > whole.find('\n') && size < last) {   // inside the second line: it is the last one then
      REQUIRE(OrderJournal::open(folder.path(), kOwner, orders));
      CHECK(orders.empty());
      continue;
    }
    {
      auto journal = OrderJournal::open(folder.path(), kOwner, orders).value();
      CHECK(orders.size() == (size >= last ? 1 : 0));
      const Order order = some_order("c");
      journal->write({&order, 1});
    }
    orders.clear();
    REQUIRE(OrderJournal::open(folder.path(), kOwner, orders));
    CHECK(orders.contains("c"));
  }
}

TEST_CASE("a last line of garbage is cut off, and one in the middle is an error") {
  OwnFolder folder;
  {
    OrderJournal::Orders orders;
    auto journal = OrderJournal::open(folder.path(), kOwner, orders).value();
    const Order order = some_order("a");
    journal->write({&order, 1});
  }
  const std::string whole = content_of(folder.journal());
  OrderJournal::Orders orders;
  put(folder.journal(), whole + std::string(20, '\0') + "\n");
  REQUIRE(OrderJournal::open(folder.path(), kOwner, orders));
  CHECK(orders.size() == 1);
  CHECK(content_of(folder.journal()) == whole);
  put(folder.journal(), whole + "{\"orders\":[\n" + whole.substr(whole.find('\n') + 1));
  CHECK(OrderJournal::open(folder.path(), kOwner, orders).error().detail.find("orders.jsonl:3") != std::string::npos);
  put(folder.journal(), whole + "{\"orders\":[{\"order\":\"x\"}]}\n");
  CHECK_FALSE(OrderJournal::open(folder.path(), kOwner, orders));
}

TEST_CASE("another authority's journal is refused") {
  OwnFolder folder;
  OrderJournal::Orders orders;
  REQUIRE(OrderJournal::open(folder.path(), kOwner, orders));
  CHECK(OrderJournal::open(folder.path(), Json::object({{"authority", "other"}}), orders).error().status == Status::conflict);
}

TEST_CASE("a journal of what is long gone becomes small, and holds what it must") {
  OwnFolder folder;
  OrderJournal::Orders orders;
  {
    auto journal = OrderJournal::open(folder.path(), kOwner, orders).value();
    const std::vector<Order> same(600, some_order("a"));
    for (int i = 0; i < 3; ++i) journal->write(same);
    const auto before = std::filesystem::file_size(folder.journal());
    orders.emplace("b", some_order("b", "kept"));
    journal->compact(orders);
    CHECK(std::filesystem::file_size(folder.journal()) < before / 100);
    const Order after = some_order("c");
    journal->write({&after, 1});
  }
  orders.clear();
  REQUIRE(OrderJournal::open(folder.path(), kOwner, orders));
  CHECK(orders.size() == 2);
  CHECK(orders.at("b").reason == "kept");
}
