#include "tools/benchmark/data/mqtt_link.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace agiddi::tools {
namespace {

constexpr unsigned char kConnect = 0x10, kConnack = 0x20, kPublish = 0x30, kPuback = 0x40, kSubscribe = 0x82, kSuback = 0x90;
constexpr int kAnswer_ms = 10'000;
constexpr std::size_t kRead_bytes = 256 * 1024;
constexpr int kReceiveRoom_bytes = 1024 * 1024;
constexpr std::uint16_t kKeepAlive_s = 0;   // none: a flooded broker must not take the generator for dead

void put_u16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value & 0xff);
}

void put_text(std::string& out, std::string_view text) {
  put_u16(out, text.size());
  out += text;
}

void put_length(std::string& out, std::size_t length) {
  do {
    const auto seven = static_cast<unsigned char>(length % 128);
    length /= 128;
    out += static_cast<char>(length > 0 ? seven | 0x80 : seven);
  } while (length > 0);
}

std::size_t get_u16(std::string_view text) { return (static_cast<unsigned char>(text[0]) << 8U) | static_cast<unsigned char>(text[1]); }

}  // namespace

MqttLink& MqttLink::operator=(MqttLink&& other) noexcept {
  std::swap(fd_, other.fd_);
  in_.swap(other.in_);
  out_.swap(other.out_);
  std::swap(taken_, other.taken_);
  std::swap(sent_, other.sent_);
  std::swap(packet_, other.packet_);
  std::swap(acknowledged_, other.acknowledged_);
  return *this;
}

MqttLink::~MqttLink() { close(); }

void MqttLink::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Outcome<MqttLink> MqttLink::open(std::uint16_t port, const std::string& client_id, const MqttAccount& account) {
  MqttLink link;
  link.fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int room = kReceiveRoom_bytes;   // a window of measurements, so that the broker writes each at once
  ::setsockopt(link.fd_, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (link.fd_ < 0 || ::connect(link.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return failed("no connection to the broker on port " + std::to_string(port));
  }
  const int on = 1;
  ::setsockopt(link.fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(link.fd_, F_SETFL, O_NONBLOCK);

  std::string body;
  put_text(body, "MQTT");
  body += '\x04';
  body += static_cast<char>(account.username.empty() ? 0x02 : 0xc2);
  put_u16(body, kKeepAlive_s);
  put_text(body, client_id);
  if (!account.username.empty()) {
    put_text(body, account.username);
    put_text(body, account.password);
  }
  link.out_ += static_cast<char>(kConnect);
  put_length(link.out_, body.size());
  link.out_ += body;
  if (auto answered = link.wait_for(kConnack); !answered) return tl::unexpected(answered.error());
  return link;
}

Outcome<void> MqttLink::subscribe(const std::string& topic, int qos) {
  std::string body;
  put_u16(body, 1);
  put_text(body, topic);
  body += static_cast<char>(qos);
  out_ += static_cast<char>(kSubscribe);
  put_length(out_, body.size());
  out_ += body;
  return wait_for(kSuback);
}

Outcome<void> MqttLink::wait_for(unsigned char type) {
  for (;;) {
    if (!flush()) return failed("the broker closed the connection");
    unsigned char head = 0;
    std::string_view body;
    while (next_packet(head, body)) {
      if (head != type) continue;
      const bool good = body.size() >= 2 && static_cast<unsigned char>(body.back()) < 3 && (type != kConnack || body.back() == 0);
      if (!good) return failed(type == kConnack ? "the broker refused a client" : "the broker refused a subscription");
      return {};
    }
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, kAnswer_ms) <= 0 || !read_some()) return failed("the broker does not answer");
  }
}

void MqttLink::publish(std::string_view topic, std::string_view payload, int qos) {
  out_ += static_cast<char>(kPublish | (qos << 1));
  put_length(out_, 2 + topic.size() + (qos > 0 ? 2 : 0) + payload.size());
  put_text(out_, topic);
  if (qos > 0) {
    if (++packet_ == 0) packet_ = 1;
    put_u16(out_, packet_);
  }
  out_ += payload;
}

bool MqttLink::flush() {
  while (fd_ >= 0 && sent_ < out_.size()) {
    const ssize_t written = ::send(fd_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (written > 0) {
      sent_ += static_cast<std::size_t>(written);
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      close();
    }
  }
  if (sent_ == out_.size()) {
    out_.clear();
    sent_ = 0;
  }
  return fd_ >= 0;
}

bool MqttLink::read_some() {
  thread_local std::array<char, kRead_bytes> read;
  in_.erase(0, taken_);
  taken_ = 0;
  const ssize_t got = ::recv(fd_, read.data(), read.size(), 0);
  if (got > 0) in_.append(read.data(), static_cast<std::size_t>(got));
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) close();
  return fd_ >= 0;
}

bool MqttLink::next_packet(unsigned char& head, std::string_view& body) {
  const std::string_view rest = std::string_view(in_).substr(taken_);
  std::size_t length = 0, at = 1;
  for (int shift = 0;; shift += 7, ++at) {
    if (at >= rest.size() || shift > 21) return false;
    const auto seven = static_cast<unsigned char>(rest[at]);
    length |= static_cast<std::size_t>(seven & 0x7f) << shift;
    if ((seven & 0x80) == 0) break;
  }
  ++at;
  if (rest.size() < at + length) return false;
  head = static_cast<unsigned char>(rest[0]);
  body = rest.substr(at, length);
  taken_ += at + length;
  return true;
}

bool MqttLink::receive(const std::function<void(const MqttPublish&)>& message) {
  if (fd_ < 0 || !read_some()) return false;
  unsigned char head = 0;
  std::string_view body;
  while (next_packet(head, body)) {
    if ((head & 0xf0) == kPuback) ++acknowledged_;
    if ((head & 0xf0) != kPublish || body.size() < 2) continue;
    MqttPublish publish;
    publish.qos = (head >> 1) & 3;
    const std::size_t topic = get_u16(body), behind = 2 + topic + (publish.qos > 0 ? 2 : 0);
    if (body.size() < behind) continue;
    publish.topic = body.substr(2, topic);
    publish.payload = body.substr(behind);
    if (publish.qos > 0) {
      out_ += static_cast<char>(kPuback);
      out_ += '\x02';
      out_ += body.substr(2 + topic, 2);
    }
    message(publish);
  }
  return true;
}

}  // namespace agiddi::tools
