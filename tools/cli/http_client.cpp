#include "tools/cli/http_client.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <algorithm>
#include <chrono>
#include <optional>

namespace agiddi::tools {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using ErrorCode = boost::system::error_code;
using Milliseconds = std::chrono::milliseconds;

constexpr std::uint64_t kBodyMax_bytes = 64 * 1024 * 1024;
constexpr int kConnectMax_ms = 10'000;
constexpr int kAskEvery_ms = 300;

// One connection, plain or TLS. An operation is started and its end awaited here, so that every wait has a bound, which the blocking
// calls of a socket do not have.
class Connection {
 public:
  explicit Connection(const Url& url) : url_(url) {}

  Result<void> open(int timeout_ms) {
    const int step_ms = std::min(timeout_ms, kConnectMax_ms);
    ErrorCode ec;
    tcp::resolver resolver(io_);
    tcp::resolver::results_type found;
    resolver.async_resolve(url_.host, std::to_string(url_.port), [&](ErrorCode e, tcp::resolver::results_type r) { ec = e, found = std::move(r); });
    if (!run(step_ms, [&] { resolver.cancel(); })) ec = beast::error::timeout;
    if (ec) return unreachable(ec);
    tls_context_.emplace(asio::ssl::context::tls_client);
    stream_.emplace(io_, *tls_context_);
    lowest().expires_after(Milliseconds(step_ms));
    lowest().async_connect(found, [&](ErrorCode e, const tcp::endpoint&) { ec = e; });
    run();
    if (ec) return unreachable(ec);
    lowest().socket().set_option(tcp::no_delay(true), ec);
    if (!url_.tls()) return {};
    tls_context_->set_default_verify_paths(ec);
    stream_->set_verify_mode(asio::ssl::verify_peer);
    stream_->set_verify_callback(asio::ssl::host_name_verification(url_.host));
    if (!SSL_set_tlsext_host_name(stream_->native_handle(), url_.host.c_str())) return fail(Status::unavailable, "TLS cannot start");
    lowest().expires_after(Milliseconds(step_ms));
    stream_->async_handshake(asio::ssl::stream_base::client, [&](ErrorCode e) { ec = e; });
    run();
    if (ec) return unreachable(ec);
    return {};
  }

  ErrorCode write(http::request<http::string_body>& request, int timeout_ms) {
    return wait(timeout_ms, [&](auto& stream, auto done) { http::async_write(stream, request, done); });
  }
  template <class Parser>
  ErrorCode read(Parser& parser, int timeout_ms) {
    return wait(timeout_ms, [&](auto& stream, auto done) { http::async_read(stream, buffer_, parser, done); });
  }
  template <class Parser>
  ErrorCode read_header(Parser& parser, int timeout_ms) {
    return wait(timeout_ms, [&](auto& stream, auto done) { http::async_read_header(stream, buffer_, parser, done); });
  }

  // Reads a body piece by piece. ask() is called while nothing comes; false gives operation_aborted.
  template <class Parser>
  ErrorCode read_some(Parser& parser, int idle_ms, const std::function<bool()>& ask) {
    std::optional<ErrorCode> ended;
    const auto done = [&](ErrorCode ec, std::size_t) { ended = ec; };
    lowest().expires_never();
    if (url_.tls()) {
      http::async_read_some(*stream_, buffer_, parser, done);
    } else {
      http::async_read_some(lowest(), buffer_, parser, done);
    }
    const auto deadline = std::chrono::steady_clock::now() + Milliseconds(idle_ms);
    io_.restart();
    while (!ended) {
      io_.run_for(Milliseconds(kAskEvery_ms));
      if (ended) break;
      const bool late = std::chrono::steady_clock::now() >= deadline;
      if (late || !ask()) {
        lowest().cancel();
        io_.restart();
        io_.run();
        return late ? ErrorCode(beast::error::timeout) : ErrorCode(asio::error::operation_aborted);
      }
      io_.restart();
    }
    return *ended;
  }

  tl::unexpected<Error> broken(const ErrorCode& ec) const {
    if (ec == beast::error::timeout) return fail(Status::timed_out, url_.authority() + " did not answer in time");
    return fail(Status::unavailable, "the connection to " + url_.authority() + " broke: " + ec.message());
  }

 private:
  beast::tcp_stream& lowest() { return stream_->next_layer(); }

  void run() {
    io_.restart();
    io_.run();
  }
  // False when it took too long and was cancelled.
  template <class Cancel>
  bool run(int timeout_ms, Cancel cancel) {
    io_.restart();
    io_.run_for(Milliseconds(timeout_ms));
    if (io_.stopped()) return true;
    cancel();
    io_.restart();
    io_.run();
    return false;
  }

