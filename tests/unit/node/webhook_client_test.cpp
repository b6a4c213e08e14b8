// The client of webhooks against receivers on real sockets that break the rules of HTTP, close kept connections, or say nothing.
#include <catch2/catch.hpp>
#include <mutex>
#include <map>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <thread>

#include "node/webhook/host_lookups.h"
#include "node/webhook/webhook_client.h"

using namespace agiddi;
using namespace agiddi::node;
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

struct Answered {
  std::string text;
  bool close = false;      // the connection, behind the answer
};

// Answers the requests that come with the given texts, one after the other, and keeps the requests' heads.
class ScriptedReceiver {
 public:
  explicit ScriptedReceiver(std::vector<Answered> answers) : answers_(std::move(answers)), acceptor_(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    thread_ = std::thread([this] { run(); });
  }
  ~ScriptedReceiver() {
    boost::system::error_code ignored;
    stopping_ = true;
    tcp::socket wake(io_);
    wake.connect(acceptor_.local_endpoint(), ignored);
    thread_.join();
  }
  std::string url(const std::string& host = "127.0.0.1") const { return "http://" + host + ":" + std::to_string(acceptor_.local_endpoint().port()) + "/hook"; }
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  int connections() const { return connections_; }

 private:
  void run() {
    std::size_t next = 0;
    while (!stopping_ && next < answers_.size()) {
      boost::system::error_code error;
      tcp::socket socket(io_);
      acceptor_.accept(socket, error);
      if (stopping_ || error) return;
      ++connections_;
      asio::streambuf buffer;
      while (next < answers_.size()) {
        const std::size_t head = asio::read_until(socket, buffer, "\r\n\r\n", error);
        if (error) break;
        std::string text(asio::buffers_begin(buffer.data()), asio::buffers_begin(buffer.data()) + static_cast<std::ptrdiff_t>(head));
        const std::size_t length = std::stoul(text.substr(text.find("Content-Length: ") + 16));
        while (buffer.size() < head + length && !error) asio::read(socket, buffer, asio::transfer_at_least(1), error);
        buffer.consume(head + length);
        {
          const std::lock_guard lock(mutex_);
          requests_.push_back(text);
        }
        const Answered& answer = answers_[next++];
        asio::write(socket, asio::buffer(answer.text), error);
        if (answer.close || error) break;
      }
    }
  }

  const std::vector<Answered> answers_;
  asio::io_context io_;
  tcp::acceptor acceptor_;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::atomic<int> connections_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

struct Node {
  explicit Node(bool allow_private = true)
      : client({{allow_private, false}, [key = std::make_shared<const KeyPair>(KeyPair::generate())] { return key; }, [] { return TimeMs{1'700'000'000'000}; }}) {}

  Node(LookupBounds bounds, ResolveHost resolve)
      : client({{true, true}, [key = std::make_shared<const KeyPair>(KeyPair::generate())] { return key; }, [] { return TimeMs{1'700'000'000'000}; }, bounds, std::move(resolve)}) {}

