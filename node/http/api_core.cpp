#include "node/http/api_core.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include "protocol/transaction.h"

namespace agiddi::node {
namespace {

constexpr std::size_t kQueryThreads = 2, kSearchThreads = 2;
constexpr std::size_t kQueryQueue = 128, kStandingQueue = 16;
constexpr int kStandingNiceness = 10;          // who watches waits for the ledger, never the other way round
constexpr std::size_t kWritesMax = 256;        // from the door to the block
constexpr std::chrono::milliseconds kPoll{20};

}  // namespace

ApiCore::ApiCore(ApiContext context, boost::asio::io_context& io)
    : context_(context), io_(io), executor_(context.chain.genesis()), fresh_jtis_(context.notes), queries_("queries", kQueryQueue, kQueryThreads),
      searches_("searches", kQueryQueue, kSearchThreads), standing_("standing", kStandingQueue, 1, {}, kStandingNiceness) {}

void ApiCore::stop() {
  stopping_.cancel();
  for (Lane* lane : {&queries_, &searches_, &standing_}) lane->stop();
}

void ApiCore::run(Lane& lane, const Responder& responder, std::function<void()> work) {
  if (!lane.post(std::move(work))) responder.send(problem(Status::overloaded, "This node is overloaded; try again shortly or ask another node."));
}

void ApiCore::run(Lane& lane, const Responder& responder, std::function<void(ontology::sparql::CancelToken&)> work) {
  const auto token = std::make_shared<ontology::sparql::CancelToken>(&stopping_);
  responder.on_abandoned([weak = std::weak_ptr(token)] {
    if (const auto alive = weak.lock()) alive->cancel();
  });
  run(lane, responder, [token, responder, work = std::move(work)] {
    if (token->cancelled()) return responder.send(problem(Status::unavailable, "The client went away before its turn came."));
    work(*token);
  });
}

std::function<void()> ApiCore::after(std::chrono::milliseconds time, std::function<void()> call) {
  auto timer = std::make_shared<boost::asio::steady_timer>(boost::asio::make_strand(io_));
  boost::asio::post(timer->get_executor(), [timer, time, call = std::move(call)]() mutable {
    timer->expires_after(time);
    timer->async_wait([timer, call = std::move(call)](boost::system::error_code cancelled) {
      if (!cancelled) call();
    });
  });
  return [timer] { boost::asio::post(timer->get_executor(), [timer] { timer->expires_at(SteadyClock::time_point::min()); }); };
}

std::shared_ptr<void> ApiCore::write_place() {
  if (writes_->fetch_add(1) >= kWritesMax) {
    writes_->fetch_sub(1);
    return nullptr;
  }
  return {static_cast<void*>(writes_.get()), [writes = writes_](void*) { writes->fetch_sub(1); }};
}

bool ApiCore::finishes(const Hash& transaction) {
  const std::lock_guard lock(finishing_mutex_);
  return finishing_.insert(transaction).second;
}

void ApiCore::finished(const Hash& transaction) {
  const std::lock_guard lock(finishing_mutex_);
  finishing_.erase(transaction);
}

void ApiCore::read(Responder responder, Read read) {
  read_until(std::move(responder), std::move(read), SteadyClock::now() + catch_up(), Status::not_found);
}

void ApiCore::read_device(Responder responder, const std::string& urn, Read read) {
  const auto wait = device_from_urn(urn) ? catch_up() : std::chrono::milliseconds(0);
  read_until(std::move(responder), std::move(read), SteadyClock::now() + wait, Status::not_found);
}

void ApiCore::read_until(Responder responder, Read read, SteadyClock::time_point deadline, Status retry) {
  run(workers(), responder, [self = shared_from_this(), responder, read = std::move(read), deadline, retry]() mutable {
    const auto snapshot = self->chain().snapshot();
    auto answer = read(*snapshot);
    if (answer) return responder.send(std::move(*answer));
    if (answer.error().status != retry || SteadyClock::now() >= deadline) return responder.send(problem(answer.error()));
    self->after(kPoll, [self, responder, read = std::move(read), deadline, retry]() mutable {
      self->read_until(std::move(responder), std::move(read), deadline, retry);
    });
  });
}

std::optional<std::uint64_t> parse_count(std::string_view digits) {
  if (digits.empty() || digits.size() > 18 || (digits[0] == '0' && digits.size() > 1)) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

}  // namespace agiddi::node
