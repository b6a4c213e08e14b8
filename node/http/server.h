// HttpServer: the listener of a node. HTTP/1.1 with keep-alive and pipelining, TLS when a certificate is configured; plain http only on loopback.
//
// Threads: connections run on strands of the given io_context, whatever number of threads run it. start(), stop() and port() may be called
// from any thread. Everything foreign is bounded by HttpLimits. Errors at start say what to change in the configuration.
// Source: RFC 9112, RFC 9110, RFC 6455.
#pragma once

#include <chrono>
#include <memory>

#include "node/config.h"
#include "node/http/router.h"
#include "node/metrics.h"

namespace boost::asio { class io_context; }

namespace agiddi::node {

struct HttpLimits {
  std::size_t body_max_bytes = 4 * 1024 * 1024;     // 413
  std::size_t header_max_bytes = 16 * 1024;         // 431
  std::size_t headers_max = 100;                    // 431
  std::size_t target_max_bytes = 8 * 1024;          // 414
  std::chrono::milliseconds idle_max{60'000};       // between requests
  std::chrono::milliseconds header_max{10'000};     // from a request's first byte to the end of its header; also the TLS handshake
  std::chrono::milliseconds body_max{60'000};       // from there to the end of the body
  std::chrono::milliseconds write_max{30'000};      // a client that does not read its answer
  std::chrono::milliseconds heartbeat{15'000};      // comment line in a quiet stream
  std::size_t stream_queue_max_events = 1024;       // a slower client is cut off
  std::size_t stream_queue_max_bytes = 4 * 1024 * 1024;
  std::chrono::milliseconds stop_grace{1'000};      // for answers under way
};

class HttpServer {
 public:
  // Binds and listens; serves from start() on. The error is one sentence for the operator.
  static Result<std::unique_ptr<HttpServer>> create(boost::asio::io_context& io, const HttpConfig& config, Router router,
                                                    Metrics& metrics, HttpLimits limits = {});
  ~HttpServer();

  void start();
  // Refuses new connections, lets answers under way finish within stop_grace, ends streams, closes. Returns at once; the io_context must
  // keep running until stopped() or stop_grace has passed.
  void stop();
  bool stopped() const;                             // no connection is left
  std::uint16_t port() const;                       // the bound one, when the configuration said 0

 private:
  struct Impl;
  explicit HttpServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace agiddi::node
