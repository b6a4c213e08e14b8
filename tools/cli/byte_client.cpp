#include "tools/cli/byte_client.h"

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <optional>

namespace agiddi::tools {
namespace {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using asio::ip::tcp;
using ErrorCode = ByteClient::ErrorCode;
using Done = std::function<void(ErrorCode, std::size_t)>;   // one type for all, so that each operation is compiled once

constexpr auto kAskEvery = std::chrono::milliseconds(300);

}  // namespace

struct ByteClient::Streams {
  asio::io_context io{1};
  tcp::resolver resolver{io};
  tcp::socket socket{io};
  std::optional<ssl::context> context;
  std::optional<ssl::stream<tcp::socket&>> tls;             // for https; else the socket is spoken on
};

ByteClient::ByteClient(const Url& url) : url_(url), streams_(std::make_unique<Streams>()) {}
ByteClient::~ByteClient() = default;

// Runs what was started until it has ended, the deadline has passed or nobody wants it any more; then stop() ends it.
template <class Stop>
ErrorCode ByteClient::await(ErrorCode& error, Clock::time_point deadline, const std::function<bool()>& wanted, Stop stop) {
  asio::io_context& io = streams_->io;
  io.restart();
  for (;;) {
    io.run_until(wanted ? std::min(deadline, Clock::now() + kAskEvery) : deadline);
    if (io.stopped()) return error;
    const bool late = Clock::now() >= deadline;
    if (!late && (!wanted || wanted())) continue;
    stop();
    io.run();
    return late ? asio::error::timed_out : asio::error::operation_aborted;
  }
}

ErrorCode ByteClient::open(Clock::time_point deadline) {
  Streams& at = *streams_;
  const auto close = [&] {
    ErrorCode ignored;
    at.socket.close(ignored);
  };
  ErrorCode error;
  tcp::resolver::results_type found;
  at.resolver.async_resolve(url_.host, std::to_string(url_.port), [&](ErrorCode e, tcp::resolver::results_type r) { error = e, found = std::move(r); });
  if (const ErrorCode ec = await(error, deadline, {}, [&] { at.resolver.cancel(); })) return ec;
  asio::async_connect(at.socket, found, [&](ErrorCode e, const tcp::endpoint&) { error = e; });
  if (const ErrorCode ec = await(error, deadline, {}, close)) return ec;
  at.socket.set_option(tcp::no_delay(true), error);
  if (!url_.tls()) return {};
  at.context.emplace(ssl::context::tls_client);
  at.context->set_default_verify_paths(error);
  if (error) return error;
  at.tls.emplace(at.socket, *at.context);
  at.tls->set_verify_mode(ssl::verify_peer);
  at.tls->set_verify_callback(ssl::host_name_verification(url_.host));
  if (!SSL_set_tlsext_host_name(at.tls->native_handle(), url_.host.c_str())) return asio::error::no_memory;
  at.tls->async_handshake(ssl::stream_base::client, [&](ErrorCode e) { error = e; });
  return await(error, deadline, {}, close);
}

ErrorCode ByteClient::write(std::string_view text, Clock::time_point deadline) {
  Streams& at = *streams_;
  ErrorCode error;
  const Done done = [&](ErrorCode e, std::size_t) { error = e; };
  if (at.tls) {
    asio::async_write(*at.tls, asio::buffer(text), done);
  } else {
    asio::async_write(at.socket, asio::buffer(text), done);
  }
  return await(error, deadline, {}, [&] { at.socket.cancel(); });
}

ByteClient::Part ByteClient::read_some(char* data, std::size_t size, Clock::time_point deadline, const std::function<bool()>& wanted) {
  Streams& at = *streams_;
  Part part;
  const Done done = [&](ErrorCode e, std::size_t count) { part = {e, count}; };
  if (at.tls) {
    at.tls->async_read_some(asio::buffer(data, size), done);
  } else {
    at.socket.async_read_some(asio::buffer(data, size), done);
  }
  part.error = await(part.error, deadline, wanted, [&] { at.socket.cancel(); });
  if (part.error == ssl::error::stream_truncated) part.error = asio::error::eof;   // HTTP's own framing says whether something is missing
  return part;
}

}  // namespace agiddi::tools
