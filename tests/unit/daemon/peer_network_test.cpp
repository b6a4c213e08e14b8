// Links between members over real sockets on loopback.
#include <poll.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <mutex>
#include <thread>

#include "node/peer/certificate.h"
#include "node/peer/peer_network.h"
#include "protocol/limits.h"

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
    networks[i] = std::make_unique<PeerNetwork>(io, PeerNetwork::Handlers{[this, i](const PublicKey& from, Bytes& frame) {
                                                                            const std::lock_guard lock(mutex);
                                                                            const int member = MemberSet(members).index_of(from);
                                                                            received[i].emplace_back(static_cast<std::size_t>(member), std::move(frame));
                                                                            return true;
                                                                          },
                                                                          [](const PublicKey&, bool) {}});
    networks[i]->set_peers(other_key ? *other_key : keys[i], members[i].id, peers(members.size()));
    REQUIRE(networks[i]->start(*parse_endpoint(members[i].address)));
  }
  // The first `count` members; a node leaves itself out.
  std::vector<Peer> peers(std::size_t count) const {
    std::vector<Peer> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back({members[i].key, members[i].id, members[i].address});
    return out;
  }
  bool connected(std::size_t from, std::size_t to) const { return networks[from]->connected(members[to].key); }
  void send(std::size_t from, std::size_t to, Bytes text) { networks[from]->send(members[to].key, std::make_shared<const Bytes>(std::move(text))); }
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

}  // namespace

TEST_CASE("members find each other, and frames arrive whole and in order") {
  World world(3);
  for (std::size_t i = 0; i < 3; ++i) world.start(i);
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.connected(0, 1) && world.connected(1, 0) && world.connected(2, 1); }));
  const Bytes big(3'000'000, 'x');
  for (int i = 0; i < 50; ++i) world.send(0, 1, "frame " + std::to_string(i));
  world.send(0, 1, big);
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.count(1) == 51; }));
  for (int i = 0; i < 50; ++i) CHECK(world.received[1][static_cast<std::size_t>(i)].second == "frame " + std::to_string(i));
  CHECK(world.received[1][50].second == big);
  CHECK(world.received[1][0].first == 0);
}

TEST_CASE("a member that moved is found at the other address") {
  World world(2);
  world.start(0);
  world.start(1);
  const std::string moved = world.members[1].address;
  world.networks[0]->set_peers(world.keys[0], world.members[0].id, {{world.members[1].key, "moved", "127.0.0.1:1", moved}});
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.connected(0, 1); }));
  world.send(0, 1, "arrives");
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.count(1) == 1; }));
}

TEST_CASE("a link comes back after its far end was away") {
  World world(2);
  world.start(0);
  world.start(1);
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.connected(0, 1); }));
  world.networks[1]->stop();
  REQUIRE(within(std::chrono::seconds(5), [&] { return !world.connected(0, 1); }));
  world.send(0, 1, "lost");
  CHECK(world.networks[0]->counters().dropped == 1);
  world.start(1);
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.connected(0, 1); }));
  world.send(0, 1, "arrives");
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.count(1) == 1; }));
  CHECK(world.received[1][0].second == "arrives");
}

TEST_CASE("who has another key than the membership says is no peer") {
  World world(2);
  const KeyPair foreign = KeyPair::generate();
  world.start(0);
  world.start(1, &foreign);
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.networks[0]->counters().refused > 0; }));
  CHECK(!world.connected(0, 1));
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
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.connected(0, 1) && world.connected(1, 0); }));
}

TEST_CASE("peers come and go while the others' links stay, and a node may change its own key") {
  World world(3);
  for (std::size_t i = 0; i < 3; ++i) world.start(i);
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.connected(0, 1) && world.connected(0, 2) && world.connected(2, 0); }));
  world.networks[0]->set_peers(world.keys[0], "node-1", world.peers(2));
  REQUIRE(within(std::chrono::seconds(5), [&] { return !world.connected(2, 0) || world.networks[0]->counters().refused > 0; }));
  CHECK(world.connected(0, 1));
  CHECK(!world.connected(0, 2));
  world.networks[0]->set_peers(world.keys[0], "node-1", world.peers(3));
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.connected(0, 2) && world.connected(2, 0); }));

  const KeyPair rotated = KeyPair::generate();
  world.members[2].key = rotated.public_key();
  world.networks[2]->set_peers(rotated, "node-3", world.peers(3));
  for (std::size_t i = 0; i < 2; ++i) world.networks[i]->set_peers(world.keys[i], world.members[i].id, world.peers(3));
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.connected(0, 2) && world.connected(2, 0) && world.connected(2, 1); }));
  world.send(2, 0, "with the new key");
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.count(0) == 1; }));
  CHECK(world.received[0][0].first == 2);
}

