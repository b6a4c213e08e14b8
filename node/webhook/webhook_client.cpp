#include "node/webhook/webhook_client.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <charconv>
#include <chrono>
#include <thread>

#include "node/mqtt/dial_policy.h"
#include "node/webhook/host_lookups.h"
#include "node/webhook/message_signature.h"
#include "subservices/forwarding/senml_pack.h"

namespace agiddi::node {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr auto kResolveMax = std::chrono::seconds(10);
constexpr auto kConnectMax = std::chrono::seconds(10);   // with TLS
constexpr auto kAnswerMax = std::chrono::seconds(15);
constexpr auto kIdleMax = std::chrono::seconds(20);      // of a kept connection: receivers commonly close after more
constexpr std::uint64_t kAnswerBodyMax_bytes = 64 * 1024;
constexpr std::uint32_t kAnswerHeadMax_bytes = 16 * 1024;
constexpr int kInterimMax = 4;                           // 1xx answers

}  // namespace

class WebhookReceiver {
 public:
  explicit WebhookReceiver(WebhookUrl address) : url(std::move(address)) {}
  bool is_open() const { return plain || tls; }
  void close() {
    plain.reset();
    tls.reset();
    buffer.clear();
  }

  const WebhookUrl url;
  std::unique_ptr<beast::tcp_stream> plain;
  std::unique_ptr<beast::ssl_stream<beast::tcp_stream>> tls;
  beast::flat_buffer buffer;
  Clock::time_point used{};
};

namespace {

struct Found {                  // by a look-up
  std::optional<Result<std::string>> address;
};

std::optional<std::int64_t> retry_after(std::string_view text) {
  std::int64_t seconds = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (failure != std::errc{} || end != text.data() + text.size() || seconds < 0) return std::nullopt;
  return seconds;
}

// Writes the request and reads the answer. status 0: the connection is of no more use.
template <class Stream>
asio::awaitable<WebhookAnswer> exchange(Stream& stream, beast::flat_buffer& buffer, const std::string& request, bool& keep) {
  keep = false;
  beast::get_lowest_layer(stream).expires_after(kAnswerMax);
  const auto [write_error, written] = co_await asio::async_write(stream, asio::buffer(request), kTuple);
  for (int interim = 0; interim <= kInterimMax; ++interim) {
    http::response_parser<http::string_body> parser;
    parser.header_limit(kAnswerHeadMax_bytes);
    parser.body_limit(boost::none);   // else a long body would hide its status
    const auto [head_error, head_size] = co_await http::async_read_header(stream, buffer, parser, kTuple);
    if (head_error) {   // a refusal may have come before the body was sent whole, so this is looked at first
      const error_code why = write_error ? write_error : head_error;
      co_return WebhookAnswer{0, why == beast::error::timeout ? "no answer in time" : "the connection broke: " + why.message(), {}};
    }
    WebhookAnswer answer{static_cast<int>(parser.get().result_int()), "", retry_after(parser.get()[http::field::retry_after])};
    if (answer.status / 100 == 1) continue;
    if (parser.content_length().value_or(0) > kAnswerBodyMax_bytes) co_return answer;
    parser.body_limit(kAnswerBodyMax_bytes);   // of chunks, and of what ends with the connection
    const auto [body_error, body_size] = co_await http::async_read(stream, buffer, parser, kTuple);
    keep = !body_error && !write_error && parser.get().keep_alive();
    co_return answer;
  }
  co_return WebhookAnswer{0, "the answer is none of HTTP", {}};
}

}  // namespace

struct WebhookClient::Impl {
  explicit Impl(WebhookClientOptions o) : options(std::move(o)), context(asio::ssl::context::tls_client) {
    error_code ignored;
    context.set_default_verify_paths(ignored);   // without them every certificate is refused, which lastError says
    context.set_verify_mode(asio::ssl::verify_peer);
    context.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
    thread = std::thread([this] { io.run(); });
  }
  ~Impl() { stop(); }

  void stop() {
    lookups.stop();
    guard.reset();
    io.stop();
    if (thread.joinable()) thread.join();
    lookups.join();
  }

  Result<std::string> resolved(const std::string& host, bool tls) const {
    if (options.resolve) return options.resolve(host, tls);
    bound_resolver_of_this_thread();
    return resolve_allowed(host, tls, options.dial);
  }

  asio::awaitable<Result<std::string>> resolve(const std::shared_ptr<WebhookReceiver>& receiver) {
    const auto found = std::make_shared<Found>();
    const auto bell = std::make_shared<asio::steady_timer>(io, kResolveMax);
    lookups.find(receiver->url.host, receiver->url.tls, [found, bell](const Result<std::string>& address) {
      found->address = address;
      bell->cancel();
    });
    if (!found->address) co_await bell->async_wait(kTuple);
    if (!found->address) co_return fail(Status::timed_out, "the host's address was not found in time");
    co_return *found->address;
  }

