#include "node/http/byte_stream.h"

#include <poll.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

namespace agiddi::node {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr auto kGoodbye = std::chrono::seconds(1);

template <class Stream>
class BeastStream final : public ByteStream {
 public:
  template <class... Arguments>
  explicit BeastStream(Arguments&&... arguments) : stream_(std::forward<Arguments>(arguments)...) {
    error_code error;
    const auto endpoint = lowest().socket().remote_endpoint(error);
    if (!error) remote_ = endpoint.address().to_string();
  }

  asio::any_io_executor executor() override { return stream_.get_executor(); }
  std::string remote() const override { return remote_; }

  asio::awaitable<bool> handshake() override {
    if constexpr (kTls) {
      const auto [error] = co_await stream_.async_handshake(asio::ssl::stream_base::server, kTuple);
      co_return !error;
    }
    co_return true;
  }

  asio::awaitable<std::size_t> read_some(char* data, std::size_t size) override {
    const auto [error, count] = co_await stream_.async_read_some(asio::buffer(data, size), kTuple);
    co_return error ? 0 : count;
  }

  asio::awaitable<bool> write(std::string_view text) override {
    const auto [error, count] = co_await asio::async_write(stream_, asio::buffer(text.data(), text.size()), kTuple);
    co_return !error && count == text.size();
  }

  std::size_t write_now(std::string_view text) override {
    if constexpr (kTls) return 0;
    const int socket = lowest().socket().native_handle();
    if (socket < 0) return 0;
    const ssize_t count = ::send(socket, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return count > 0 ? static_cast<std::size_t>(count) : 0;   // an error comes again at the next write, which reports it
  }

  bool writes_now() const override { return !kTls; }

  asio::awaitable<void> close_gently() override {
    error_code ignored;
    if constexpr (kTls) {
      if (lowest().socket().is_open()) {
        lowest().expires_after(kGoodbye);
        co_await stream_.async_shutdown(kTuple);
      }
    } else {
      lowest().socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
    }
    close();
    co_return;
  }

  // Without reading: what the peer has sent before stays.
  bool hung_up() const override {
    pollfd one{const_cast<BeastStream*>(this)->lowest().socket().native_handle(), POLLRDHUP, 0};
    return one.fd < 0 || (::poll(&one, 1, 0) > 0 && (one.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0);
  }

  void shutdown_send() override {
    error_code ignored;
    if constexpr (!kTls) lowest().socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  }

  void close() override {
    error_code ignored;
    lowest().socket().close(ignored);
  }

  void expires_after(std::chrono::milliseconds time) override { lowest().expires_after(time); }
  void expires_never() override { lowest().expires_never(); }

 private:
  static constexpr bool kTls = !std::is_same_v<Stream, beast::tcp_stream>;
  beast::tcp_stream& lowest() { return beast::get_lowest_layer(stream_); }

  Stream stream_;
  std::string remote_;
};

}  // namespace

std::unique_ptr<ByteStream> make_byte_stream(asio::ip::tcp::socket socket, asio::ssl::context* context) {
  error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  if (context) return std::make_unique<BeastStream<beast::ssl_stream<beast::tcp_stream>>>(beast::tcp_stream(std::move(socket)), *context);
  return std::make_unique<BeastStream<beast::tcp_stream>>(std::move(socket));
}

}  // namespace agiddi::node
