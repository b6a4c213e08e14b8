#include "tools/benchmark/http_load.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <memory>
#include <optional>

namespace agiddi::tools {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kRead_bytes = 32 * 1024;
constexpr auto kReconnectPause = std::chrono::milliseconds(20);
constexpr std::size_t kAnswerMax_bytes = 8 * 1024 * 1024;

struct Head {
  int status = 0;
  std::size_t length = 0, body_at = 0;
  bool retry_after = false, close = false;
};

bool has_prefix(std::string_view line, std::string_view lower_case) {
  if (line.size() < lower_case.size()) return false;
  for (std::size_t i = 0; i < lower_case.size(); ++i) {
    const char c = line[i] >= 'A' && line[i] <= 'Z' ? static_cast<char>(line[i] + 32) : line[i];
    if (c != lower_case[i]) return false;
  }
  return true;
}

// Nothing while the head is not complete.
std::optional<Head> parse_head(std::string_view text) {
  const std::size_t end = text.find("\r\n\r\n");
  if (end == std::string_view::npos || text.size() < 12) return std::nullopt;
  Head head;
  head.body_at = end + 4;
  std::from_chars(text.data() + 9, text.data() + 12, head.status);
  for (std::size_t at = text.find("\r\n") + 2; at < end + 2;) {
    const std::size_t stop = text.find("\r\n", at);
    const std::string_view line = text.substr(at, stop - at);
    if (has_prefix(line, "content-length: ")) std::from_chars(line.data() + 16, line.data() + line.size(), head.length);
    if (has_prefix(line, "retry-after:")) head.retry_after = true;
    if (has_prefix(line, "connection: close")) head.close = true;
    at = stop + 2;
  }
  return head;
}

struct Run {
  asio::io_context io{1};
  const LoadPlan& plan;
  LoadResult result;
  Clock::time_point begin = Clock::now(), end = begin + plan.duration, last = begin;
  std::uint64_t next = 0;

  explicit Run(const LoadPlan& wanted) : plan(wanted) {}

  // When the next request is due; nothing when the time is over.
  std::optional<Clock::time_point> take_turn() {
    if (plan.stop && plan.stop()) return std::nullopt;
    if (plan.rate <= 0) return Clock::now() < end ? std::optional(Clock::now()) : std::nullopt;
    const auto due = begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(static_cast<double>(next) / plan.rate));
    if (due >= end || Clock::now() >= end) return std::nullopt;
    ++next;
    return due;
  }
  void count(int status, Clock::time_point due, bool retry_after) {
    last = Clock::now();
    ++result.statuses[status];
    if ((status == 429 || status == 503) && !retry_after) ++result.without_retry_after;
    if (status < 200 || status >= 300) return;
    result.latencies_ms.push_back(std::chrono::duration<double, std::milli>(last - due).count());
    const auto second = static_cast<std::size_t>(std::chrono::duration_cast<std::chrono::seconds>(last - begin).count());
    if (result.done_by_second.size() <= second) result.done_by_second.resize(second + 1);
    ++result.done_by_second[second];
  }
};

class Client : public std::enable_shared_from_this<Client> {
 public:
  Client(Run& run, LoadTarget target) : run_(run), target_(std::move(target)), socket_(run.io), timer_(run.io) {}

  void turn() {
    const auto due = run_.take_turn();
    if (!due) return;
    due_ = *due;
    if (due_ <= Clock::now()) return send();
    timer_.expires_at(due_);
    timer_.async_wait([self = shared_from_this()](error_code) { self->send(); });
  }

 private:
  void send() {
    request_ = run_.plan.request();
    if (socket_.is_open()) return write();
    socket_.async_connect({asio::ip::make_address(target_.host), target_.port}, [self = shared_from_this()](error_code failure) {
      if (failure) return self->broken();
      self->socket_.set_option(tcp::no_delay(true));
      self->write();
    });
  }
  void write() {
    asio::async_write(socket_, asio::buffer(request_), [self = shared_from_this()](error_code failure, std::size_t) {
      if (failure) return self->broken();
      self->answer_.clear();
      self->read();
    });
  }
  void read() {
    const std::size_t old = answer_.size();
    answer_.resize(old + kRead_bytes);
    socket_.async_read_some(asio::buffer(answer_.data() + old, kRead_bytes), [self = shared_from_this(), old](error_code failure, std::size_t size) {
      self->answer_.resize(old + size);
      if (failure || self->answer_.size() > kAnswerMax_bytes) return self->broken();
      const auto head = parse_head(self->answer_);
      if (!head || self->answer_.size() < head->body_at + head->length) return self->read();
      self->run_.count(head->status, self->due_, head->retry_after);
      if (self->run_.plan.answered && head->status >= 200 && head->status < 300)
        self->run_.plan.answered(std::string_view(self->answer_).substr(head->body_at));
      if (head->close) self->close();
      self->turn();
    });
  }
  void broken() {
    run_.count(0, due_, false);
    close();
    timer_.expires_after(kReconnectPause);
    timer_.async_wait([self = shared_from_this()](error_code) { self->turn(); });
  }
  void close() {
    error_code ignored;
    socket_.close(ignored);
  }

  Run& run_;
  LoadTarget target_;
  tcp::socket socket_;
  asio::steady_timer timer_;
  Clock::time_point due_;
  std::string request_, answer_;
};

}  // namespace

std::uint64_t LoadResult::done() const { return latencies_ms.size(); }

LoadResult run_load(const LoadPlan& plan) {
  Run run(plan);
  for (std::size_t i = 0; i < plan.clients; ++i) {
    std::make_shared<Client>(run, plan.targets[i % plan.targets.size()])->turn();
  }
  run.io.run();
  run.result.seconds = std::chrono::duration<double>(run.last - run.begin).count();
  return std::move(run.result);
}

}  // namespace agiddi::tools
