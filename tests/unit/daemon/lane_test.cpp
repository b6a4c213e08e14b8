#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <vector>

#include "node/lane.h"

using agiddi::node::Lane;

TEST_CASE("a lane runs its work in order, and settles after a burst") {
  std::vector<int> order;
  int settled = 0;
  std::promise<void> done;
  {
    std::promise<void> open;
    Lane lane("test", 100, 1, [&] { ++settled; });
    lane.post([&, gate = open.get_future().share()] { gate.wait(); });
    for (int i = 0; i < 10; ++i) lane.post([&, i] { order.push_back(i); });
    lane.post([&] { done.set_value(); });
    open.set_value();
    done.get_future().wait();
    std::promise<void> after;
    lane.post([&] { after.set_value(); });
    after.get_future().wait();
  }
  CHECK(order == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(settled >= 1);
  CHECK(settled <= 2);
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
