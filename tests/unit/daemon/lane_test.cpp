#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <vector>

#include "node/lane.h"

using agiddi::node::Lane;

TEST_CASE("a lane runs its work in order, and settles after a burst") {
  std::vector<int> order;
  std::vector<std::size_t> done_when_settled;
  std::promise<void> open, settled;
  Lane lane("test", 100, 1, [&] {
    done_when_settled.push_back(order.size());
    if (done_when_settled.size() == 1) settled.set_value();
  });
  lane.post([gate = open.get_future().share()] { gate.wait(); });
  for (int i = 0; i < 10; ++i) lane.post([&, i] { order.push_back(i); });
  open.set_value();
  settled.get_future().wait();
  lane.stop();
  CHECK(order == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(done_when_settled == std::vector<std::size_t>{10});
}

TEST_CASE("a full lane refuses, except what was admitted before") {
  std::promise<void> open, running;
  Lane lane("test", 2);
  lane.post([&, gate = open.get_future().share()] {
    running.set_value();
    gate.wait();
  });
  running.get_future().wait();
  CHECK(lane.post([] {}));
  CHECK(lane.post([] {}));
  CHECK(!lane.post([] {}));
  std::promise<void> admitted;
  CHECK(lane.post_always([&] { admitted.set_value(); }));
  CHECK(lane.depth() == 3);
  open.set_value();
  admitted.get_future().wait();
}

TEST_CASE("a stopped lane drops what waits and takes nothing more") {
  std::atomic<int> ran{0};
  Lane lane("test", 10);
  lane.stop();
  CHECK(!lane.post([&] { ++ran; }));
  CHECK(!lane.post_always([&] { ++ran; }));
  CHECK(ran == 0);
}
