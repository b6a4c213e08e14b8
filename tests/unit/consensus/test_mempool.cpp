#include <catch2/catch.hpp>

#include "consensus/mempool.h"

using namespace agiddi;
using namespace agiddi::consensus;

namespace {

TransactionPtr transaction(const std::string& name, std::uint8_t signer = 1, std::size_t body_bytes = 10) {
  auto made = std::make_shared<Transaction>();
  made->id = tagged_hash("test/tx", {name});
  made->body = Bytes(body_bytes, 'x');
  made->signer[0] = signer;
  return made;
}

std::vector<Hash> ids(const std::vector<std::string>& names) {
  std::vector<Hash> out;
  for (const auto& name : names) out.push_back(tagged_hash("test/tx", {name}));
  return out;
}

}  // namespace

TEST_CASE("the mempool is first come first served and knows what it has seen", "[mempool]") {
  Mempool pool;
  CHECK(pool.add(transaction("a"), {1}) == Admission::accepted);
  CHECK(pool.add(transaction("b"), {2}) == Admission::accepted);
  CHECK(pool.add(transaction("c"), {3}) == Admission::accepted);
  CHECK(pool.add(transaction("a"), {4}) == Admission::duplicate);
  CHECK(pool.select(2, 1 << 20) == ids({"a", "b"}));

  pool.mark_in_flight(ids({"a"}));
  CHECK(pool.select(10, 1 << 20) == ids({"b", "c"}));
  CHECK(pool.waiting() == 2);
  CHECK(pool.oldest_waiting_ms() == 2);
  CHECK(pool.oldest()->ms == 1);

  pool.commit(ids({"a", "never seen"}));
  CHECK(pool.size() == 2);
  CHECK(pool.add(transaction("a"), {5}) == Admission::committed);
  CHECK(pool.add(transaction("never seen"), {5}) == Admission::committed);
  CHECK(pool.find(ids({"a"})[0]) == nullptr);
  CHECK(pool.find(ids({"b"})[0]) != nullptr);
}

TEST_CASE("a view that ends gives back what it had in flight, in the old order", "[mempool]") {
  Mempool pool;
  for (const char* name : {"a", "b", "c", "d"}) pool.add(transaction(name), {1});
  pool.mark_in_flight(ids({"c", "a"}));
  pool.commit(ids({"b"}));
  pool.release_in_flight();
  CHECK(pool.select(10, 1 << 20) == ids({"a", "c", "d"}));
  CHECK(pool.waiting_bytes() == pool.bytes());
}

TEST_CASE("the mempool's bounds: count, bytes, one signer's share, remembered ids", "[mempool]") {
  SECTION("count") {
    Mempool pool({3, 1 << 20, 10});
    CHECK(pool.add(transaction("a", 1), {1}) == Admission::accepted);
    CHECK(pool.add(transaction("b", 2), {1}) == Admission::accepted);
    CHECK(pool.add(transaction("c", 3), {1}) == Admission::accepted);
    CHECK(pool.add(transaction("d", 4), {1}) == Admission::full);
    pool.commit(ids({"a"}));
    CHECK(pool.add(transaction("d", 4), {1}) == Admission::accepted);
  }
  SECTION("bytes") {
    Mempool pool({100, 3000, 10});
    CHECK(pool.add(transaction("a", 1, 2000), {1}) == Admission::accepted);
    CHECK(pool.add(transaction("b", 1, 2000), {1}) == Admission::full);
    CHECK(pool.bytes() <= 3000);
    pool.commit(ids({"a"}));
    CHECK(pool.bytes() == 0);
  }
  SECTION("a signer") {
    Mempool pool({4, 1 << 20, 10});
    CHECK(pool.add(transaction("a", 1), {1}) == Admission::accepted);
    CHECK(pool.add(transaction("b", 1), {1}) == Admission::accepted);
    CHECK(pool.add(transaction("c", 1), {1}) == Admission::full);
    CHECK(pool.add(transaction("c", 2), {1}) == Admission::accepted);
  }
  SECTION("remembered") {
    Mempool pool({10, 1 << 20, 2});
    pool.commit(ids({"a", "b", "c"}));
    CHECK_FALSE(pool.recently_committed(ids({"a"})[0]));
    CHECK(pool.recently_committed(ids({"c"})[0]));
  }
}

TEST_CASE("a batch takes at least one transaction and otherwise keeps its bounds", "[mempool]") {
  Mempool pool;
  pool.add(transaction("large", 1, 5000), {1});
  pool.add(transaction("small", 1, 10), {1});
  CHECK(pool.select(10, 100) == ids({"large"}));
  CHECK(pool.select(1, 1 << 20) == ids({"large"}));
  CHECK(pool.select(10, 1 << 20) == ids({"large", "small"}));
}

TEST_CASE("overdue transactions are handed to the primary once in a view", "[mempool]") {
  Mempool pool;
  pool.add(transaction("a"), {1});
  pool.add(transaction("b"), {100});
  CHECK(pool.take_overdue(50, 10).size() == 1);
  CHECK(pool.take_overdue(50, 10).empty());
  pool.release_in_flight();
  CHECK(pool.take_overdue(200, 10).size() == 2);
}

TEST_CASE("what one peer brings takes its share of the room and no more", "[mempool]") {
  Mempool pool({8, 1 << 20, 100});
  pool.share_among(2);
  for (const char* name : {"a", "b", "c", "d"}) CHECK(pool.add(transaction(name, 1), {1}, MemberIndex{3}) == Admission::accepted);
  CHECK(pool.add(transaction("e", 2), {1}, MemberIndex{3}) == Admission::full);
  CHECK(pool.add(transaction("e", 2), {1}, MemberIndex{1}) == Admission::accepted);
  CHECK(pool.add(transaction("f", 2), {1}) == Admission::accepted);   // of a client
  pool.commit({transaction("a", 1).get()->id});
  CHECK(pool.add(transaction("g", 2), {1}, MemberIndex{3}) == Admission::accepted);
  pool.share_among(3);                                                 // another epoch: what is here is nobody's
  CHECK(pool.add(transaction("h", 2), {1}, MemberIndex{3}) == Admission::accepted);
}

TEST_CASE("what nobody may order any more is dropped", "[mempool]") {
  Mempool pool;
  const auto one = transaction("a");
  pool.add(one, {1});
  const TimeMs end = one->header.issued_at_s * 1000 + kWindowAfter_ms;
  CHECK(pool.drop_expired(end).empty());
  pool.mark_in_flight({one->id});
  CHECK(pool.drop_expired(end + 1).empty());                           // it stands in a batch
  pool.release_in_flight();
  CHECK(pool.drop_expired(end + 1) == std::vector<Hash>{one->id});
  CHECK(pool.size() == 0);
  CHECK(pool.bytes() == 0);
  CHECK(pool.add(one, {2}) == Admission::accepted);
}
