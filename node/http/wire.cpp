#include "node/http/wire.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "node/http/problem.h"
#include "node/http/uri.h"

namespace agiddi::node {
namespace {

std::string common_head(unsigned status, const std::vector<NameValue>& headers, const AnswerFrame& frame) {
  std::string out = frame.version == 10 ? "HTTP/1.0 " : "HTTP/1.1 ";
  out += std::to_string(status) + ' ' + std::string(reason_phrase(status)) + "\r\n";
  bool cache_control = false;
  for (const auto& [name, value] : headers) {
    if (lower_case(name) == "cache-control") cache_control = true;
    out += name + ": ";
    std::copy_if(value.begin(), value.end(), std::back_inserter(out), [](char c) { return c != '\r' && c != '\n' && c != '\0'; });
    out += "\r\n";
  }
  if (!cache_control) out += "Cache-Control: no-store\r\n";
  out += "X-Content-Type-Options: nosniff\r\n";
  if (frame.cross_origin) {
    out += "Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: Agiddi-Height, Agiddi-Transaction, Link, Location, Preference-Applied, Retry-After, WWW-Authenticate\r\n";
  }
  return out;
}

}  // namespace

std::string answer_head(const HttpResponse& response, const AnswerFrame& frame) {
  std::string out = common_head(response.status, response.headers, frame);
  if (response.status != 204) {
    if (!response.content_type.empty()) out += "Content-Type: " + response.content_type + "\r\n";
    out += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  }
  if (!frame.keep_alive) out += "Connection: close\r\n";
  else if (frame.version == 10) out += "Connection: keep-alive\r\n";
  return out + "\r\n";
}

std::string stream_head(const std::vector<NameValue>& headers, const AnswerFrame& frame) {
  std::string out = common_head(200, headers, frame);
  out += "Content-Type: text/event-stream\r\n";
  if (frame.version == 11) out += "Transfer-Encoding: chunked\r\n";
  return out + "Connection: close\r\nX-Accel-Buffering: no\r\n\r\n";
}

std::string websocket_head(std::string_view accept) {
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + std::string(accept) +
         "\r\n\r\n";
}

std::string event_text(const StreamEvent& event) {
  std::string out;
  const auto one_line = [](std::string_view text) { return text.substr(0, text.find_first_of(std::string_view("\r\n\0", 3))); };
  if (!event.comment.empty()) out += ": " + std::string(one_line(event.comment)) + "\n\n";
  if (event.data.empty()) return out;
  if (!event.event.empty()) out += "event: " + std::string(one_line(event.event)) + "\n";
  if (!event.id.empty()) out += "id: " + std::string(one_line(event.id)) + "\n";
  std::string_view rest = event.data;
  out.reserve(out.size() + rest.size() + 16);
  for (;;) {
    // Two searches for one character are many times faster than one for either, and documents without a line break are the rule.
    const std::size_t end = std::min(rest.find('\n'), rest.find('\r'));
    out.append("data: ").append(rest.substr(0, end)) += '\n';
    if (end == std::string_view::npos) break;
    rest.remove_prefix(rest.substr(end, 2) == "\r\n" ? end + 2 : end + 1);
  }
  out += '\n';
  return out;
}

std::string chunk(std::string_view text) {
  std::array<char, 24> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", text.size());
  std::string out = size.data();
  out += text;
  return out + "\r\n";
}

}  // namespace agiddi::node
