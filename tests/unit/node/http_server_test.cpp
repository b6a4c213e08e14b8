// The HTTP server over real sockets: what a decent client gets, and what a hostile one does.
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "node/http/problem.h"
#include "node/http/server.h"
#include "node/http/websocket.h"
#include "tests/unit/node/raw_client.h"

using namespace agiddi;
using namespace agiddi::node;
using agiddi::node::testing::RawAnswer;
using agiddi::node::testing::RawClient;

namespace {

HttpLimits quick_limits() {
  HttpLimits limits;
  limits.idle_max = std::chrono::milliseconds(2000);
  limits.header_max = std::chrono::milliseconds(800);
  limits.body_max = std::chrono::milliseconds(2500);
  limits.heartbeat = std::chrono::milliseconds(150);
  limits.stream_queue_max_events = 64;
  limits.stream_queue_max_bytes = 1024 * 1024;
  limits.stop_grace = std::chrono::milliseconds(400);
  return limits;
}

// A server on a free port with routes that show what arrives, and the streams that clients opened.
class World {
 public:
  explicit World(HttpLimits limits = quick_limits(), std::size_t connections_max = 64) {
    Router router;
    router.add("GET", "/hello/{name}", [](HttpRequest request, Responder to) {
      to.send(json_response(200, Json::object({{"name", std::string(request.parameter("name"))}, {"method", request.method}})));
    }, {{"application/json"}, {}, false});
    router.add("POST", "/echo", [](HttpRequest request, Responder to) {
      HttpResponse response{200, "application/octet-stream", std::move(request.body), {}};
      to.send(std::move(response));
    });
    router.add("GET", "/big", [](HttpRequest, Responder to) { to.send(HttpResponse{200, "text/plain", std::string(3'000'000, 'x'), {}}); });
    router.add("GET", "/later", [this](HttpRequest, Responder to) {
      workers_.emplace_back([to] {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        to.send(json_response(200, Json::object({{"late", true}})));
      });
    });
    router.add("GET", "/never", [this](HttpRequest, Responder to) { kept_.push_back(to); });
    router.add("GET", "/forgotten", [](HttpRequest, Responder) {});
    router.add("GET", "/stream", [this](HttpRequest, Responder to) {
      auto stream = to.stream();
      stream->on_closed([this] {
        const std::lock_guard lock(mutex_);
        ++closed_;
        changed_.notify_all();
      });
      const std::lock_guard lock(mutex_);
      streams_.push_back(std::move(stream));
      changed_.notify_all();
    });
    HttpConfig config;
    config.listen = {"127.0.0.1", 0};
    config.connections_max = connections_max;
    auto made = HttpServer::create(io_, config, std::move(router), metrics_, limits);
    REQUIRE(made.has_value());
    server_ = std::move(*made);
    server_->start();
    for (int i = 0; i < 2; ++i) threads_.emplace_back([this] { io_.run(); });
  }
  ~World() {
    for (auto& worker : workers_) worker.join();
    server_->stop();
    guard_.reset();
    io_.stop();
    for (auto& thread : threads_) thread.join();
    server_.reset();
  }

  std::uint16_t port() const { return server_->port(); }
  HttpServer& server() { return *server_; }
  Metrics& metrics() { return metrics_; }
  std::shared_ptr<EventStream> stream(std::size_t index = 0) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, std::chrono::seconds(5), [&] { return streams_.size() > index; }));
    return streams_[index];
  }
  void wait_closed(int count) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, std::chrono::seconds(5), [&] { return closed_ >= count; }));
  }
  bool wait_stopped(int ms) {
    for (int i = 0; i < ms / 5 && !server_->stopped(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return server_->stopped();
  }

 private:
  Metrics metrics_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{io_.get_executor()};
  std::vector<Responder> kept_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<EventStream>> streams_;
  int closed_ = 0;
  std::unique_ptr<HttpServer> server_;
  std::vector<std::thread> threads_, workers_;
};

const std::string kHost = "Host: localhost\r\n";

void check_problem(const RawAnswer& answer, int status) {
  INFO(answer.head << answer.body);
  CHECK(answer.status == status);
  CHECK(answer.header("Content-Type") == "application/problem+json");
  const auto document = parse_json(answer.body);
  REQUIRE(document);
  CHECK(document->find("status")->number_text() == std::to_string(status));
  CHECK(document->find("title")->is_string());
  CHECK(!document->find("detail")->as_string().empty());
}

}  // namespace

