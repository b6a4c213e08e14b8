// The rules of orders: what a rail saw in, what the order is then.
#include <catch2/catch.hpp>

#include "protocol/payment_receipt.h"
#include "tests/unit/tools/authority_world.h"

using namespace agiddi;
using namespace agiddi::tools;

namespace {

constexpr std::int64_t kNow_s = 1'800'000'000;
constexpr int kDecimals = 8;

struct World {
  OwnFolder folder;
  Bytes seed = random_bytes(32);
  BookRules rules;
  std::unique_ptr<OrderBook> book;

  explicit World(std::size_t open_max = 10) {
    crypto_init();
    rules.network = "harbour-1";
    rules.authority = "acme";
    rules.currency = "LTC";
    rules.decimals = kDecimals;
    rules.confirmations = 2;
    rules.further_confirmations = 3;
    rules.open_max = open_max;
    start();
  }
  void start() {
    book.reset();
    OrderJournal::Orders orders;
    auto journal = OrderJournal::open(folder.path(), Json::object({{"authority", "acme"}}), orders).value();
    book = std::make_unique<OrderBook>(rules, KeyPair::from_seed(seed).value(), std::move(journal), std::move(orders));
  }
  void open(const std::string& id, MicroUnits total = 250'000, std::int64_t now_s = kNow_s) { book->add(id, request_for(total), "place", now_s); }
  // Amounts in litoshi.
  void see(const std::string& id, std::vector<PaymentPart> parts, bool complete = true, std::int64_t now_s = kNow_s) {
    book->apply({complete, {{id, std::move(parts)}}}, now_s);
  }
  const Order& order(const std::string& id) const { return *book->find(id); }
  OrderState state(const std::string& id = "a") const { return order(id).state; }
  Json answer(const std::string& id = "a") const { return answer_json(order(id), kDecimals); }
};

constexpr CoinUnits kWhole = 25'000'000;   // 0.25 LTC

}  // namespace

TEST_CASE("an order is seen, then paid at its depth, and its receipt stands") {
  World world;
  world.open("a");
  world.see("a", {{kWhole, 0}});
  CHECK(world.state() == OrderState::seen);
  world.see("a", {{kWhole, 1}});
  CHECK(world.answer().dump() == R"({"order":"a","state":"seen","confirmations":1,"received":"0.25"})");
  world.see("a", {{kWhole, 2}});
  REQUIRE(world.state() == OrderState::paid);
  const std::string text = world.order("a").authorization;
  const auto receipt = parse_receipt(text).value();
  CHECK(verify_receipt(receipt, KeyPair::from_seed(world.seed).value().public_key()));
  const OrderRequest request = request_for(250'000);
  CHECK(receipt.receipt == PaymentReceipt{"harbour-1", "acme", "a", request.payer, request.items, "LTC", 250'000, kNow_s + 86'400});

  world.start();
  world.see("a", {{kWhole, 4}}, true, kNow_s + 500);
  CHECK(world.order("a").authorization == text);
  CHECK(world.book->watched(kNow_s).size() == 1);
  world.see("a", {{kWhole, 5}});
  CHECK(world.book->watched(kNow_s).empty());   // final
  CHECK(world.order("a").authorization == text);
}

TEST_CASE("parts add up, and the shallowest that is needed counts") {
  World world;
  world.open("a");
  world.see("a", {{kWhole - 1, 9}});
  CHECK(world.state() == OrderState::waiting);
  CHECK(world.order("a").reason == "0.24999999 LTC has come, 0.00000001 is missing: pay the rest in the same way");
  world.see("a", {{kWhole - 1, 9}, {1, 1}});
  CHECK(world.order("a").confirmations == 1);
  world.see("a", {{kWhole - 1, 9}, {1, 1}, {2, 3}, {100, 0}});
  CHECK(world.state() == OrderState::paid);
  CHECK(world.answer().find("over")->as_string() == "0.00000102");
}

TEST_CASE("a payment that goes before the receipt is signed leaves the order waiting, but not when the rail has not caught up") {
  World world;
  world.open("a");
  world.see("a", {{kWhole, 1}});
  world.see("a", {}, false);
  CHECK(world.state() == OrderState::seen);
  world.see("a", {});
  CHECK(world.state() == OrderState::waiting);
}

TEST_CASE("a payment that goes after the receipt was signed reverses the order, when it is missing in several looks") {
  World world;
  world.open("a");
  world.see("a", {{kWhole, 2}});
  const auto look = [&](std::vector<PaymentPart> parts, bool complete = true) {
    world.see("a", std::move(parts), complete);
    return world.state();
  };
  CHECK(look({}) == OrderState::paid);
  CHECK(look({}) == OrderState::paid);
  CHECK(look({}, false) == OrderState::paid);
  CHECK(look({{kWhole, 1}}) == OrderState::paid);     // in the chain again
  CHECK(look({}) == OrderState::paid);
  CHECK(look({{kWhole, 0}}) == OrderState::paid);     // in the pool is not in the chain
  CHECK(look({{kWhole - 1, 7}}) == OrderState::reversed);
  CHECK(world.answer().find("authorization") == nullptr);
  CHECK(look({{kWhole, 7}}) == OrderState::reversed); // for good

  REQUIRE(world.book->reversals_owed().size() == 1);
  world.start();
  REQUIRE(world.book->reversals_owed().size() == 1);
  world.book->reversal_answered("a", ReversalAnswer::failed, kNow_s);
  world.book->reversal_answered("a", ReversalAnswer::unknown, kNow_s + 86'400);   // the receipt may still be used
  CHECK(world.book->reversals_owed().size() == 1);
  world.book->drop_old(kNow_s + 10 * 86'400);
  CHECK(world.book->find("a") != nullptr);
  world.book->reversal_answered("a", ReversalAnswer::unknown, kNow_s + 86'400 + 601);
  CHECK(world.book->reversals_owed().empty());
  world.book->drop_old(kNow_s + 10 * 86'400);
  CHECK(world.book->find("a") == nullptr);
}

TEST_CASE("an order expires when nothing, or too little, has come and the rail knows all; late money is refused and said") {
  World world;
  for (const char* id : {"a", "b", "c"}) world.open(id);
  const std::int64_t late_s = kNow_s + 3'601;
  world.see("a", {}, true, kNow_s + 3'600);
  world.see("a", {}, false, late_s);
  CHECK(world.state() == OrderState::waiting);
  world.see("a", {}, true, late_s);
  CHECK(world.state() == OrderState::expired);
  world.see("b", {{5, 3}}, true, late_s);
  CHECK(world.order("b").reason.find("only 0.00000005 LTC came in time") == 0);
  world.see("c", {{kWhole, 0}}, true, late_s);
  CHECK(world.state("c") == OrderState::seen);
  world.see("c", {{kWhole, 0}}, true, late_s + 14 * 86'400);
  CHECK(world.state("c") == OrderState::expired);

  CHECK(world.book->watched(late_s).size() == 3);
  CHECK(world.book->watched(late_s + kLateWatch_s + 1).size() == 1);   // c, which expired later
  world.see("a", {{kWhole, 1}}, true, late_s);
  CHECK(world.state() == OrderState::expired);
  world.see("a", {{kWhole, 2}}, true, late_s);
  CHECK(world.state() == OrderState::refused);
  CHECK(world.order("a").authorization.empty());
}

TEST_CASE("an order that was paid while nobody watched is found, though its time is over") {
  World world;
  world.open("a");
  world.start();
  world.see("a", {{kWhole, 40}}, true, kNow_s + 86'400);
  CHECK(world.state() == OrderState::paid);
}

TEST_CASE("open orders are bounded, and what ended goes in time") {
  World world(2);
  world.open("a");
  REQUIRE(world.book->make_room(0));
  CHECK(world.book->make_room(1).error().status == Status::overloaded);
  world.open("b");
  CHECK_FALSE(world.book->make_room(0));
  world.see("a", {}, true, kNow_s + 4'000);
  CHECK(world.book->make_room(0));
  world.book->drop_old(kNow_s + 4'000 + kKept_s);
  CHECK(world.book->size() == 2);
  world.book->drop_old(kNow_s + 4'001 + kKept_s);
  CHECK(world.book->size() == 1);
}

TEST_CASE("only a paid order can be charged back") {
  World world;
  world.open("a");
  CHECK(world.book->reverse("a", "stolen", kNow_s).error().status == Status::conflict);
  CHECK(world.book->reverse("x", "stolen", kNow_s).error().status == Status::not_found);
  world.see("a", {{kWhole, 99}});
  REQUIRE(world.book->reverse("a", "stolen", kNow_s));
  CHECK(world.order("a").reason == "stolen");
  CHECK_FALSE(world.book->reverse("a", "again", kNow_s));
}

TEST_CASE("what a rail says of orders that are not there, or twice, does nothing") {
  World world;
  world.open("a");
  world.book->apply({true, {{"x", {{kWhole, 9}}}, {"a", {{kWhole, 1}}}, {"a", {}}}}, kNow_s);
  CHECK(world.state() == OrderState::seen);
  CHECK(world.book->find("x") == nullptr);
}
