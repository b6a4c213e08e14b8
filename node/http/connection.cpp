#include "node/http/connection.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "node/http/event_queue.h"
#include "node/http/problem.h"
#include "node/http/request_head.h"
#include "node/http/uri.h"
#include "node/http/websocket.h"
#include "node/http/wire.h"

namespace agiddi::node {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Clock = std::chrono::steady_clock;
using boost::system::error_code;

constexpr std::size_t kBufferMax_bytes = 96 * 1024;
constexpr std::size_t kReadChunk_bytes = 16 * 1024;
constexpr std::size_t kWriteChunk_bytes = 256 * 1024;
constexpr std::size_t kDrainMax_bytes = 64 * 1024 * 1024;   // of a body that was refused, so that the client gets to read why
constexpr auto kDrainMax = std::chrono::seconds(5);
constexpr auto kLookForClient = std::chrono::milliseconds(250);
constexpr std::size_t kStreamInputMax_bytes = 1024 * 1024;  // a client has next to nothing to say on a stream

enum class Phase { complete, gone, broken };   // of reading: there it is; the client went away or was too slow; refuse with an error

class HttpConnection final : public Connection, public ResponseSink, public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(std::unique_ptr<ByteStream> stream, std::shared_ptr<ServerShared> shared, std::function<void()> ended)
      : shared_(std::move(shared)),
        limits_(shared_->limits),
        ended_(std::move(ended)),
        stream_(std::move(stream)),
        executor_(stream_->executor()),
        buffer_(kBufferMax_bytes),
        wake_(executor_) {}
  ~HttpConnection() override {
    if (grouped_) shared_->grouped.fetch_sub(1);
    shared_->connections.fetch_sub(1);
  }

  void start() override {
    asio::co_spawn(executor_, [self = shared_from_this()]() { return self->run(); },
                   [self = shared_from_this()](const std::exception_ptr&) {
                     if (self->events_) self->events_->finish();
                     self->stream_->close();
                     self->ended_();
                   });
  }

  void stop() override {
    asio::post(executor_, [self = shared_from_this()] {
      self->stopping_ = true;
      if (self->idle_) self->stream_->close();
      if (self->events_) self->events_->close();
    });
  }

  void abort() override {
    asio::post(executor_, [self = shared_from_this()] {
      self->stopping_ = self->aborted_ = true;
      if (self->events_) self->events_->unpark();
      self->stream_->close();
      self->wake_.cancel();
    });
  }

  void respond(HttpResponse response) override {
    asio::post(executor_, [self = shared_from_this(), response = std::move(response)]() mutable {
      self->answer_ = std::move(response);
      self->wake_.cancel();
    });
  }

  void on_abandoned(std::function<void()> call) override {
    asio::post(executor_, [self = shared_from_this(), call = std::move(call)]() mutable {
      if (self->answer_ || self->events_) return;
      self->abandoned_ = std::move(call);
      self->wake_.cancel();
    });
  }

