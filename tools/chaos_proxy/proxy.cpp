#include "tools/chaos_proxy/proxy.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <deque>
#include <map>
#include <set>
#include <vector>

namespace agiddi::tools {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kQueueMax_bytes = 4 * 1024 * 1024;
constexpr std::size_t kChunk_bytes = 64 * 1024;
constexpr std::size_t kThrottledChunk_bytes = 2 * 1024;   // small, so that a slow link drips instead of bursting
constexpr auto kFullPause = milliseconds(5);              // of a reader whose queue is full
constexpr auto kAcceptPause = milliseconds(10);           // after an accept that failed
constexpr auto kLong = std::chrono::hours(1);             // a wait that only wake() ends

auto token(error_code& failure) { return asio::redirect_error(asio::use_awaitable, failure); }

struct Pump;

struct Direction {
  DirectionState state;
  std::vector<std::weak_ptr<Pump>> pumps;   // woken when the state changes
};

struct Chunk {
  std::string bytes;
  Clock::time_point due;
};

struct Connection {
  Connection(tcp::socket near_socket, asio::io_context& io) : near(std::move(near_socket)), far(io) {}
  tcp::socket near, far;
  void close() {
    error_code ignored;
    near.close(ignored);
    far.close(ignored);
  }
};

// What moves one way through one connection: a reader fills the queue, a writer empties it by the direction's rules.
struct Pump {
  std::shared_ptr<Connection> connection;
  tcp::socket& source;
  tcp::socket& target;
  std::shared_ptr<const Direction> direction;
  std::shared_ptr<std::uint64_t> passed;
  asio::steady_timer wake;   // cancelled to make the waiting side look again
  std::deque<Chunk> queue;
  std::size_t queued_bytes = 0;
  bool ended = false;      // the source will bring no more

  Pump(asio::io_context& io, std::shared_ptr<Connection> all, bool forwards, std::shared_ptr<const Direction> rules, std::shared_ptr<std::uint64_t> counter)
      : connection(std::move(all)), source(forwards ? connection->near : connection->far), target(forwards ? connection->far : connection->near),
        direction(std::move(rules)), passed(std::move(counter)), wake(io) {}

  // One thread: nothing can happen between the writer's look at the state and this wait, so no wake is missed.
  asio::awaitable<void> wait(Clock::time_point until) {
    wake.expires_at(until);
    error_code failure;
    co_await wake.async_wait(token(failure));
  }
};

asio::awaitable<void> pause(asio::io_context& io, Clock::duration length) {
  asio::steady_timer timer(io, length);
  error_code failure;
  co_await timer.async_wait(token(failure));
}

asio::awaitable<void> read_side(asio::io_context& io, std::shared_ptr<Pump> pump) {
  std::string buffer(kChunk_bytes, '\0');
  error_code failure;
  while (true) {
    const std::size_t count = co_await pump->source.async_read_some(asio::buffer(buffer), token(failure));
    if (failure) break;
    pump->queued_bytes += count;
    pump->queue.push_back({buffer.substr(0, count), Clock::now() + milliseconds(pump->direction->state.delay_ms)});
    pump->wake.cancel();
    while (pump->queued_bytes > kQueueMax_bytes && pump->source.is_open()) co_await pause(io, kFullPause);
  }
  pump->ended = true;
  pump->wake.cancel();
}

asio::awaitable<void> write_side(asio::io_context& io, std::shared_ptr<Pump> pump) {
  error_code failure;
  while (!failure && pump->target.is_open()) {
    const DirectionState& state = pump->direction->state;
    if (state.mode == LinkMode::hold || pump->queue.empty()) {
      if (pump->ended) break;
      co_await pump->wait(Clock::now() + kLong);
      continue;
    }
    Chunk& chunk = pump->queue.front();
    if (chunk.due > Clock::now()) {
      co_await pump->wait(chunk.due);
      continue;
    }
    const std::int64_t rate = state.bytes_per_second;
    const std::size_t count = rate > 0 ? std::min(chunk.bytes.size(), kThrottledChunk_bytes) : chunk.bytes.size();
    co_await asio::async_write(pump->target, asio::buffer(chunk.bytes.data(), count), token(failure));
    if (failure) break;
    *pump->passed += count;
    pump->queued_bytes -= count;
    if (count == chunk.bytes.size()) {
      pump->queue.pop_front();
    } else {
      chunk.bytes.erase(0, count);
    }
    if (rate > 0) co_await pause(io, std::chrono::microseconds(static_cast<std::int64_t>(count) * 1'000'000 / rate));
  }
  pump->connection->close();
}

}  // namespace