  template <class Start>
  ErrorCode wait(int timeout_ms, Start start) {
    ErrorCode result;
    const auto done = [&](ErrorCode ec, std::size_t) { result = ec; };
    lowest().expires_after(Milliseconds(timeout_ms));
    if (url_.tls()) {
      start(*stream_, done);
    } else {
      start(lowest(), done);
    }
    run();
    return result;
  }

  tl::unexpected<Error> unreachable(const ErrorCode& ec) const {
    return fail(Status::unavailable, "cannot reach " + url_.scheme + "://" + url_.authority() + ": " + ec.message());
  }

  Url url_;
  asio::io_context io_{1};
  std::optional<asio::ssl::context> tls_context_;
  std::optional<beast::ssl_stream<beast::tcp_stream>> stream_;  // TLS is spoken only for https; else the layer below is used
  beast::flat_buffer buffer_;
};

http::request<http::string_body> message_of(const HttpRequest& request, const Url& url) {
  http::request<http::string_body> out(http::string_to_verb(request.method), url.target, 11);
  out.set(http::field::host, url.authority());
  out.set(http::field::user_agent, "agiddi");
  out.set(http::field::connection, "close");
  for (const auto& [name, value] : request.headers) out.set(name, value);
  out.body() = request.body;
  if (!request.body.empty() || request.method != "GET") out.prepare_payload();
  return out;
}

template <class Message>
HttpResponse head_of(const Message& message) {
  HttpResponse response;
  response.status = static_cast<int>(message.result_int());
  const auto type = message[http::field::content_type];
  for (const char c : std::string_view(type.data(), type.size())) {
    if (c == ';' || c == ' ') break;
    response.content_type.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
  }
  const auto location = message[http::field::location];
  response.location.assign(location.data(), location.size());
  return response;
}

Result<Url> web_url(const std::string& text) {
  auto url = parse_url(text);
  if (url && url->scheme != "http" && url->scheme != "https") return fail(Status::invalid, "'" + text + "' is not an http or https address");
  return url;
}

}  // namespace

Result<HttpResponse> http_call(const HttpRequest& request) {
  const auto url = web_url(request.url);
  if (!url) return tl::unexpected(url.error());
  Connection connection(*url);
  if (auto done = connection.open(request.timeout_ms); !done) return tl::unexpected(done.error());
  auto message = message_of(request, *url);
  // A refusal may come before a long body is sent whole: it is read even when writing broke.
  const ErrorCode written = connection.write(message, request.timeout_ms);
  http::response_parser<http::string_body> parser;
  parser.body_limit(kBodyMax_bytes);
  const ErrorCode read = connection.read(parser, request.timeout_ms);
  if (read) return connection.broken(written ? written : read);
  HttpResponse response = head_of(parser.get());
  response.body = std::move(parser.get().body());
  return response;
}

Result<StreamEnd> http_stream(const HttpRequest& request, int idle_ms, const std::function<bool(const SseEvent&)>& handle,
                              const std::function<bool()>& wanted, const std::function<void()>& opened) {
  const auto url = web_url(request.url);
  if (!url) return tl::unexpected(url.error());
  Connection connection(*url);
  if (auto done = connection.open(request.timeout_ms); !done) return tl::unexpected(done.error());
  auto message = message_of(request, *url);
  message.set(http::field::accept, "text/event-stream");
  if (const ErrorCode ec = connection.write(message, request.timeout_ms)) return connection.broken(ec);
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  if (const ErrorCode ec = connection.read_header(parser, request.timeout_ms)) return connection.broken(ec);
  StreamEnd end{head_of(parser.get()), false, ""};
  if (end.response.status == 200 && opened) opened();

  SseReader reader;
  char part[16 * 1024];
  while (!parser.is_done()) {
    parser.get().body().data = part;
    parser.get().body().size = sizeof part;
    ErrorCode ec = connection.read_some(parser, idle_ms, wanted);
    if (ec == http::error::need_buffer) ec = {};
    const std::string_view bytes(part, sizeof part - parser.get().body().size);
    if (end.response.status != 200) {
      end.response.body += bytes;
      if (end.response.body.size() > kBodyMax_bytes) return fail(Status::unavailable, "the answer is too long");
    } else {
      const bool goes_on = reader.feed(bytes, handle);
      end.last_comment = reader.last_comment();
      if (!goes_on) {
        end.stopped = true;
        return end;
      }
    }
    if (ec == asio::error::operation_aborted || !wanted()) {   // asked here too: a busy stream never waits
      end.stopped = true;
      return end;
    }
    if (ec) return connection.broken(ec);
  }
  return end;
}

}  // namespace agiddi::tools