  std::shared_ptr<EventStream> open_stream(std::vector<NameValue> headers) override {
    auto queue = std::make_shared<EventQueue>(limits_.stream_queue_max_events, limits_.stream_queue_max_bytes, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self) asio::post(self->executor_, [self] { self->wake_.cancel(); });
    }, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && !self->grouped_.exchange(true)) self->shared_->grouped.fetch_add(1);
    });
    asio::post(executor_, [self = shared_from_this(), queue, headers = std::move(headers)]() mutable {
      self->events_ = queue;
      self->stream_headers_ = std::move(headers);
      if (self->stopping_) queue->close();
      self->wake_.cancel();
    });
    return queue;
  }

 private:
  asio::awaitable<void> run() {
    stream_->expires_after(limits_.header_max);
    if (!co_await stream_->handshake()) co_return;
    bool more = true;
    while (more && !stopping_) more = co_await serve_one();
    if (!aborted_) co_await stream_->close_gently();
  }

  // One request and its answer; false when the connection ends with it.
  asio::awaitable<bool> serve_one() {
    skip_empty_lines();
    while (buffer_.size() == 0) {
      idle_ = true;
      stream_->expires_after(limits_.idle_max);
      const bool arrived = co_await read_more();
      idle_ = false;
      if (!arrived) co_return false;
      skip_empty_lines();
    }
    begin_ = Clock::now();
    route_.clear();
    method_ = "other";
    frame_ = AnswerFrame{};
    answer_.reset();

    HeadParser parser;
    parser.header_limit(static_cast<std::uint32_t>(limits_.header_max_bytes + limits_.target_max_bytes));
    parser.body_limit(limits_.body_max_bytes);
    stream_->expires_after(limits_.header_max);
    const Phase head = co_await parse(parser, true);
    if (head != Phase::complete) co_return co_await refuse_broken(head, parser);

    HttpRequest request;
    if (const auto error = read_head(parser, limits_, request)) {
      HttpResponse refusal = problem(*error);
      co_return co_await refuse(std::move(refusal));
    }
    frame_.version = parser.get().version();
    frame_.keep_alive = parser.keep_alive();
    frame_.head_request = request.method == "HEAD";
    frame_.cross_origin = request.header("origin").has_value();
    method_ = known_method(request.method);
    request.remote = stream_->remote();
    request.upgrade_websocket = is_websocket_upgrade(request);
    const bool has_body = !parser.is_done();
    if (auto early = shared_->router.refuse_early(request, &route_); early && has_body) co_return co_await refuse(std::move(*early));

    if (has_body && request.header("expect")) {
      if (lower_case(*request.header("expect")) != "100-continue") {
        HttpResponse refusal = problem(Error{static_cast<Status>(417), "The only expectation that this server meets is 100-continue.", {}});
        co_return co_await refuse(std::move(refusal));
      }
      if (frame_.version == 11 && !co_await write_all("HTTP/1.1 100 Continue\r\n\r\n")) co_return false;
    }
    stream_->expires_after(limits_.body_max);
    const Phase body = co_await parse(parser, false);
    if (body != Phase::complete) co_return co_await refuse_broken(body, parser);
    request.body = std::move(parser.get().body());

    const std::string websocket_key = request.upgrade_websocket ? std::string(*request.header("sec-websocket-key")) : std::string();
    stream_->expires_never();
    shared_->router.dispatch(std::move(request), Responder(shared_from_this()));
    while (!answer_ && !events_ && !aborted_) {
      // Somebody who cannot be answered should not be worked for.
      if (abandoned_ && stream_->hung_up()) std::exchange(abandoned_, nullptr)();
      co_await wait_for_wake(abandoned_ ? Clock::now() + kLookForClient : Clock::time_point::max());
    }
    abandoned_ = nullptr;
    if (aborted_) co_return false;
    if (events_) {
      count_request(websocket_key.empty() ? 200 : 101);
      co_await run_stream(websocket_key);
      events_->finish();
      co_return false;
    }
    if (stopping_) frame_.keep_alive = false;
    co_return co_await write_answer(std::move(*answer_)) && frame_.keep_alive;
  }

  // Before a request line (RFC 9112 section 2.2).
  void skip_empty_lines() {
    const std::string_view waiting(static_cast<const char*>(buffer_.data().data()), buffer_.size());
    buffer_.consume(std::min(waiting.find_first_not_of("\r\n"), waiting.size()));
  }

  asio::awaitable<bool> read_more() {
    const std::size_t room = std::min(kReadChunk_bytes, buffer_.max_size() - buffer_.size());
    if (room == 0) co_return false;
    const auto space = buffer_.prepare(room);
    const std::size_t count = co_await stream_->read_some(static_cast<char*>(space.data()), space.size());
    buffer_.commit(count);
    co_return count > 0;
  }

  // Feeds the parser until the header (or the whole message) is there.
  asio::awaitable<Phase> parse(HeadParser& parser, bool header_only) {
    parser.eager(!header_only);
    while (header_only ? !parser.is_header_done() : !parser.is_done()) {
      if (buffer_.size() > 0) {
        error_code error;
        const std::size_t used = parser.put(buffer_.data(), error);
        buffer_.consume(used);
        if (error && error != http::error::need_more) {
          parse_error_ = error;
          co_return Phase::broken;
        }
        if (!error && used > 0) continue;
        if (buffer_.size() == buffer_.max_size()) {
          parse_error_ = http::error::header_limit;
          co_return Phase::broken;
        }
      }
      if (!co_await read_more()) co_return Phase::gone;
    }
    co_return Phase::complete;
  }

  // Sleeps until wake_ is cancelled or the time has come.
  asio::awaitable<void> wait_for_wake(Clock::time_point until) {
    wake_.expires_at(until);
    co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
  }

  asio::awaitable<bool> write_all(std::string_view text) {
    text.remove_prefix(stream_->write_now(text));   // nearly always all of it: no timer, no turn of the reactor
    while (!text.empty()) {
      stream_->expires_after(limits_.write_max);
      const std::string_view part = text.substr(0, kWriteChunk_bytes);
      if (!co_await stream_->write(part)) co_return false;
      text.remove_prefix(part.size());
    }
    co_return true;
  }

  asio::awaitable<bool> write_answer(HttpResponse response) {
    count_request(response.status);
    std::string head = answer_head(response, frame_);
    if (frame_.head_request || response.status == 204) response.body.clear();
    if (response.body.size() <= kReadChunk_bytes) {
      head += response.body;
      co_return co_await write_all(head);
    }
    if (!co_await write_all(head)) co_return false;
    co_return co_await write_all(response.body);
  }

  // An answer given before the body was read: the connection cannot go on, but the client must be able to read the answer, so what it still
  // sends is thrown away for a while.
  asio::awaitable<bool> refuse(HttpResponse response) {
    frame_.keep_alive = false;
    if (!co_await write_answer(std::move(response))) co_return false;
    stream_->shutdown_send();
    stream_->expires_after(kDrainMax);
    std::size_t drained = 0;
    while (drained < kDrainMax_bytes) {
      buffer_.clear();
      if (!co_await read_more()) break;
      drained += buffer_.size();
    }
    co_return false;
  }

  asio::awaitable<bool> refuse_broken(Phase phase, const HeadParser& parser) {
    if (phase == Phase::gone) co_return false;
    HttpResponse refusal = why_broken(parser);
    co_return co_await refuse(std::move(refusal));
  }

  // Not inside the coroutines: g++ 12 destroys temporaries of a co_await expression twice when an aggregate is among them.
  HttpResponse why_broken(const HeadParser& parser) const {
    if (parse_error_ == http::error::body_limit) {
      return problem(Status::too_large, "A body has at most " + std::to_string(limits_.body_max_bytes) + " bytes.");
    }
    if (parse_error_ == http::error::header_limit) {
      const bool in_target = parser.get().target().empty();
      return problem(Error{static_cast<Status>(in_target ? 414 : 431), in_target ? "The request line is too long." : "The header of the request is too long.", {}});
    }
    return problem(Status::bad_request, "This is not a well-formed HTTP/1.1 request.");
  }

  // Server-sent events, or WebSocket when there is a key.
  asio::awaitable<void> run_stream(std::string websocket_key) {
    const bool websocket = !websocket_key.empty(), chunked = !websocket && frame_.version == 11;
    const std::string head = websocket ? websocket_head(websocket_accept(websocket_key)) : stream_head(stream_headers_, frame_);
    if (!co_await write_all(head) || frame_.head_request) co_return;
    stream_->expires_never();
    // No request comes any more, and thousands of clients may stay for days.
    buffer_.clear();
    buffer_.shrink_to_fit();
    asio::co_spawn(executor_, [self = shared_from_this(), websocket]() { return self->watch_client(websocket); }, asio::detached);
    const auto wrap = [chunked](std::string text) { return chunked ? chunk(text) : text; };
    const auto encode = [websocket](const StreamEvent& event) {
      if (!websocket) return event_text(event);
      return event.data.empty() ? std::string() : websocket_text_frame(event.data);
    };
    const EventQueue::Writer writer{[&](const StreamEvent& event) {
                                      std::string text = encode(event);
                                      return text.empty() ? text : wrap(std::move(text));   // an empty chunk would be the last one
                                    },
                                    [this](std::string_view text) { return stream_->write_now(text); }};
    const std::shared_ptr<void> unparked(nullptr, [this](void*) { events_->unpark(); });    // before the writer goes, however this ends
    std::vector<StreamEvent> events;
    std::string text;
    Clock::time_point quiet_since = Clock::now();
    for (;;) {
      const EventQueue::State state = events_->take(text, events);
      quiet_since = std::max(quiet_since, events_->written_at());
      if (state == EventQueue::State::cut || aborted_) co_return;
      std::string more;
      for (const StreamEvent& event : events) more += encode(event);
      if (!more.empty()) text += wrap(std::move(more));
      text += std::exchange(reply_, {});
      if (text.empty() && Clock::now() - quiet_since >= limits_.heartbeat) text = websocket ? websocket_ping_frame() : wrap(":\n\n");
      if (!text.empty()) {
        quiet_since = Clock::now();
        if (!co_await write_all(text)) co_return;
        stream_->expires_never();
        if (!client_gone_) continue;
      }
      if (client_gone_) co_return;
      if (state == EventQueue::State::draining) {
        const std::string last = websocket ? websocket_close_frame(1000) : chunked ? "0\r\n\r\n" : "";
        co_await write_all(last);
        co_return;
      }
      if (stream_->writes_now() && !events_->park(writer)) continue;
      co_await wait_for_wake(quiet_since + limits_.heartbeat);
    }
  }

  // While a stream runs, the only news from the client is that it has gone, and WebSocket's control frames.
  asio::awaitable<void> watch_client(bool websocket) {
    const auto self = shared_from_this();
    WebSocketInput input;
    std::array<char, 1024> bytes;
    std::size_t total = 0;
    while (total < kStreamInputMax_bytes && !client_gone_) {
      const std::size_t count = co_await stream_->read_some(bytes.data(), bytes.size());
      if (count == 0) break;
      total += count;
      if (!websocket) continue;
      auto outcome = input.feed({bytes.data(), count});
      reply_ += outcome.reply;
      client_gone_ = outcome.closed;
      wake_.cancel();
    }
    client_gone_ = true;
    wake_.cancel();
  }

  static std::string known_method(const std::string& method) {
    for (const char* known : {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"}) {
      if (method == known) return known;
    }
    return "other";
  }

  void count_request(unsigned status) {
    const std::string route = route_.empty() ? "unmatched" : route_;
    shared_->metrics.counter("agiddi_http_requests_total", "HTTP requests answered.",
                             {{"route", route}, {"method", method_}, {"status", std::to_string(status)}}).add();
    shared_->metrics.histogram("agiddi_http_request_seconds", "Time from a request's first byte to its answer.", {{"route", route}})
        .observe_us(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin_).count());
  }

  const std::shared_ptr<ServerShared> shared_;
  const HttpLimits& limits_;
  const std::function<void()> ended_;
  const std::unique_ptr<ByteStream> stream_;
  const asio::any_io_executor executor_;
  beast::flat_buffer buffer_;
  asio::steady_timer wake_;           // cancelled when there is an answer, an event, or news from the client
  Clock::time_point begin_;           // of the request under way, as are the next ones
  std::string route_, method_;
  AnswerFrame frame_;
  error_code parse_error_;
  std::optional<HttpResponse> answer_;
  std::function<void()> abandoned_;   // who wants to know that the client went away before it was answered
  std::shared_ptr<EventQueue> events_;
  std::vector<NameValue> stream_headers_;
  std::string reply_;                 // control frames to send
  bool idle_ = false, stopping_ = false, aborted_ = false, client_gone_ = false;
  std::atomic<bool> grouped_{false};
};

}  // namespace

std::shared_ptr<Connection> make_connection(std::unique_ptr<ByteStream> stream, std::shared_ptr<ServerShared> shared, std::function<void()> ended) {
  shared->connections.fetch_add(1);
  return std::make_shared<HttpConnection>(std::move(stream), std::move(shared), std::move(ended));
}

}  // namespace agiddi::node