TEST_CASE("requests are answered one after another on a connection that stays") {
  World world;
  RawClient client(world.port());
  for (int i = 0; i < 3; ++i) {
    const RawAnswer answer = client.ask("GET /hello/w%C3%B6rld?x=1 HTTP/1.1\r\n" + kHost + "\r\n");
    CHECK(answer.status == 200);
    CHECK(answer.body == R"({"name":"wörld","method":"GET"})");
    CHECK(answer.header("X-Content-Type-Options") == "nosniff");
    CHECK(answer.header("Cache-Control") == "no-store");
  }
}

TEST_CASE("pipelined requests are answered in order, also when an answer is late") {
  World world;
  RawClient client(world.port());
  client.send("GET /later HTTP/1.1\r\n" + kHost + "\r\nPOST /echo HTTP/1.1\r\n" + kHost + "Content-Length: 3\r\n\r\nabcGET /hello/z HTTP/1.1\r\n" + kHost + "\r\n");
  CHECK(client.answer().body == R"({"late":true})");
  CHECK(client.answer().body == "abc");
  CHECK(client.answer().body == R"({"name":"z","method":"GET"})");
}

TEST_CASE("bodies come whole, with a length or in chunks, and expect 100-continue is met") {
  World world;
  RawClient client(world.port());
  CHECK(client.ask("POST /echo HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n").body == "hello world");
  CHECK(client.ask("POST /echo HTTP/1.1\r\n" + kHost + "Content-Length: 0\r\n\r\n").status == 200);
  const std::string large(4 * 1024 * 1024, 'b');
  CHECK(client.ask("POST /echo HTTP/1.1\r\n" + kHost + "Content-Length: " + std::to_string(large.size()) + "\r\n\r\n" + large).body == large);
  client.send("POST /echo HTTP/1.1\r\n" + kHost + "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  CHECK(client.answer().status == 100);
  client.send("ok");
  CHECK(client.answer().body == "ok");
  CHECK(client.ask("POST /echo HTTP/1.1\r\n" + kHost + "Content-Length: 2\r\nExpect: miracles\r\n\r\nok").status == 417);
}

TEST_CASE("HEAD has the header alone, OPTIONS the methods, an unforgotten handler answers for a forgetful one") {
  World world;
  RawClient client(world.port());
  client.send("HEAD /hello/a HTTP/1.1\r\n" + kHost + "\r\n");
  const RawAnswer head = client.answer(true);
  CHECK(head.status == 200);
  CHECK(head.header("Content-Length") == "27");
  const RawAnswer options = client.ask("OPTIONS /hello/a HTTP/1.1\r\n" + kHost + "Origin: https://example.org\r\nAccess-Control-Request-Method: GET\r\n\r\n");
  CHECK(options.status == 204);
  CHECK(options.header("Allow") == "GET, HEAD, OPTIONS");
  CHECK(options.header("Access-Control-Allow-Origin") == "*");
  check_problem(client.ask("GET /forgotten HTTP/1.1\r\n" + kHost + "\r\n"), 503);
  CHECK(client.ask("GET /big HTTP/1.1\r\n" + kHost + "\r\n").body.size() == 3'000'000);
}

TEST_CASE("what no route takes is 404, 405 with Allow, or 406") {
  World world;
  RawClient client(world.port());
  check_problem(client.ask("GET /nowhere HTTP/1.1\r\n" + kHost + "\r\n"), 404);
  const RawAnswer wrong = client.ask("DELETE /hello/x HTTP/1.1\r\n" + kHost + "\r\n");
  check_problem(wrong, 405);
  CHECK(wrong.header("Allow") == "GET, HEAD, OPTIONS");
  check_problem(client.ask("BREW /hello/x HTTP/1.1\r\n" + kHost + "\r\n"), 405);
  check_problem(client.ask("GET /hello/x HTTP/1.1\r\n" + kHost + "Accept: image/png\r\n\r\n"), 406);
  check_problem(client.ask("GET /hello/x HTTP/1.1\r\n" + kHost + "Accept: */*;q=0\r\n\r\n"), 406);
  check_problem(client.ask("GET /hello/%zz HTTP/1.1\r\n" + kHost + "\r\n"), 400);
}

TEST_CASE("a body over 4 MiB is 413 before it has been read") {
  World world;
  SECTION("by its length") {
    RawClient client(world.port());
    check_problem(client.ask("POST /echo HTTP/1.1\r\n" + kHost + "Content-Length: 4194305\r\n\r\n"), 413);
    CHECK(client.closed());
  }
  SECTION("by its length, with the client waiting for 100") {
    RawClient client(world.port());
    check_problem(client.ask("POST /echo HTTP/1.1\r\n" + kHost + "Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n"), 413);
  }
  SECTION("in chunks, when it has grown too long") {
    RawClient client(world.port());
    client.send("POST /echo HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n");
    const std::string part = "100000\r\n" + std::string(0x100000, 'c') + "\r\n";
    for (int i = 0; i < 6; ++i) client.send(part);
    check_problem(client.answer(), 413);
  }
  SECTION("while the client goes on sending, it can still read the answer") {
    RawClient client(world.port());
    client.send("POST /echo HTTP/1.1\r\n" + kHost + "Content-Length: 9000000\r\n\r\n");
    CHECK(client.send(std::string(9'000'000, 'd')));
    check_problem(client.answer(), 413);
  }
}

TEST_CASE("headers are bounded in bytes, in number, and in the target") {
  World world;
  const auto ask = [&](const std::string& text) {
    RawClient client(world.port());
    return client.ask(text);
  };
  check_problem(ask("GET /hello/x HTTP/1.1\r\n" + kHost + "X-Long: " + std::string(17'000, 'h') + "\r\n\r\n"), 431);
  check_problem(ask("GET /hello/x HTTP/1.1\r\n" + kHost + "X-Long: " + std::string(60'000, 'h') + "\r\n\r\n"), 431);
  std::string many;
  for (int i = 0; i < 101; ++i) many += "X-" + std::to_string(i) + ": 1\r\n";
  check_problem(ask("GET /hello/x HTTP/1.1\r\n" + kHost + many + "\r\n"), 431);
  check_problem(ask("GET /" + std::string(9'000, 't') + " HTTP/1.1\r\n" + kHost + "\r\n"), 414);
  check_problem(ask("GET /" + std::string(60'000, 't') + " HTTP/1.1\r\n" + kHost + "\r\n"), 414);
  CHECK(ask("GET /hello/" + std::string(8'000, 't') + " HTTP/1.1\r\n" + kHost + "\r\n").status == 200);
}

TEST_CASE("malformed and ambiguous requests are refused and the connection is closed") {
  World world;
  const auto ask = [&](const std::string& text) {
    RawClient client(world.port());
    const RawAnswer answer = client.ask(text);
    CHECK(client.closed());
    return answer;
  };
  check_problem(ask("nonsense\r\n\r\n"), 400);
  check_problem(ask("GET /hello/x HTTP/1.1\r\n\r\n"), 400);                                             // no Host
  check_problem(ask("GET /hello/x HTTP/1.1\r\n" + kHost + kHost + "\r\n"), 400);
  check_problem(ask("GET /hello/x HTTP/2.0\r\n" + kHost + "\r\n"), 400);
  check_problem(ask("GET /hello/x HTTP/1.1\r\n" + kHost + "Bad Name: 1\r\n\r\n"), 400);
  check_problem(ask("GET /hello/x HTTP/1.1\r\n" + kHost + std::string("X: \0\r\n\r\n", 8)), 400);
  check_problem(ask("POST /echo HTTP/1.1\r\n" + kHost + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), 400);
  check_problem(ask("POST /echo HTTP/1.1\r\n" + kHost + "Content-Length: -1\r\n\r\n"), 400);
  check_problem(ask("POST /echo HTTP/1.1\r\n" + kHost + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400);
  check_problem(ask("POST /echo HTTP/1.1\r\n" + kHost + "Transfer-Encoding: gzip\r\n\r\n"), 501);
  check_problem(ask("POST /echo HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n"), 400);
  check_problem(ask("GET /hello/x?a=%f HTTP/1.1\r\n" + kHost + "\r\n"), 400);
}

TEST_CASE("a client that is slow with its header or its body is cut off, an idle one later") {
  World world;
  const auto begin = std::chrono::steady_clock::now();
  const auto elapsed_ms = [&] { return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin).count(); };
  SECTION("header, byte by byte") {
    RawClient client(world.port());
    const std::string text = "GET /hello/x HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + std::string(100, 's');
    for (const char c : text) {
      if (!client.send({&c, 1})) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    CHECK(client.closed());
    CHECK(elapsed_ms() < 9000);
  }
  SECTION("body") {
    RawClient client(world.port());
    client.send("POST /echo HTTP/1.1\r\n" + kHost + "Content-Length: 10\r\n\r\nabc");
    CHECK(client.closed());
    CHECK(elapsed_ms() < 9000);
  }
  SECTION("idle") {
    RawClient client(world.port());
    CHECK(client.ask("GET /hello/x HTTP/1.1\r\n" + kHost + "\r\n").status == 200);
    CHECK(client.closed());
    CHECK(elapsed_ms() >= 1500);
    CHECK(elapsed_ms() < 9000);
  }
}

TEST_CASE("HTTP/1.0 and Connection: close end the connection") {
  World world;
  RawClient old(world.port());
  const RawAnswer answer = old.ask("GET /hello/x HTTP/1.0\r\n\r\n");
  CHECK(answer.status == 200);
  CHECK(answer.header("Connection") == "close");
  CHECK(old.closed());
  RawClient closing(world.port());
  CHECK(closing.ask("GET /hello/x HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n").status == 200);
  CHECK(closing.closed());
}

TEST_CASE("more connections than allowed are refused, and places become free again") {
  World world(quick_limits(), 3);
  {
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 3; ++i) {
      clients.push_back(std::make_unique<RawClient>(world.port()));
      CHECK(clients.back()->ask("GET /hello/x HTTP/1.1\r\n" + kHost + "\r\n").status == 200);
    }
    RawClient extra(world.port());
    const RawAnswer refused = extra.answer();
    check_problem(refused, 503);
    CHECK(refused.header("Retry-After") == "2");
  }
  int status = 0;
  for (int i = 0; i < 100 && status != 200; ++i) {
    status = RawClient(world.port()).ask("GET /hello/x HTTP/1.1\r\n" + kHost + "\r\n").status;
    if (status != 200) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(status == 200);
}

TEST_CASE("server-sent events arrive in order, with heartbeats in between, and end when the stream is closed") {
  World world;
  RawClient client(world.port());
  client.send("GET /stream HTTP/1.1\r\n" + kHost + "\r\n");
  const std::string head = client.read_until("\r\n\r\n");
  CHECK(head.find("200 OK") != std::string::npos);
  CHECK(head.find("Content-Type: text/event-stream") != std::string::npos);
  const auto stream = world.stream();
  CHECK(stream->send({"block", "7", "line one\nline two", ""}));
  CHECK(client.read_until("\n\n").find("event: block\nid: 7\ndata: line one\ndata: line two\n\n") != std::string::npos);
  CHECK(client.read_until(":\n\n").find(":\n\n") != std::string::npos);
  CHECK(stream->send({"", "8", "{}", ""}));
  stream->close();
  CHECK_FALSE(stream->send({"", "9", "never", ""}));
  const std::string rest = client.read_until("0\r\n\r\n");
  CHECK(rest.find("id: 8\ndata: {}\n\n") != std::string::npos);
  CHECK(rest.find("never") == std::string::npos);
  CHECK(client.closed());
  world.wait_closed(1);
}

TEST_CASE("a stream's client that goes away is noticed, one that does not read is cut off") {
  World world;
  {
    RawClient client(world.port());
    client.send("GET /stream HTTP/1.1\r\n" + kHost + "\r\n");
    client.read_until("\r\n\r\n");
    world.stream(0);
  }
  world.wait_closed(1);
  CHECK_FALSE(world.stream(0)->send({"", "", "x", ""}));
  CHECK(world.stream(0)->room() == 0);

  RawClient slow(world.port());
  slow.send("GET /stream HTTP/1.1\r\n" + kHost + "\r\n");
  slow.read_until("\r\n\r\n");
  const auto stream = world.stream(1);
  bool taken = true;
  for (int i = 0; i < 20'000 && taken; ++i) taken = stream->send({"", "", std::string(10'000, 'e'), ""});
  CHECK_FALSE(taken);
  CHECK(stream->room() == 0);
}

TEST_CASE("streams of a group with a bound of its own take no place from other connections") {
  World world(quick_limits(), 2);
  const auto group = std::make_shared<StreamGroup>();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (std::size_t i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<RawClient>(world.port()));
    clients.back()->send("GET /stream HTTP/1.1\r\n" + kHost + "\r\n");
    clients.back()->read_until("\r\n\r\n");
    world.stream(i)->join(group);
  }
  RawClient other(world.port());
  CHECK(other.ask("GET /hello/a HTTP/1.1\r\n" + kHost + "\r\n").status == 200);
  world.stream(3)->send({"", "", "hello", ""});
  CHECK(clients[3]->read_until("\n\n").find("hello") != std::string::npos);
  // When they have gone, so have their places: two may be open at a time as before.
  clients.clear();
  world.wait_closed(4);
  for (int i = 0; i < 200 && world.metrics().text().find("agiddi_http_connections 1\n") == std::string::npos; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(group->unsent_bytes == 0);
  RawClient second(world.port());
  CHECK(second.ask("GET /hello/b HTTP/1.1\r\n" + kHost + "\r\n").status == 200);
  RawClient third(world.port());
  CHECK(third.ask("GET /hello/c HTTP/1.1\r\n" + kHost + "\r\n").status == 503);
}

TEST_CASE("the same stream over WebSocket") {
  World world;
  RawClient client(world.port());
  client.send("GET /stream HTTP/1.1\r\n" + kHost +
              "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  const std::string head = client.read_until("\r\n\r\n");
  CHECK(head.find("101 Switching Protocols") != std::string::npos);
  CHECK(head.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") != std::string::npos);   // the example of RFC 6455, section 1.3
  world.stream()->send({"", "", "hello", ""});
  CHECK(client.read_count(7) == std::string("\x81\x05hello", 7));
  CHECK(client.read_count(2) == std::string("\x89\x00", 2));                                      // the heartbeat is a ping
  client.send(std::string("\x89\x82\x01\x02\x03\x04\x69\x6b", 8));                                // masked ping "hi"
  std::string reply = client.read_count(2);
  while (reply == std::string("\x89\x00", 2)) reply = client.read_count(2);
  CHECK(reply + client.read_count(2) == std::string("\x8a\x02hi", 4));
  client.send(std::string("\x88\x82\x00\x00\x00\x00\x03\xe8", 8));                                // close 1000
  CHECK(client.closed());
  world.wait_closed(1);
}

TEST_CASE("stop refuses new work, lets answers finish, ends streams and leaves nothing open") {
  World world;
  RawClient idle(world.port()), streaming(world.port()), waiting(world.port());
  CHECK(idle.ask("GET /hello/x HTTP/1.1\r\n" + kHost + "\r\n").status == 200);
  streaming.send("GET /stream HTTP/1.1\r\n" + kHost + "\r\n");
  streaming.read_until("\r\n\r\n");
  world.stream();
  RawClient hanging(world.port());
  hanging.send("GET /never HTTP/1.1\r\n" + kHost + "\r\n");
  waiting.send("GET /later HTTP/1.1\r\n" + kHost + "\r\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  world.server().stop();
  CHECK(waiting.answer().body == R"({"late":true})");
  CHECK(waiting.closed());
  CHECK(idle.closed());
  CHECK(streaming.closed());
  CHECK(hanging.closed());
  CHECK_THROWS(RawClient(world.port()));
}

TEST_CASE("requests are counted by route and status") {
  World world;
  RawClient client(world.port());
  client.ask("GET /hello/a HTTP/1.1\r\n" + kHost + "\r\n");
  client.ask("GET /hello/b HTTP/1.1\r\n" + kHost + "\r\n");
  client.ask("GET /secret-path HTTP/1.1\r\n" + kHost + "\r\n");
  const std::string text = world.metrics().text();
  CHECK(text.find("agiddi_http_requests_total{route=\"/hello/{name}\",method=\"GET\",status=\"200\"} 2") != std::string::npos);
  CHECK(text.find("agiddi_http_requests_total{route=\"unmatched\",method=\"GET\",status=\"404\"} 1") != std::string::npos);
  CHECK(text.find("agiddi_http_request_seconds_bucket{route=\"/hello/{name}\",le=\"+Inf\"} 2") != std::string::npos);
  CHECK(text.find("secret") == std::string::npos);
}

TEST_CASE("loopback is an address, not a name that looks like one") {
  for (const char* host : {"127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"}) CHECK(is_loopback(host));
  for (const char* host : {"127.example.org", "127.0.0.1.example.org", "128.0.0.1", "0.0.0.0", "example.org", ""}) CHECK_FALSE(is_loopback(host));
}

TEST_CASE("a server without TLS listens on loopback only, and says what to change") {
  Metrics metrics;
  boost::asio::io_context io;
  HttpConfig config;
  config.listen = {"0.0.0.0", 0};
  auto made = HttpServer::create(io, config, Router(), metrics);
  REQUIRE_FALSE(made.has_value());
  CHECK(made.error().detail.find("http.certificate") != std::string::npos);
  config.certificate_file = "/nonexistent/cert.pem";
  made = HttpServer::create(io, config, Router(), metrics);
  REQUIRE_FALSE(made.has_value());
  CHECK(made.error().detail.find("/nonexistent/cert.pem") != std::string::npos);
  config = HttpConfig{};
  config.listen = {"no-such-name.invalid", 80};
  CHECK_FALSE(HttpServer::create(io, config, Router(), metrics).has_value());
}