TEST_CASE("strangers who connect and say nothing keep no member out") {
  World world(2);
  world.start(0);
  asio::io_context io;
  const auto address = *parse_endpoint(world.members[0].address);
  std::vector<asio::ip::tcp::socket> strangers;
  for (int i = 0; i < 300; ++i) strangers.emplace_back(io).connect({asio::ip::make_address(address.host), address.port});
  world.start(1);
  REQUIRE(within(std::chrono::seconds(10), [&] { return world.connected(1, 0); }));
  world.send(1, 0, "arrives");
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

namespace {

// A member's link as somebody else's program would make it: its key, and what ALPN offers.
struct ForeignLink {
  asio::io_context io;
  asio::ssl::context tls;
  asio::ssl::stream<asio::ip::tcp::socket> stream;

  ForeignLink(const KeyPair& key, const std::string& address, const Bytes& protocols) : tls(make_peer_tls_context(key, "node-2")), stream(open(protocols)) {
    const auto endpoint = *parse_endpoint(address);
    stream.next_layer().connect({asio::ip::make_address(endpoint.host), endpoint.port});
  }
  asio::ssl::stream<asio::ip::tcp::socket> open(const Bytes& protocols) {
    SSL_CTX_set_alpn_protos(tls.native_handle(), reinterpret_cast<const unsigned char*>(protocols.data()), static_cast<unsigned>(protocols.size()));
    return {io, tls};
  }
  bool handshake() {
    boost::system::error_code failure;
    stream.handshake(asio::ssl::stream_base::client, failure);
    return !failure;
  }
  // The far end has closed the link.
  bool is_closed() {
    char byte;
    boost::system::error_code failure;
    stream.read_some(asio::buffer(&byte, 1), failure);
    return static_cast<bool>(failure);
  }
};

Bytes own_protocol() { return Bytes(1, static_cast<char>(kPeerProtocol.size())).append(kPeerProtocol); }

}  // namespace

TEST_CASE("a member that speaks another version of the protocol, or none, is refused and counted") {
  World world(2);
  world.start(0);
  ForeignLink newer(world.keys[1], world.members[0].address, Bytes("\x0d" "agiddi-peer/9"));
  CHECK_FALSE(newer.handshake());
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.networks[0]->counters().refused == 1; }));
  ForeignLink silent(world.keys[1], world.members[0].address, {});
  silent.handshake();
  CHECK(silent.is_closed());
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.networks[0]->counters().refused == 2; }));
}

TEST_CASE("a member's frame of no length, or of more than a frame may have, ends its link and is counted") {
  World world(2);
  world.start(0);
  std::uint64_t refused = 0;
  for (const std::uint32_t length : {std::uint32_t{0}, static_cast<std::uint32_t>(limits::kPeerFrameMax_bytes + 1), std::uint32_t{0xffffffff}}) {
    ForeignLink link(world.keys[1], world.members[0].address, own_protocol());
    REQUIRE(link.handshake());
    Bytes head;
    append_u32_be(head, length);
    asio::write(link.stream, asio::buffer(head));
    CHECK(link.is_closed());
    ++refused;
    REQUIRE(within(std::chrono::seconds(5), [&] { return world.networks[0]->counters().refused == refused; }));
  }
  CHECK(world.count(0) == 0);
}

TEST_CASE("a link whose far end stays silent ends within seconds") {
  World world(2);
  // Member 2 as a program that takes the link and then never reads: its kernel's buffers fill, and nothing goes on.
  asio::io_context io;
  asio::ssl::context tls(make_peer_tls_context(world.keys[1], "node-2"));
  const auto endpoint = *parse_endpoint(world.members[1].address);
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::make_address(endpoint.host), endpoint.port});
  world.start(0);
  asio::ssl::stream<asio::ip::tcp::socket> stream(acceptor.accept(), tls);
  stream.handshake(asio::ssl::stream_base::server);
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.connected(0, 1); }));
  for (int i = 0; i < 16; ++i) world.send(0, 1, Bytes(1'000'000, 'x'));
  CHECK(within(std::chrono::seconds(20), [&] { return !world.connected(0, 1); }));
}

TEST_CASE("who ends each link at once is dialled less and less often, and at once again when it keeps one") {
  World world(2);
  asio::io_context io;
  asio::ssl::context tls(make_peer_tls_context(world.keys[1], "node-2"));
  const auto endpoint = *parse_endpoint(world.members[1].address);
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::make_address(endpoint.host), endpoint.port});
  world.start(0);
  const auto take_link = [&] {
    auto stream = std::make_unique<asio::ssl::stream<asio::ip::tcp::socket>>(acceptor.accept(), tls);
    stream->handshake(asio::ssl::stream_base::server);
    return stream;
  };
  const auto is_dialled = [&] {
    pollfd waiting{acceptor.native_handle(), POLLIN, 0};
    return ::poll(&waiting, 1, 10'000) == 1;
  };
  using Clock = std::chrono::steady_clock;
  std::vector<std::chrono::milliseconds> pauses;
  for (int i = 0; i < 6; ++i) {
    take_link()->lowest_layer().close();
    const auto ended = Clock::now();
    REQUIRE(is_dialled());
    pauses.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - ended));
  }
  // 50 ms doubling: 1.6 s after the sixth.
  CHECK(pauses.front() < std::chrono::milliseconds(1'000));
  CHECK(pauses.back() >= std::chrono::milliseconds(1'500));
  auto kept = take_link();
  REQUIRE(within(std::chrono::seconds(5), [&] { return world.connected(0, 1); }));
  const auto since = Clock::now();
  REQUIRE(within(std::chrono::seconds(5), [&] { return Clock::now() - since > std::chrono::milliseconds(2'200); }));   // the life that counts
  kept->lowest_layer().close();
  const auto ended = Clock::now();
  REQUIRE(is_dialled());
  CHECK(Clock::now() - ended < std::chrono::milliseconds(1'000));
}
