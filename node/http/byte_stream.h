// ByteStream: a TCP or TLS connection behind one small interface, so that the HTTP code is compiled once and knows neither.
//
// Internal to the HTTP server; used on the connection's strand only. Deadlines: expires_after holds for the reads and writes that begin after
// it, together. A passed deadline, an error and the peer's end all look the same: nothing more comes.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace boost::asio::ssl { class context; }

namespace agiddi::node {

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  virtual boost::asio::any_io_executor executor() = 0;
  virtual std::string remote() const = 0;                                            // the peer's address
  virtual boost::asio::awaitable<bool> handshake() = 0;
  virtual boost::asio::awaitable<std::size_t> read_some(char* data, std::size_t size) = 0;  // 0: nothing more comes
  virtual boost::asio::awaitable<bool> write(std::string_view text) = 0;             // all of it
  // What the socket takes at once, without waiting, timers or a deadline: how many bytes. Over TLS nothing, as writes_now says. From any thread as
  // long as nobody writes or closes meanwhile.
  virtual std::size_t write_now(std::string_view text) = 0;
  virtual bool writes_now() const = 0;
  virtual boost::asio::awaitable<void> close_gently() = 0;
  virtual bool hung_up() const = 0;                                                  // the peer has closed its side, or the connection is broken
  virtual void shutdown_send() = 0;                                                  // does nothing over TLS
  virtual void close() = 0;
  virtual void expires_after(std::chrono::milliseconds time) = 0;
  virtual void expires_never() = 0;
};

// The socket's executor is a strand. context: nullptr for plain TCP; must outlive the stream.
std::unique_ptr<ByteStream> make_byte_stream(boost::asio::ip::tcp::socket socket, boost::asio::ssl::context* context);

}  // namespace agiddi::node
