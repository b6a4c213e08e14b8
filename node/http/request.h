// What a handler gets and what it gives back: plain values, no socket, no vendor type.
//
// Threads: a handler is called on the connection's own io strand and must return at once. It answers through a Responder, which may be
// moved to any thread. Heavy work belongs to the workers' lane.
// Ownership: the request is moved into the handler; a Responder is a shared handle and is answered exactly once. When the last copy goes
// away unanswered, the client gets a 503, so that no path can leave a connection hanging.
// Source: RFC 9110 (semantics), RFC 9112 (HTTP/1.1), WHATWG server-sent events.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agiddi::node {

using NameValue = std::pair<std::string, std::string>;

struct HttpRequest {
  std::string method;                     // "GET"; a HEAD request reaches handlers as GET
  std::string target;                     // as received
  std::string path;                       // target before "?", not decoded
  std::vector<NameValue> path_parameters; // by name in the route's pattern, percent-decoded
  std::vector<NameValue> query;           // form-decoded, in order
  std::vector<NameValue> headers;         // names in lower case, in order
  std::string body;
  std::string remote;                     // address of the client, for logs
  bool upgrade_websocket = false;         // a valid WebSocket opening handshake: Responder::stream speaks WebSocket then

  std::string_view parameter(std::string_view name) const;                        // "" when there is none
  std::optional<std::string_view> query_value(std::string_view name) const;       // the first
  std::size_t query_count(std::string_view name) const;
  std::optional<std::string_view> header(std::string_view lower_case_name) const; // the first
  std::string header_list(std::string_view lower_case_name) const;                // all values joined by ", "
};

struct HttpResponse {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<NameValue> headers;         // without Content-Type, Content-Length and Connection

  HttpResponse& with(std::string name, std::string value);
};

// One event of a standing stream. Over SSE: "event:", "id:" and "data:" lines; over WebSocket: the data as one text message.
struct StreamEvent {
  std::string event;                      // "" = "message"
  std::string id;                         // "" = none
  std::string data;                       // one or more lines; empty: no event, only the comment
  std::string comment;                    // SSE: a line that clients skip; not sent over WebSocket
};

// Streams that share a bound: what they hold together. Thread-safe.
struct StreamGroup {
  std::atomic<std::size_t> unsent_bytes{0};   // of events that were sent and are not yet written to their clients
};

// A standing stream. Thread-safe. The queue towards the client is bounded: a client that does not keep up is cut off.
class EventStream {
 public:
  virtual ~EventStream() = default;
  virtual bool send(StreamEvent event) = 0;              // false: the stream is closed, nothing more will be taken
  virtual std::size_t room() const = 0;                  // events (of up to 64 KiB) that it takes now; 0 when closed
  virtual void close() = 0;                              // after what is queued has been written
  virtual std::size_t unsent_bytes() const = 0;          // of what was sent and is not yet written to the client
  // Its bytes count in the group from now on, and its connection no longer among the server's connections_max: the group has a bound of its own. Once.
  virtual void join(std::shared_ptr<StreamGroup> group) = 0;
  virtual void on_closed(std::function<void()> call) = 0;// called once, at once when it is closed already; must not block
};

// Where an answer goes; implemented by the connection and by tests. Each is called at most once, one of them.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  virtual void respond(HttpResponse response) = 0;
  virtual std::shared_ptr<EventStream> open_stream(std::vector<NameValue> headers) = 0;
  // Calls back, once, when the client goes away before it is answered. Any thread; must not block.
  virtual void on_abandoned(std::function<void()> /*call*/) {}
};

class Responder {
 public:
  explicit Responder(std::shared_ptr<ResponseSink> sink);
  void send(HttpResponse response) const;                // later calls do nothing
  std::shared_ptr<EventStream> stream(std::vector<NameValue> headers = {}) const;  // nullptr when already answered
  bool answered() const;
  // For what takes long and nobody else wants: a client that closes its side of the connection before it has its answer is taken to be gone.
  void on_abandoned(std::function<void()> call) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

using Handler = std::function<void(HttpRequest, Responder)>;

}  // namespace agiddi::node
