// Links between members over real sockets on loopback.
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <mutex>
#include <thread>

#include "node/peer/peer_network.h"

using namespace agiddi;
using namespace agiddi::node;
namespace asio = boost::asio;

namespace {

std::uint16_t free_port() {
  asio::io_context io;
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
  return acceptor.local_endpoint().port();
}

template <class Probe>
bool within(std::chrono::seconds limit, Probe probe) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < end) {
    if (probe()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return probe();
}

struct World {
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> guard{io.get_executor()};
  std::vector<KeyPair> keys;
  std::vector<Member> members;
  std::mutex mutex;
  std::vector<std::vector<std::pair<std::size_t, Bytes>>> received;
  std::vector<std::unique_ptr<PeerNetwork>> networks;
  std::thread thread;

  explicit World(std::size_t count) : received(count) {
    crypto_init();
    for (std::size_t i = 0; i < count; ++i) {
      keys.push_back(KeyPair::generate());
      members.push_back({"node-" + std::to_string(i + 1), keys[i].public_key(), {}, "127.0.0.1:" + std::to_string(free_port())});
    }
    networks.resize(count);
    thread = std::thread([this] { io.run(); });
  }
  void start(std::size_t i, const KeyPair* other_key = nullptr) {
    networks[i] = std::make_unique<PeerNetwork>(io, other_key ? *other_key : keys[i], MemberSet(members), i,
                                                PeerNetwork::Handlers{[this, i](std::size_t from, Bytes& frame) {
                                                                        const std::lock_guard lock(mutex);
                                                                        received[i].emplace_back(from, std::move(frame));
                                                                        return true;
                                                                      },
                                                                      [](std::size_t, bool) {}});
    REQUIRE(networks[i]->start(*parse_endpoint(members[i].address)));
  }
  std::size_t count(std::size_t i) {
    const std::lock_guard lock(mutex);
    return received[i].size();
  }
  ~World() {
    for (auto& network : networks) {
      if (network) network->stop();
    }
    guard.reset();
    if (!within(std::chrono::seconds(3), [&] { return io.stopped(); })) io.stop();
    thread.join();
  }
};

std::shared_ptr<const Bytes> frame(Bytes text) { return std::make_shared<const Bytes>(std::move(text)); }

}  // namespace

TEST_CASE("members find each other, and frames arrive whole and in order") {
  World world(3);
  for (std::size_t i = 0; i < 3; ++i) world.start(i);
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.networks[0]->connected(1) && world.networks[1]->connected(0) && world.networks[2]->connected(1); }));
  const Bytes big(3'000'000, 'x');
  for (int i = 0; i < 50; ++i) world.networks[0]->send(1, frame("frame " + std::to_string(i)));
  world.networks[0]->send(1, frame(big));
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.count(1) == 51; }));
  for (int i = 0; i < 50; ++i) CHECK(world.received[1][static_cast<std::size_t>(i)].second == "frame " + std::to_string(i));
  CHECK(world.received[1][50].second == big);
  CHECK(world.received[1][0].first == 0);
}

TEST_CASE("a link comes back after its far end was away") {
  World world(2);
  world.start(0);
  world.start(1);
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.networks[0]->connected(1); }));
  world.networks[1]->stop();
  REQUIRE(within(std::chrono::seconds(5), [&] { return !world.networks[0]->connected(1); }));
  world.networks[0]->send(1, frame("lost"));
  CHECK(world.networks[0]->counters().dropped == 1);
  world.start(1);
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.networks[0]->connected(1); }));
  world.networks[0]->send(1, frame("arrives"));
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.count(1) == 1; }));
  CHECK(world.received[1][0].second == "arrives");
}

TEST_CASE("who has another key than the membership says is no peer") {
  World world(2);
  const KeyPair foreign = KeyPair::generate();
  world.start(0);
  world.start(1, &foreign);
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.networks[0]->counters().refused > 0; }));
  CHECK(!world.networks[0]->connected(1));
  CHECK(world.count(0) == 0);
}

TEST_CASE("plain bytes on the peer port are refused and harm nobody") {
  World world(2);
  world.start(0);
  asio::io_context io;
  asio::ip::tcp::socket socket(io);
  const auto address = *parse_endpoint(world.members[0].address);
  socket.connect({asio::ip::make_address(address.host), address.port});
  asio::write(socket, asio::buffer(std::string("GET / HTTP/1.1\r\n\r\n")));
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.networks[0]->counters().refused == 1; }));
  world.start(1);
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.networks[0]->connected(1) && world.networks[1]->connected(0); }));
}

TEST_CASE("strangers who connect and say nothing keep no member out") {
  World world(2);
  world.start(0);
  asio::io_context io;
  const auto address = *parse_endpoint(world.members[0].address);
  std::vector<asio::ip::tcp::socket> strangers;
  for (int i = 0; i < 300; ++i) strangers.emplace_back(io).connect({asio::ip::make_address(address.host), address.port});
  world.start(1);
  REQUIRE(within(std::chrono::seconds(10), [&] { return world.networks[1]->connected(0); }));
  world.networks[1]->send(0, frame("arrives"));
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.count(0) == 1; }));
  // The oldest strangers had to go.
  strangers.front().non_blocking(true);
  REQUIRE(within(std::chrono::seconds(5), [&] {
    char byte;
    boost::system::error_code failure;
    strangers.front().read_some(asio::buffer(&byte, 1), failure);
    return failure && failure != asio::error::would_block;
  }));
}
