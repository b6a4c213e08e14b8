// Connection: one client's TCP (or TLS) connection: reads a request within its limits, hands it to the router, writes the answer, again.
// Internal to the HTTP server. Lives on its own strand; kept alive by its coroutine and by the answers it waits for.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "node/http/byte_stream.h"
#include "node/http/server.h"

namespace agiddi::node {

// What all connections of a server share; immutable but for the counters.
struct ServerShared {
  ServerShared(Router r, Metrics& m, HttpLimits l) : router(std::move(r)), metrics(m), limits(l) {}
  Router router;
  Metrics& metrics;
  HttpLimits limits;
  std::shared_ptr<boost::asio::ssl::context> tls;  // nothing: plain
  std::atomic<bool> stopping{false};
  std::atomic<std::size_t> connections{0}, grouped{0};   // grouped: those of streams whose group has a bound of its own
};

class Connection {
 public:
  virtual ~Connection() = default;
  virtual void start() = 0;
  virtual void stop() = 0;    // finish the answer under way, then close; any thread
  virtual void abort() = 0;   // close now; any thread
};

// `ended` is called once, on the connection's strand.
std::shared_ptr<Connection> make_connection(std::unique_ptr<ByteStream> stream, std::shared_ptr<ServerShared> shared,
                                            std::function<void()> ended);

}  // namespace agiddi::node
