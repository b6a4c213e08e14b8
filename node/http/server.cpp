#include "node/http/server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <unordered_map>

#include "node/http/connection.h"

namespace agiddi::node {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kAcceptPause = std::chrono::milliseconds(100);   // when the process is out of file descriptors
constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nContent-Length: 114\r\nRetry-After: 2\r\n"
    "Connection: close\r\n\r\n"
    "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,"
    "\"detail\":\"Too many connections are open here.\"}";

Result<std::unique_ptr<asio::ssl::context>> make_tls(const HttpConfig& config) {
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  error_code error;
  context->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 | asio::ssl::context::no_sslv3 |
                           asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1 | asio::ssl::context::no_compression, error);
  if (!error) context->use_certificate_chain_file(config.certificate_file, error);
  if (error) {
    return fail(Status::internal, "http.certificate: " + config.certificate_file + " is no readable PEM certificate chain (" + error.message() + ").");
  }
  context->use_private_key_file(config.private_key_file, asio::ssl::context::pem, error);
  if (error) {
    return fail(Status::internal, "http.private_key: " + config.private_key_file + " is no PEM key of that certificate (" + error.message() + ").");
  }
  return context;
}

}  // namespace

struct HttpServer::Impl : std::enable_shared_from_this<HttpServer::Impl> {
  asio::strand<asio::io_context::executor_type> strand;
  asio::io_context& io;
  tcp::acceptor acceptor;
  asio::steady_timer timer;
  std::shared_ptr<ServerShared> shared;
  std::size_t connections_max;
  std::uint16_t bound_port = 0;
  std::uint64_t next_id = 0;
  std::unordered_map<std::uint64_t, std::weak_ptr<Connection>> connections;   // on the strand

  Impl(asio::io_context& context, std::shared_ptr<ServerShared> s, std::size_t max)
      : strand(asio::make_strand(context)), io(context), acceptor(strand), timer(strand), shared(std::move(s)), connections_max(max) {}

  void accept() {
    acceptor.async_accept(asio::any_io_executor(asio::make_strand(io)),
                          [self = shared_from_this()](error_code error, tcp::socket socket) { self->accepted(error, std::move(socket)); });
  }

  void accepted(error_code error, tcp::socket socket) {
    if (shared->stopping || error == asio::error::operation_aborted) return;
    if (error) {
      timer.expires_after(kAcceptPause);
      timer.async_wait([self = shared_from_this()](error_code cancelled) {
        if (!cancelled && !self->shared->stopping) self->accept();
      });
      return;
    }
    if (shared->connections >= connections_max + shared->grouped) {
      error_code ignored;
      socket.non_blocking(true, ignored);
      if (!shared->tls) socket.write_some(asio::buffer(kFull), ignored);
      shared->metrics.counter("agiddi_http_connections_refused_total", "Connections refused because too many were open.").add();
    } else {
      const std::uint64_t id = next_id++;
      auto connection = make_connection(make_byte_stream(std::move(socket), shared->tls.get()), shared, [weak = weak_from_this(), id] {
        const auto self = weak.lock();
        if (self) asio::post(self->strand, [self, id] { self->connections.erase(id); });
      });
      connections.emplace(id, connection);
      connection->start();
    }
    accept();
  }

  void stop() {
    if (shared->stopping.exchange(true)) return;
    error_code ignored;
    acceptor.close(ignored);
    for (const auto& [id, weak] : connections) {
      if (const auto connection = weak.lock()) connection->stop();
    }
    timer.expires_after(shared->limits.stop_grace);
    timer.async_wait([self = shared_from_this()](error_code) {
      for (const auto& [id, weak] : self->connections) {
        if (const auto connection = weak.lock()) connection->abort();
      }
    });
  }
};

Result<std::unique_ptr<HttpServer>> HttpServer::create(asio::io_context& io, const HttpConfig& config, Router router, Metrics& metrics,
                                                       HttpLimits limits) {
  auto shared = std::make_shared<ServerShared>(std::move(router), metrics, limits);
  if (!config.certificate_file.empty()) {
    auto tls = make_tls(config);
    if (!tls) return tl::unexpected(tls.error());
    shared->tls = std::move(*tls);
  } else if (!is_loopback(config.listen.host)) {
    return fail(Status::internal, "http.listen: " + config.listen.text() +
                                      " is not loopback, so http.certificate and http.private_key must be given.");
  }
  error_code error;
  const std::string host = config.listen.host == "localhost" ? "127.0.0.1" : config.listen.host;
  const auto address = asio::ip::make_address(host.starts_with('[') ? host.substr(1, host.size() - 2) : host, error);
  if (error) return fail(Status::internal, "http.listen: \"" + config.listen.host + "\" is no IP address.");
  auto impl = std::make_shared<Impl>(io, std::move(shared), config.connections_max);
  const tcp::endpoint endpoint(address, config.listen.port);
  impl->acceptor.open(endpoint.protocol(), error);
  if (!error) impl->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) impl->acceptor.bind(endpoint, error);
  if (!error) impl->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail(Status::internal, "http.listen: cannot listen on " + config.listen.text() + " (" + error.message() + ").");
  impl->bound_port = impl->acceptor.local_endpoint(error).port();
  metrics.read_value("agiddi_http_connections", "Open HTTP connections.",
                     [weak = std::weak_ptr<ServerShared>(impl->shared)] {
                       const auto alive = weak.lock();
                       return alive ? static_cast<std::int64_t>(alive->connections.load()) : 0;
                     });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() {
  stop();
  impl_->shared->router.stop();
}

void HttpServer::start() {
  asio::post(impl_->strand, [impl = impl_] {
    if (!impl->shared->stopping) impl->accept();
  });
}

void HttpServer::stop() {
  asio::post(impl_->strand, [impl = impl_] { impl->stop(); });
}

bool HttpServer::stopped() const { return impl_->shared->stopping && impl_->shared->connections == 0; }
std::uint16_t HttpServer::port() const { return impl_->bound_port; }

}  // namespace agiddi::node