class ChaosProxy::Impl : public std::enable_shared_from_this<Impl> {
 public:
  explicit Impl(asio::io_context& io) : io_(io) {}

  std::uint16_t add_link(const std::string& from, const std::string& to, std::uint16_t target_port) {
    auto acceptor = std::make_shared<tcp::acceptor>(io_, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
    const std::uint16_t port = acceptor->local_endpoint().port();
    asio::co_spawn(io_, accept_loop(shared_from_this(), acceptor, {from, to}, target_port), asio::detached);
    return port;
  }

  void set(const std::string& from, const std::string& to, const DirectionState& state) {
    const auto way = direction({from, to});
    way->state = state;
    std::erase_if(way->pumps, [](const std::weak_ptr<Pump>& weak) { return weak.expired(); });
    for (const auto& weak : way->pumps) weak.lock()->wake.cancel();
    if (state.mode != LinkMode::cut) return;
    for (const auto& weak : connections_[{from, to}]) {
      if (const auto connection = weak.lock()) connection->close();
    }
  }

  std::shared_ptr<std::uint64_t> passed = std::make_shared<std::uint64_t>(0);

 private:
  using Pair = std::pair<std::string, std::string>;
  using Connections = std::set<std::weak_ptr<Connection>, std::owner_less<>>;

  std::shared_ptr<Direction> direction(const Pair& pair) {
    auto& found = directions_[pair];
    if (!found) found = std::make_shared<Direction>();
    return found;
  }

  static asio::awaitable<void> accept_loop(std::shared_ptr<Impl> self, std::shared_ptr<tcp::acceptor> acceptor, Pair pair, std::uint16_t target_port) {
    while (true) {
      error_code failure;
      tcp::socket near(self->io_);
      co_await acceptor->async_accept(near, token(failure));
      if (failure) {
        co_await pause(self->io_, kAcceptPause);
        continue;
      }
      if (self->direction(pair)->state.mode == LinkMode::cut) continue;  // the newcomer is closed
      asio::co_spawn(self->io_, serve(self, std::make_shared<Connection>(std::move(near), self->io_), pair, target_port), asio::detached);
    }
  }

  static asio::awaitable<void> serve(std::shared_ptr<Impl> self, std::shared_ptr<Connection> connection, Pair pair, std::uint16_t target_port) {
    const tcp::endpoint target(asio::ip::make_address("127.0.0.1"), target_port);
    error_code failure;
    co_await connection->far.async_connect(target, token(failure));
    if (failure || !connection->near.is_open()) {
      connection->close();
      co_return;
    }
    connection->near.set_option(tcp::no_delay(true), failure);
    connection->far.set_option(tcp::no_delay(true), failure);
    auto& all = self->connections_[pair];
    std::erase_if(all, [](const std::weak_ptr<Connection>& weak) { return weak.expired(); });
    all.insert(connection);
    for (const bool forwards : {true, false}) {
      const auto way = self->direction(forwards ? pair : Pair(pair.second, pair.first));
      auto pump = std::make_shared<Pump>(self->io_, connection, forwards, way, self->passed);
      way->pumps.push_back(pump);
      asio::co_spawn(self->io_, read_side(self->io_, pump), asio::detached);
      asio::co_spawn(self->io_, write_side(self->io_, pump), asio::detached);
    }
  }

  asio::io_context& io_;
  std::map<Pair, std::shared_ptr<Direction>> directions_;
  std::map<Pair, Connections> connections_;
};

ChaosProxy::ChaosProxy(asio::io_context& io) : impl_(std::make_shared<Impl>(io)) {}
ChaosProxy::~ChaosProxy() = default;
std::uint16_t ChaosProxy::add_link(const std::string& from, const std::string& to, std::uint16_t target_port) { return impl_->add_link(from, to, target_port); }
void ChaosProxy::set(const std::string& from, const std::string& to, const DirectionState& state) { impl_->set(from, to, state); }
std::uint64_t ChaosProxy::bytes_passed() const { return *impl_->passed; }

}  // namespace agiddi::tools
