#include "tools/benchmark/watch/watch_clients.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <array>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tools/cli/sse_reader.h"

namespace agiddi::tools {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kOpeningMax = 64;                       // clients that wait for their first result
constexpr auto kAgain = std::chrono::milliseconds(20);        // after a 429
constexpr auto kOpenMax = std::chrono::minutes(5);            // for all of them

}  // namespace

std::uint64_t device_hash(std::string_view urn) { return std::hash<std::string_view>{}(urn); }

struct WatchClients::Run {
  class Client;

  asio::io_context io{1};
  std::vector<LoadTarget> targets;
  std::vector<std::string> bodies;
  std::vector<WatchLog> logs;
  std::vector<std::unique_ptr<Client>> clients;
  std::array<char, 64 * 1024> bytes;   // what one read brought, for whoever reads
  std::size_t next = 0;                // client to open
  std::atomic<std::uint64_t> events{0};
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t begun = 0;               // with the mutex
  std::string problem;                 // the first
  std::thread thread;

  void open_next();
  void count_begun() {
    {
      const std::lock_guard lock(mutex);
      ++begun;
    }
    changed.notify_one();
    open_next();
  }
  void fail(std::size_t index, std::string text) {
    logs[index].problem = text;
    {
      const std::lock_guard lock(mutex);
      if (problem.empty()) problem = "client " + std::to_string(index) + ": " + std::move(text);
    }
    changed.notify_one();
  }
};

class WatchClients::Run::Client {
 public:
  Client(Run& run, std::size_t index) : run_(run), index_(index), socket_(run.io), timer_(run.io) {}

  void start() {
    const LoadTarget& target = run_.targets[index_ % run_.targets.size()];
    socket_.async_connect({asio::ip::make_address(target.host), target.port}, [this](error_code failure) {
      if (failure) return run_.fail(index_, "cannot connect: " + failure.message());
      socket_.non_blocking(true);
      // Thousands are closed at once, and the next run opens as many: no port shall wait for a minute.
      socket_.set_option(asio::socket_base::linger(true, 0));
      const std::string& body = run_.bodies[index_];
      request_ = "POST /v1/query HTTP/1.0\r\nHost: node\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\nContent-Length: " +
                 std::to_string(body.size()) + "\r\n\r\n" + body;
      asio::async_write(socket_, asio::buffer(request_), [this](error_code broken, std::size_t) {
        std::string().swap(request_);
        if (broken) return run_.fail(index_, "cannot send: " + broken.message());
        wait();
      });
    });
  }

 private:
  void wait() {
    socket_.async_wait(tcp::socket::wait_read, [this](error_code failure) {
      if (!failure) read();
    });
  }

  void read() {
    error_code failure;
    const std::size_t size = socket_.read_some(asio::buffer(run_.bytes), failure);
    if (failure == asio::error::would_block) return wait();
    if (failure) return run_.fail(index_, "the stream ended: " + failure.message());
    std::string_view text(run_.bytes.data(), size);
    if (!streams_) {
      head_ += text;
      const std::size_t end = head_.find("\r\n\r\n");
      if (end == std::string::npos) return wait();
      const std::string status = head_.substr(9, 3);
      if (status == "429") return again();
      if (status != "200") return run_.fail(index_, "answered " + head_ + "\nto " + run_.bodies[index_]);
      streams_ = true;
      const std::string rest = head_.substr(end + 4);
      std::string().swap(head_);
      if (!feed(rest)) return;
    } else if (!feed(text)) {
      return;
    }
    wait();
  }

  bool feed(std::string_view text) {
    const auto now = Clock::now();
    const bool more = reader_.feed(text, [&](const SseEvent& event) {
      if (event.event == "result") {
        run_.count_begun();
        return true;
      }
      ++run_.events;
      // Every entry begins with the device's id.
      constexpr std::string_view kBegin = "{\"id\":\"";
      const std::size_t end = event.data.find('"', kBegin.size());
      if (!event.data.starts_with(kBegin) || end == std::string::npos) return false;
      if (event.event != "match") ++run_.logs[index_].others;
      else run_.logs[index_].events.push_back({device_hash(std::string_view(event.data).substr(kBegin.size(), end - kBegin.size())), now});
      return true;
    });
    if (!more) run_.fail(index_, "was told something that it does not understand");
    return more;
  }

  void again() {
    error_code ignored;
    socket_.close(ignored);
    head_.clear();
    timer_.expires_after(kAgain);
    timer_.async_wait([this](error_code cancelled) {
      if (!cancelled) start();
    });
  }

  Run& run_;
  const std::size_t index_;
  tcp::socket socket_;
  asio::steady_timer timer_;
  std::string request_, head_;
  bool streams_ = false;
  SseReader reader_;
};

void WatchClients::Run::open_next() {
  if (next < bodies.size()) clients[next++]->start();
}

WatchClients::WatchClients(std::vector<LoadTarget> targets, std::vector<std::string> bodies) : run_(std::make_unique<Run>()) {
  run_->targets = std::move(targets);
  run_->bodies = std::move(bodies);
  run_->logs.resize(run_->bodies.size());
  for (std::size_t i = 0; i < run_->bodies.size(); ++i) run_->clients.push_back(std::make_unique<Run::Client>(*run_, i));
}

WatchClients::~WatchClients() { stop(); }

std::optional<std::string> WatchClients::open() {
  for (std::size_t i = 0; i < kOpeningMax; ++i) run_->open_next();
  run_->thread = std::thread([run = run_.get()] { run->io.run(); });
  std::unique_lock lock(run_->mutex);
  const bool done = run_->changed.wait_for(lock, kOpenMax, [&] { return run_->begun == run_->bodies.size() || !run_->problem.empty(); });
  if (!run_->problem.empty()) return run_->problem;
  if (!done) return "only " + std::to_string(run_->begun) + " of the clients have their first result";
  return std::nullopt;
}

std::uint64_t WatchClients::events() const { return run_->events; }

void WatchClients::stop() {
  run_->io.stop();
  if (run_->thread.joinable()) run_->thread.join();
}

const std::vector<WatchLog>& WatchClients::logs() const { return run_->logs; }

}  // namespace agiddi::tools