  // Nothing when it is open; else why it is not.
  asio::awaitable<std::string> connect(const std::shared_ptr<WebhookReceiver>& receiver) {
    const auto address = co_await resolve(receiver);
    if (!address) co_return address.error().detail;
    error_code error;
    const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(*address, error), receiver->url.port);
    if (error) co_return "the host has no address that can be dialled";
    beast::tcp_stream stream(io);
    stream.expires_after(kConnectMax);
    const auto [connect_error] = co_await stream.async_connect(endpoint, kTuple);
    if (connect_error) co_return "cannot connect: " + connect_error.message();
    stream.socket().set_option(asio::ip::tcp::no_delay(true), error);
    if (!receiver->url.tls) {
      receiver->plain = std::make_unique<beast::tcp_stream>(std::move(stream));
      co_return "";
    }
    auto tls = std::make_unique<beast::ssl_stream<beast::tcp_stream>>(std::move(stream), context);
    tls->set_verify_callback(asio::ssl::host_name_verification(receiver->url.host));
    (void)asio::ip::make_address(receiver->url.host, error);
    const bool is_name = error.failed();   // RFC 6066: no addresses
    if (is_name && !SSL_set_tlsext_host_name(tls->native_handle(), receiver->url.host.c_str())) co_return "the host's name cannot be asked for";
    beast::get_lowest_layer(*tls).expires_after(kConnectMax);
    const auto [tls_error] = co_await tls->async_handshake(asio::ssl::stream_base::client, kTuple);
    if (tls_error) co_return "no TLS connection: " + tls_error.message();
    receiver->tls = std::move(tls);
    co_return "";
  }

  asio::awaitable<WebhookAnswer> answer_to(const std::shared_ptr<WebhookReceiver>& receiver, const WebhookPost& post) {
    const std::string body = measurements_body(post.format, post.measurements);
    const WebhookUrl& url = receiver->url;
    std::string request = "POST " + url.target + " HTTP/1.1\r\nHost: " + url.authority() + "\r\nUser-Agent: agiddi-node\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    const SignedPost covered{url.text(), std::string(webhook_media_type(post.format)), post.integration, body};
    for (const auto& [name, value] : signed_fields(covered, *options.key(), options.now())) request += name + ": " + value + "\r\n";
    request += "\r\n" + body;

    if (Clock::now() - receiver->used > kIdleMax) receiver->close();
    for (;;) {
      const bool kept = receiver->is_open();
      if (!kept) {
        if (std::string problem = co_await connect(receiver); !problem.empty()) co_return WebhookAnswer{0, std::move(problem), {}};
      }
      bool keep = false;
      WebhookAnswer answer;
      if (receiver->tls) {
        answer = co_await exchange(*receiver->tls, receiver->buffer, request, keep);
      } else {
        answer = co_await exchange(*receiver->plain, receiver->buffer, request, keep);
      }
      receiver->used = Clock::now();
      if (!keep) receiver->close();
      // The receiver may have closed a kept connection just now; ids make it harmless that it may have read the request all the same.
      if (answer.status == 0 && kept) continue;
      co_return answer;
    }
  }

  // Always answered: who posts waits for it before the next post.
  asio::awaitable<void> run(std::shared_ptr<WebhookReceiver> receiver, WebhookPost post, Done done) {
    WebhookAnswer answer;
    try {
      answer = co_await answer_to(receiver, post);
    } catch (const std::exception& failure) {
      answer.problem = failure.what();
    }
    done(std::move(answer));
  }

  WebhookClientOptions options;
  asio::ssl::context context;
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard{io.get_executor()};
  HostLookups lookups{io, [this](const std::string& host, bool tls) { return resolved(host, tls); }, options.lookups};
  std::thread thread;
};

std::string_view webhook_media_type(WebhookFormat format) { return format == WebhookFormat::senml ? "application/senml+json" : "application/ld+json"; }

std::string measurements_body(WebhookFormat format, const std::vector<IdentifiedMeasurement>& measurements) {
  if (format == WebhookFormat::senml) {
    std::string pack;
    for (const IdentifiedMeasurement& one : measurements) subservices::append_senml_record(pack, *one.json, one.id);
    return "[" + pack + "]";
  }
  std::string list = "[";
  for (const IdentifiedMeasurement& one : measurements) {
    if (list.size() > 1) list += ",\n";
    list += "{\"@id\":\"" + one.id + "\",";
    list += std::string_view(*one.json).substr(1);
  }
  return list + "]";
}

WebhookClient::WebhookClient(WebhookClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
WebhookClient::~WebhookClient() = default;

std::shared_ptr<WebhookReceiver> WebhookClient::receiver(const WebhookUrl& url) { return std::make_shared<WebhookReceiver>(url); }

void WebhookClient::post(std::shared_ptr<WebhookReceiver> receiver, WebhookPost post, Done done) {
  asio::co_spawn(impl_->io, impl_->run(std::move(receiver), std::move(post), std::move(done)), asio::detached);
}

void WebhookClient::stop() { impl_->stop(); }

}  // namespace agiddi::node
