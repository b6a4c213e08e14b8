// The HTTP client against a scripted server on loopback: what it sends, what it makes of answers, and that every wait ends.
#include <catch2/catch.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <functional>
#include <thread>

#include "tools/cli/http_client.h"
#include "tools/cli/node_client.h"

using namespace agiddi;
using namespace agiddi::tools;
using tcp = boost::asio::ip::tcp;

namespace {

// Serves one connection: reads the head, runs the script, closes.
class Server {
 public:
  using Script = std::function<void(tcp::socket&)>;
  explicit Server(Script script) : acceptor_(io_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)) {
    thread_ = std::thread([this, script = std::move(script)] {
      boost::system::error_code ec;
      tcp::socket socket(io_);
      acceptor_.accept(socket, ec);
      if (ec) return;
      boost::asio::streambuf buffer;
      boost::asio::read_until(socket, buffer, "\r\n\r\n", ec);
      head_.assign(boost::asio::buffers_begin(buffer.data()), boost::asio::buffers_end(buffer.data()));
      script(socket);
    });
  }
  ~Server() { join(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }
  const std::string& head() {
    join();
    return head_;
  }

 private:
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  boost::asio::io_context io_;
  tcp::acceptor acceptor_;
  std::thread thread_;
  std::string head_;
};

void say(tcp::socket& socket, std::string_view text) {
  boost::system::error_code ignored;
  boost::asio::write(socket, boost::asio::buffer(text.data(), text.size()), ignored);
}

Server::Script answer(std::string text) {
  return [text = std::move(text)](tcp::socket& socket) { say(socket, text); };
}

}  // namespace

TEST_CASE("a request and its answer") {
  Server server(answer("HTTP/1.1 201 Created\r\nContent-Type: Application/JSON; charset=utf-8\r\nLocation: /x\r\nContent-Length: 2\r\n\r\n{}"));
  HttpRequest request;
  request.method = "POST";
  request.url = server.url() + "/v1/devices?a=b";
  request.headers = {{"Agiddi-Signature", "abc"}};
  request.body = "{}";
  const auto response = http_call(request).value();
  CHECK(response.status == 201);
  CHECK(response.content_type == "application/json");
  CHECK(response.location == "/x");
  CHECK(response.body == "{}");
  CHECK(server.head().starts_with("POST /v1/devices?a=b HTTP/1.1\r\n"));
  CHECK(server.head().find("Agiddi-Signature: abc\r\n") != std::string::npos);
  CHECK(server.head().find("Content-Length: 2\r\n") != std::string::npos);
}

TEST_CASE("a silent, a broken and an absent server") {
  std::string url;
  {
    Server silent([](tcp::socket& socket) {
      char byte;
      boost::system::error_code ec;
      socket.read_some(boost::asio::buffer(&byte, 1), ec);   // until the client gives up
    });
    url = silent.url();
    HttpRequest request;
    request.url = url;
    request.timeout_ms = 200;
    const auto began = std::chrono::steady_clock::now();
    CHECK(http_call(request).error().status == Status::timed_out);
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(5));
  }
  HttpRequest request;
  request.url = url;
  CHECK(http_call(request).error().status == Status::unavailable);
  Server broken(answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"));
  request.url = broken.url();
  CHECK(http_call(request).error().status == Status::unavailable);
  Server nonsense(answer("SSH-2.0-x\r\n\r\n"));
  request.url = nonsense.url();
  CHECK_FALSE(http_call(request));
  request.url = "mqtt://127.0.0.1:1";
  CHECK(http_call(request).error().status == Status::invalid);
}

TEST_CASE("a problem document becomes the failure, another error status is described") {
  const std::string problem = R"({"title":"Payment required","status":402,"detail":"no pay"})";
  Server refusing(answer("HTTP/1.1 402 Payment Required\r\nContent-Type: application/problem+json\r\nContent-Length: " + std::to_string(problem.size()) + "\r\n\r\n" + problem));
  const auto failure = NodeClient(refusing.url() + "/").get_json("/x");
  REQUIRE_FALSE(failure);
  CHECK(failure.error().problem.find("status")->number_text() == "402");
  CHECK(problem_text(failure.error().problem) == "refused (402 Payment required): no pay\n");
  CHECK(refusing.head().starts_with("GET /x HTTP/1.1"));
  Server plain(answer("HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops"));
  CHECK(NodeClient(plain.url()).get_json("/x").error().problem.find("status")->number_text() == "500");
  Server text(answer("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\noops"));
  CHECK_FALSE(NodeClient(text.url()).get_json("/x"));
}

TEST_CASE("events of a stream arrive one by one, over chunks") {
  Server server([](tcp::socket& socket) {
    say(socket, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    say(socket, "9\r\ndata: 1\n\n\r\n");
    say(socket, "5\r\ndata:\r\n4\r\n 2\n\n\r\n");
    say(socket, "0\r\n\r\n");
  });
  HttpRequest request;
  request.url = server.url();
  std::vector<std::string> seen;
  const auto end = http_stream(request, 5'000, [&](const SseEvent& event) { return seen.push_back(event.data), true; }, [] { return true; }).value();
  CHECK(seen == std::vector<std::string>{"1", "2"});
  CHECK(end.response.status == 200);
  CHECK_FALSE(end.stopped);
}

TEST_CASE("a stream ends when nobody wants it, when it idles, and when it is refused") {
  const auto hold = [](tcp::socket& socket) {
    say(socket, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
    char byte;
    boost::system::error_code ec;
    socket.read_some(boost::asio::buffer(&byte, 1), ec);
  };
  HttpRequest request;
  {
    Server server(hold);
    request.url = server.url();
    bool wanted = true;
    const auto end = http_stream(request, 10'000, [&](const SseEvent&) { return wanted = false, true; }, [&] { return wanted; });
    CHECK(end.value().stopped);
  }
  {
    Server server(hold);
    request.url = server.url();
    CHECK(http_stream(request, 10'000, [](const SseEvent&) { return false; }, [] { return true; }).value().stopped);
  }
  {
    Server server(hold);
    request.url = server.url();
    CHECK(http_stream(request, 300, [](const SseEvent&) { return true; }, [] { return true; }).error().status == Status::timed_out);
  }
  Server server(answer("HTTP/1.1 401 No\r\nContent-Length: 13\r\n\r\n{\"detail\":\"\"}"));
  request.url = server.url();
  const auto end = http_stream(request, 1'000, [](const SseEvent&) { return true; }, [] { return true; }).value();
  CHECK(end.response.status == 401);
  CHECK(end.response.body == "{\"detail\":\"\"}");
}
