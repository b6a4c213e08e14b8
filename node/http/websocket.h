// WebSocket (RFC 6455), the server's side of it as far as a stream of measurements needs: the opening handshake, frames we send, frames we
// skip. Pure functions and one small parser; no extensions, no subprotocols.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "node/http/request.h"

namespace agiddi::node {

bool is_websocket_upgrade(const HttpRequest& request);                  // version 13, a key, the right Upgrade and Connection
std::string websocket_accept(std::string_view key);                     // Sec-WebSocket-Accept
std::string websocket_text_frame(std::string_view message);
std::string websocket_ping_frame();
std::string websocket_close_frame(unsigned code);

// Reads what a client sends: pings are answered, a close ends the stream, messages are thrown away. Bounded: a frame has at most 16 KiB.
class WebSocketInput {
 public:
  struct Outcome {
    std::string reply;      // frames to send
    bool closed = false;    // the client closed, or broke the protocol: send the reply, then end
  };
  Outcome feed(std::string_view bytes);

 private:
  std::string pending_;
};

}  // namespace agiddi::node
