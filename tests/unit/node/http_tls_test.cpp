// The HTTP server over TLS: with a certificate made here and OpenSSL's own client.
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "node/http/problem.h"
#include "node/http/server.h"
#include "tests/unit/node/raw_client.h"

using namespace agiddi;
using namespace agiddi::node;

namespace {

struct Files {
  std::filesystem::path folder = std::filesystem::temp_directory_path() / ("agiddi-tls-" + std::to_string(::getpid()));
  std::string certificate = (folder / "cert.pem").string(), key = (folder / "key.pem").string();

  Files() {
    std::filesystem::create_directories(folder);
    EVP_PKEY* pair = EVP_EC_gen("P-256");
    X509* x509 = X509_new();
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_NAME* name = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
    X509_set_issuer_name(x509, name);
    X509_set_pubkey(x509, pair);
    X509_sign(x509, pair, EVP_sha256());
    std::FILE* file = std::fopen(certificate.c_str(), "w");
    PEM_write_X509(file, x509);
    std::fclose(file);
    file = std::fopen(key.c_str(), "w");
    PEM_write_PrivateKey(file, pair, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    X509_free(x509);
    EVP_PKEY_free(pair);
  }
  ~Files() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
};

// One TLS connection on a blocking socket.
class TlsClient {
 public:
  TlsClient(std::uint16_t port, int max_version) : raw_(port), context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_max_proto_version(context_, max_version);
    tls_ = SSL_new(context_);
    SSL_set_fd(tls_, raw_.descriptor());
  }
  ~TlsClient() {
    SSL_free(tls_);
    SSL_CTX_free(context_);
  }
  bool connect() { return SSL_connect(tls_) == 1; }
  std::string ask(const std::string& text, const std::string& until) {
    SSL_write(tls_, text.data(), static_cast<int>(text.size()));
    std::string out;
    char bytes[4096];
    while (out.find(until) == std::string::npos) {
      const int count = SSL_read(tls_, bytes, sizeof bytes);
      if (count <= 0) break;
      out.append(bytes, static_cast<std::size_t>(count));
    }
    return out;
  }

 private:
  testing::RawClient raw_;
  SSL_CTX* context_;
  SSL* tls_;
};

}  // namespace

TEST_CASE("over TLS: requests, streams, refusals, and what is no TLS") {
  const Files files;
  Metrics metrics;
  boost::asio::io_context io;
  auto guard = boost::asio::make_work_guard(io);
  Router router;
  router.add("GET", "/hello", [](HttpRequest, Responder to) { to.send(json_response(200, Json::object({{"tls", true}}))); });
  router.add("POST", "/echo", [](HttpRequest request, Responder to) { to.send(HttpResponse{200, "text/plain", std::move(request.body), {}}); });
  router.add("GET", "/stream", [](HttpRequest, Responder to) {
    const auto stream = to.stream();
    stream->send({"", "1", "over tls", ""});
    stream->close();
  });
  HttpConfig config;
  config.listen = {"127.0.0.1", 0};
  config.certificate_file = files.certificate;
  config.private_key_file = files.key;
  HttpLimits limits;
  limits.header_max = std::chrono::milliseconds(500);
  auto server = HttpServer::create(io, config, std::move(router), metrics, limits);
  REQUIRE(server.has_value());
  (*server)->start();
  std::thread thread([&] { io.run(); });
  const std::uint16_t port = (*server)->port();
  const std::string host = "Host: localhost\r\n";
  {
    TlsClient client(port, TLS1_3_VERSION);
    REQUIRE(client.connect());
    for (int i = 0; i < 2; ++i) CHECK(client.ask("GET /hello HTTP/1.1\r\n" + host + "\r\n", "}").find(R"({"tls":true})") != std::string::npos);
    const std::string body(200'000, 'b');
    CHECK(client.ask("POST /echo HTTP/1.1\r\n" + host + "Content-Length: 200000\r\n\r\n" + body, body).ends_with(body));
    CHECK(client.ask("POST /echo HTTP/1.1\r\n" + host + "Content-Length: 5000000\r\n\r\n", "}").find(" 413 ") != std::string::npos);
  }
  {
    TlsClient client(port, TLS1_2_VERSION);
    REQUIRE(client.connect());
    CHECK(client.ask("GET /stream HTTP/1.1\r\n" + host + "\r\n", "0\r\n\r\n").find("id: 1\ndata: over tls\n\n") != std::string::npos);
  }
  CHECK_FALSE(TlsClient(port, TLS1_1_VERSION).connect());
  testing::RawClient plain(port), silent(port);
  CHECK(plain.ask("GET /hello HTTP/1.1\r\n" + host + "\r\n").status == 0);
  CHECK(plain.closed());
  CHECK(silent.closed());
  (*server)->stop();
  for (int i = 0; i < 400 && !(*server)->stopped(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK((*server)->stopped());
  io.stop();
  thread.join();
}
