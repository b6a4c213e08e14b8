// A client of raw bytes for the tests of the HTTP server: it can send what no decent client would. Blocking, with a deadline on each read.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace agiddi::node::testing {

struct RawAnswer {
  int status = 0;
  std::string head, body;
  std::string header(std::string name) const {   // name with its usual capitals
    const std::string mark = "\r\n" + name + ": ";
    const std::size_t at = head.find(mark);
    if (at == std::string::npos) return {};
    return head.substr(at + mark.size(), head.find("\r\n", at + mark.size()) - at - mark.size());
  }
};

class RawClient {
 public:
  explicit RawClient(std::uint16_t port, int timeout_s = 10) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{timeout_s, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      ::close(socket_);
      throw std::runtime_error("no connection");
    }
  }
  ~RawClient() { ::close(socket_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  int descriptor() const { return socket_; }
  // False when the server has closed: tests go on and read why.
  bool send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // Reads until the mark has come and returns everything up to and with it; what is there when the server closes or is silent otherwise.
  std::string read_until(std::string_view mark) {
    for (;;) {
      const std::size_t at = pending_.find(mark);
      if (at != std::string::npos) return take(at + mark.size());
      if (!fill()) return take(pending_.size());
    }
  }
  std::string read_count(std::size_t count) {
    while (pending_.size() < count && fill()) {
    }
    return take(std::min(count, pending_.size()));
  }
  bool closed() {   // nothing more comes, and the server said so
    while (fill()) {
    }
    return ended_;
  }

  RawAnswer answer(bool head_request = false) {
    RawAnswer out;
    out.head = read_until("\r\n\r\n");
    if (out.head.size() < 12) return out;
    out.status = std::stoi(out.head.substr(9, 3));
    const std::string length = out.header("Content-Length");
    if (!length.empty() && !head_request) out.body = read_count(std::stoul(length));
    return out;
  }
  RawAnswer ask(std::string_view text) {
    send(text);
    return answer();
  }

 private:
  bool fill() {
    char bytes[16384];
    const ssize_t count = ::recv(socket_, bytes, sizeof bytes, 0);
    if (count == 0) ended_ = true;
    if (count < 0 && errno == ECONNRESET) ended_ = true;
    if (count <= 0) return false;
    pending_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }
  std::string take(std::size_t count) {
    std::string out = pending_.substr(0, count);
    pending_.erase(0, count);
    return out;
  }

  int socket_;
  std::string pending_;
  bool ended_ = false;
};

}  // namespace agiddi::node::testing
