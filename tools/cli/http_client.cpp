#include "tools/cli/http_client.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/ostream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <sstream>

#include "tools/cli/byte_client.h"

namespace agiddi::tools {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Clock = ByteClient::Clock;
using ErrorCode = ByteClient::ErrorCode;
using Milliseconds = std::chrono::milliseconds;

constexpr std::uint64_t kBodyMax_bytes = 64 * 1024 * 1024;
constexpr std::size_t kPart_bytes = 64 * 1024;
constexpr Milliseconds kConnectMax{10'000};

tl::unexpected<Error> unreachable(const Url& url, const ErrorCode& ec) {
  return fail(Status::unavailable, "cannot reach " + url.scheme + "://" + url.authority() + ": " + ec.message());
}

tl::unexpected<Error> broken(const Url& url, const ErrorCode& ec) {
  if (ec == asio::error::timed_out) return fail(Status::timed_out, url.authority() + " did not answer in time");
  return fail(Status::unavailable, "the connection to " + url.authority() + " broke: " + ec.message());
}

std::string text_of(const HttpRequest& request, const Url& url) {
  http::request<http::string_body> out(http::string_to_verb(request.method), url.target, 11);
  out.set(http::field::host, url.authority());
  out.set(http::field::user_agent, "agiddi");
  out.set(http::field::connection, "close");
  for (const auto& [name, value] : request.headers) out.set(name, value);
  out.body() = request.body;
  if (!request.body.empty() || request.method != "GET") out.prepare_payload();
  std::ostringstream text;
  text << out;
  return std::move(text).str();
}

// The response as it comes: its head, and the part of its body that has come since body() was last emptied.
class ResponseReader {
 public:
  explicit ResponseReader(ByteClient& connection) : connection_(connection) {
    parser_.eager(true);
    parser_.body_limit(kBodyMax_bytes);
  }

  // Waits for more, be it of the head or of the body. A far end that closes where an answer may end makes it done().
  ErrorCode read_more(Clock::time_point deadline, const std::function<bool()>& wanted = {}) {
    const auto room = buffer_.prepare(kPart_bytes);
    const auto part = connection_.read_some(static_cast<char*>(room.data()), room.size(), deadline, wanted);
    buffer_.commit(part.size);
    ErrorCode error;
    if (part.error == asio::error::eof) {
      if (!parser_.got_some()) return http::error::end_of_stream;
      parser_.put_eof(error);
      return error;
    }
    if (part.error) return part.error;
    while (!parser_.is_done() && buffer_.size() > 0) {
      const std::size_t used = parser_.put(buffer_.data(), error);
      buffer_.consume(used);
      if (error == http::error::need_more) return {};
      if (error) return error;
    }
    return {};
  }

  bool has_head() const { return parser_.is_header_done(); }
  bool done() const { return parser_.is_done(); }
  const http::response<http::string_body>& message() const { return parser_.get(); }
  std::string& body() { return parser_.get().body(); }
  void of_any_length() { parser_.body_limit(boost::none); }

 private:
  ByteClient& connection_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
};

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
  const auto deadline = Clock::now() + Milliseconds(request.timeout_ms);
  ByteClient connection(*url);
  if (const ErrorCode ec = connection.open(std::min(deadline, Clock::now() + kConnectMax))) return unreachable(*url, ec);
  // A refusal may come before a long body is sent whole: it is read even when writing broke.
  const ErrorCode written = connection.write(text_of(request, *url), deadline);
  ResponseReader answer(connection);
  while (!answer.done()) {
    if (const ErrorCode ec = answer.read_more(deadline, request.wanted)) return broken(*url, written ? written : ec);
  }
  HttpResponse response = head_of(answer.message());
  response.body = std::move(answer.body());
  return response;
}

Result<StreamEnd> http_stream(const HttpRequest& request, int idle_ms, const std::function<bool(const SseEvent&)>& handle,
                              const std::function<bool()>& wanted, const std::function<void()>& opened) {
  const auto url = web_url(request.url);
  if (!url) return tl::unexpected(url.error());
  const auto deadline = Clock::now() + Milliseconds(request.timeout_ms);
  ByteClient connection(*url);
  if (const ErrorCode ec = connection.open(std::min(deadline, Clock::now() + kConnectMax))) return unreachable(*url, ec);
  HttpRequest asked = request;
  asked.headers.emplace_back("Accept", "text/event-stream");
  if (const ErrorCode ec = connection.write(text_of(asked, *url), deadline)) return broken(*url, ec);
  ResponseReader answer(connection);
  answer.of_any_length();
  while (!answer.has_head()) {
    if (const ErrorCode ec = answer.read_more(deadline)) return broken(*url, ec);
  }
  StreamEnd end{head_of(answer.message()), false, ""};
  const bool streams = end.response.status == 200;
  if (streams && opened) opened();

  SseReader reader;
  for (ErrorCode ec;; ec = answer.read_more(Clock::now() + Milliseconds(idle_ms), wanted)) {
    const std::string part = std::exchange(answer.body(), {});
    if (!streams) {
      end.response.body += part;
      if (end.response.body.size() > kBodyMax_bytes) return fail(Status::unavailable, "the answer is too long");
    } else {
      const bool goes_on = reader.feed(part, handle);
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
    if (ec) return broken(*url, ec);
    if (answer.done()) return end;
  }
}

}  // namespace agiddi::tools
