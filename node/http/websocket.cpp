#include "node/http/websocket.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "node/http/uri.h"
#include "protocol/check.h"

namespace agiddi::node {
namespace {

constexpr std::size_t kFrameMax_bytes = 16 * 1024;
constexpr unsigned kProtocolError = 1002, kTooBig = 1009;

bool has_token(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    if (lower_case(trim(list.substr(0, end))) == token) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

std::string base64(const unsigned char* data, int size) {
  std::array<unsigned char, 64> out{};
  const int length = EVP_EncodeBlock(out.data(), data, size);
  return {reinterpret_cast<const char*>(out.data()), static_cast<std::size_t>(length)};
}

std::string frame(unsigned char opcode, std::string_view payload) {
  std::string out(1, static_cast<char>(0x80 | opcode));
  const std::uint64_t size = payload.size();
  const int length_bytes = size < 126 ? 0 : size < 65536 ? 2 : 8;
  out.push_back(static_cast<char>(length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127));
  for (int i = length_bytes - 1; i >= 0; --i) out.push_back(static_cast<char>((size >> (8 * i)) & 0xff));
  return out.append(payload);
}

}  // namespace

bool is_websocket_upgrade(const HttpRequest& request) {
  const auto key = request.header("sec-websocket-key");
  return request.method == "GET" && has_token(request.header_list("upgrade"), "websocket") &&
         has_token(request.header_list("connection"), "upgrade") && request.header("sec-websocket-version") == "13" && key && key->size() == 24;
}

std::string websocket_accept(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, 20> digest{};
  unsigned size = 0;
  AGIDDI_CHECK(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) == 1 && size == digest.size(), "SHA-1 works");
  return base64(digest.data(), static_cast<int>(digest.size()));
}

std::string websocket_text_frame(std::string_view message) { return frame(0x1, message); }
std::string websocket_ping_frame() { return frame(0x9, {}); }

std::string websocket_close_frame(unsigned code) {
  const char payload[] = {static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  return frame(0x8, {payload, 2});
}

WebSocketInput::Outcome WebSocketInput::feed(std::string_view bytes) {
  Outcome out;
  pending_.append(bytes);
  const auto broken = [&](unsigned code) {
    out.reply += websocket_close_frame(code);
    out.closed = true;
    return out;
  };
  for (;;) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(pending_[i]); };
    if (pending_.size() < 2) return out;
    const unsigned opcode = byte(0) & 0x0f;
    const bool masked = (byte(1) & 0x80) != 0;
    std::size_t size = byte(1) & 0x7f, head = 2;
    if (!masked || (byte(0) & 0x70) != 0) return broken(kProtocolError);
    if (opcode >= 8 && (size > 125 || !(byte(0) & 0x80))) return broken(kProtocolError);
    if (size == 127) return broken(kTooBig);
    if (size == 126) {
      if (pending_.size() < 4) return out;
      size = static_cast<std::size_t>(byte(2)) << 8 | byte(3);
      head = 4;
    }
    if (size > kFrameMax_bytes) return broken(kTooBig);
    if (pending_.size() < head + 4 + size) return out;
    std::string payload = pending_.substr(head + 4, size);
    for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(payload[i] ^ pending_[head + i % 4]);
    pending_.erase(0, head + 4 + size);
    switch (opcode) {
      case 0x0: case 0x1: case 0x2: case 0xa: break;
      case 0x9: out.reply += frame(0xa, payload); break;
      case 0x8:
        out.reply += frame(0x8, std::string_view(payload).substr(0, 2));
        out.closed = true;
        return out;
      default: return broken(kProtocolError);
    }
  }
}

}  // namespace agiddi::node