  std::future<WebhookAnswer> begin(const std::shared_ptr<WebhookReceiver>& receiver) {
    auto promise = std::make_shared<std::promise<WebhookAnswer>>();
    auto answer = promise->get_future();
    client.post(receiver, {"cd", WebhookFormat::jsonld, {{"urn:1", std::make_shared<const std::string>("{\"a\":1}")}}}, [promise](WebhookAnswer got) { promise->set_value(std::move(got)); });
    return answer;
  }
  std::future<WebhookAnswer> begin(const std::string& url) { return begin(client.receiver(parse_webhook_url(url).value())); }
  WebhookAnswer post(const std::shared_ptr<WebhookReceiver>& receiver) {
    auto answer = begin(receiver);
    REQUIRE(answer.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
    return answer.get();
  }
  WebhookAnswer post(const std::string& url) { return post(client.receiver(parse_webhook_url(url).value())); }

  WebhookClient client;
};

const std::string kTaken = "HTTP/1.1 204 No Content\r\n\r\n";

}  // namespace

TEST_CASE("a connection is kept from post to post, and a closed one is made again at once") {
  ScriptedReceiver receiver({{kTaken}, {kTaken, true}, {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}, {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", true}, {kTaken}});
  Node node;
  const auto kept = node.client.receiver(parse_webhook_url(receiver.url()).value());
  for (const int status : {204, 204, 200, 200, 204}) CHECK(node.post(kept).status == status);
  CHECK(receiver.connections() == 3);
  for (const std::string& request : receiver.requests()) {
    CHECK(request.starts_with("POST /hook HTTP/1.1\r\nHost: 127.0.0.1:"));
    CHECK(request.find("\r\nSignature-Input: agiddi=(") != std::string::npos);
  }
}

TEST_CASE("answers: interim ones are passed over, Retry-After is read, refusals are told") {
  ScriptedReceiver receiver({{"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
                             {"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"},
                             {"HTTP/1.1 429 Much\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\nContent-Length: 0\r\n\r\n"},
                             {"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"}});
  Node node;
  const auto kept = node.client.receiver(parse_webhook_url(receiver.url()).value());
  CHECK(node.post(kept).status == 200);
  const auto busy = node.post(kept);
  CHECK(busy.status == 503);
  CHECK(busy.retry_after_s == 7);
  const auto much = node.post(kept);
  CHECK(much.status == 429);
  CHECK_FALSE(much.retry_after_s);
  CHECK(node.post(kept).status == 301);
  CHECK(receiver.requests().size() == 4);
}

TEST_CASE("what is no HTTP, or too long, does no harm") {
  for (const std::string& text : {std::string("hello\r\n\r\n"), std::string("HTTP/1.1 999999 x\r\n\r\n"), "HTTP/1.1 200 OK\r\nX: " + std::string(64 * 1024, 'x') + "\r\n\r\n", std::string()}) {
    ScriptedReceiver receiver({{text, true}});
    Node node;
    const auto answer = node.post(receiver.url());
    CHECK(answer.status == 0);
    CHECK_FALSE(answer.problem.empty());
  }
  // A body longer than anybody needs: the status counts, the connection does not stay.
  ScriptedReceiver receiver({{"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + std::string(1'000'000, 'x')},
                             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nf4240\r\n" + std::string(1'000'000, 'x') + "\r\n0\r\n\r\n"},
                             {kTaken}});
  Node node;
  const auto kept = node.client.receiver(parse_webhook_url(receiver.url()).value());
  CHECK(node.post(kept).status == 200);
  CHECK(node.post(kept).status == 200);
  CHECK(node.post(kept).status == 204);
  CHECK(receiver.connections() == 3);
}

TEST_CASE("a name is looked up when it is dialled, and where it may not point to is not dialled") {
  ScriptedReceiver receiver({{kTaken}});
  {
    Node strict(false);
    CHECK(strict.post(receiver.url("localhost")).problem == "the host has a loopback or private address");
    CHECK(strict.post(receiver.url()).problem == "the host has a loopback or private address");
  }
  CHECK(receiver.connections() == 0);
  Node node;
  CHECK(node.post("http://no-such-host.invalid/").problem.find("cannot resolve the host") == 0);
  CHECK(node.post(receiver.url("localhost")).status == 204);
}

// Names that begin with "dead" have no address, after a while; all others are this machine.
class NameServer {
 public:
  Result<std::string> resolve(const std::string& host, std::chrono::milliseconds patience) {
    {
      const std::lock_guard lock(mutex_);
      ++asked_[host];
      most_at_once_ = std::max(most_at_once_, ++under_way_[host]);
    }
    const bool dead = host.starts_with("dead");
    if (dead) std::this_thread::sleep_for(patience);
    const std::lock_guard lock(mutex_);
    --under_way_[host];
    if (dead) return fail(Status::unavailable, "no such host");
    return std::string("127.0.0.1");
  }
  ResolveHost resolver(std::chrono::milliseconds patience) {
    return [this, patience](const std::string& host, bool) { return resolve(host, patience); };
  }
  int asked(const std::string& host) const {
    const std::lock_guard lock(mutex_);
    const auto found = asked_.find(host);
    return found == asked_.end() ? 0 : found->second;
  }
  int most_at_once() const {
    const std::lock_guard lock(mutex_);
    return most_at_once_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, int> asked_, under_way_;
  int most_at_once_ = 0;
};

TEST_CASE("dead names do not keep a new name waiting") {
  using namespace std::chrono_literals;
  ScriptedReceiver receiver({{kTaken}});
  NameServer names;
  Node node({1ms, 1ms}, names.resolver(500ms));
  std::vector<std::future<WebhookAnswer>> dead;
  const auto again = [&] {
    dead.clear();
    for (int i = 0; i < 12; ++i) dead.push_back(node.begin("http://dead-" + std::to_string(i) + ".example/"));
  };
  again();
  for (auto& one : dead) REQUIRE(one.get().problem == "no such host");
  std::this_thread::sleep_for(5ms);
  again();   // three seconds for the two threads that failing names have
  const auto begin = std::chrono::steady_clock::now();
  CHECK(node.post(receiver.url("new.example")).status == 204);
  CHECK(std::chrono::steady_clock::now() - begin < 400ms);
  CHECK(dead.back().wait_for(0ms) != std::future_status::ready);
}

TEST_CASE("a name is looked up once for all who wait for it, and a failure is remembered for a while that grows") {
  using namespace std::chrono_literals;
  NameServer names;
  Node node({200ms, 400ms}, names.resolver(100ms));
  std::vector<std::future<WebhookAnswer>> all;
  for (int i = 0; i < 8; ++i) all.push_back(node.begin("http://dead.example/"));
  for (auto& one : all) CHECK(one.get().problem == "no such host");
  CHECK((names.asked("dead.example") == 1 && names.most_at_once() == 1));
  CHECK(node.post("http://dead.example/").problem == "no such host");
  CHECK(names.asked("dead.example") == 1);
  const auto waited = [&](int asked) {
    const auto begin = std::chrono::steady_clock::now();
    while (names.asked("dead.example") < asked && std::chrono::steady_clock::now() - begin < 5s) node.post("http://dead.example/");
    return std::chrono::steady_clock::now() - begin;
  };
  waited(2);
  CHECK(waited(3) > 300ms);   // 400 ms after the second failure
}

TEST_CASE("no more names wait for their look-up than there is room for") {
  std::promise<void> answered;
  const auto answer = answered.get_future().share();
  asio::io_context io;
  HostLookups lookups(io, [answer](const std::string&, bool) { answer.wait(); return Result<std::string>("127.0.0.1"); }, {});
  std::size_t refused = 0;
  for (std::size_t i = 0; i < HostLookups::kNamesMax + 3; ++i) {
    lookups.find("host-" + std::to_string(i) + ".example", true, [&](const Result<std::string>& address) { refused += !address && address.error().status == Status::overloaded; });
  }
  CHECK(refused == 3);
  lookups.stop();
  answered.set_value();
  lookups.join();
}

TEST_CASE("a client that stops with posts on their way waits for none of them") {
  asio::io_context io;
  tcp::acceptor silent(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  const auto begin = std::chrono::steady_clock::now();
  {
    Node node;
    const auto receiver = node.client.receiver(parse_webhook_url("http://127.0.0.1:" + std::to_string(silent.local_endpoint().port()) + "/").value());
    node.client.post(receiver, {"cd", WebhookFormat::jsonld, {{"urn:1", std::make_shared<const std::string>("{}")}}}, [](const WebhookAnswer&) {});
  }
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
}
