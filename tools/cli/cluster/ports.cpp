#include "tools/cli/cluster/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/crypto/crypto.h"

namespace agiddi::tools {
namespace {

constexpr std::uint32_t kBaseMin = 10'000, kBaseMax = 30'000;
constexpr int kTriesMax = 200;

class Socket {
 public:
  Socket() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

std::uint16_t taken_port(std::uint16_t base, std::size_t nodes) {
  for (const int port : {base + 0, base + kBrokerTlsPortOffset}) {
    if (!port_is_free(static_cast<std::uint16_t>(port))) return static_cast<std::uint16_t>(port);
  }
  for (std::size_t i = 1; i <= nodes; ++i) {
    for (const std::size_t port : {base + i, base + kPeerPortOffset + i}) {
      if (!port_is_free(static_cast<std::uint16_t>(port))) return static_cast<std::uint16_t>(port);
    }
  }
  return 0;
}

}  // namespace

bool port_is_free(std::uint16_t port) {
  const Socket socket;
  const int yes = 1;   // as the daemons do: connections that are closing do not count
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const sockaddr_in address = loopback(port);
  return ::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 && ::listen(socket.fd(), 1) == 0;
}

Outcome<std::uint16_t> free_base_port(std::size_t nodes) {
  for (int i = 0; i < kTriesMax; ++i) {
    const auto base = static_cast<std::uint16_t>(kBaseMin + read_u32_be(random_bytes(4)) % (kBaseMax - kBaseMin));
    if (taken_port(base, nodes) == 0) return base;
  }
  return failed("no free ports were found on 127.0.0.1; give --base-port");
}

Outcome<void> check_ports(std::uint16_t base, std::size_t nodes) {
  if (base + kPeerPortOffset + nodes > 65535) return wrong_usage("--base-port is too high");
  if (const std::uint16_t port = taken_port(base, nodes)) return failed("port " + std::to_string(port) + " on 127.0.0.1 is taken");
  return {};
}

bool accepts_connections(std::uint16_t port) {
  const Socket socket;
  const sockaddr_in address = loopback(port);
  return ::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace agiddi::tools
