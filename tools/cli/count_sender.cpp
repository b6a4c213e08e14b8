#include "tools/cli/count_sender.h"

#include "tools/cli/command.h"
#include "tools/cli/follow.h"
#include "tools/cli/node_client.h"

namespace agiddi::tools {
namespace {

constexpr int kCall_ms = 6'000;
constexpr auto kLook = std::chrono::milliseconds(50);
constexpr auto kAfterFailure = std::chrono::seconds(1);
constexpr auto kLastWithin = std::chrono::seconds(8);       // the node waits ten

}  // namespace

CountSender::CountSender(const KeyPair& key, std::string integration, std::vector<std::string> nodes, std::chrono::seconds every)
    : key_(key), integration_(std::move(integration)), nodes_(std::move(nodes)), count_(every) {}

CountSender::~CountSender() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

Outcome<Json> CountSender::record() {
  Outcome<Json> answer = failed("no node answers");
  for (const std::string& url : nodes_) {
    answer = NodeClient(url, kCall_ms).get_json("/v1/integrations/" + integration_);
    if (answer) break;
  }
  return answer;
}

Outcome<void> CountSender::begin() {
  auto now = record();
  if (!now) return tl::unexpected(now.error());
  {
    const std::lock_guard lock(mutex_);
    count_.begin(*now);
  }
  if (auto sent = send(); !sent) return sent;
  thread_ = std::thread([this] { run(); });
  return {};
}

void CountSender::add(const std::string& device) {
  const std::lock_guard lock(mutex_);
  count_.add(device);
}

std::uint64_t CountSender::counted() {
  const std::lock_guard lock(mutex_);
  return count_.total();
}

Outcome<void> CountSender::send() {
  Json body;
  {
    const std::lock_guard lock(mutex_);
    body = count_.body(integration_, OwnCount::Clock::now());
  }
  if (body.is_null()) return {};
  Outcome<Json> answer = failed("no node answers");
  for (const std::string& url : nodes_) {
    answer = NodeClient(url, kCall_ms).write("POST", "/v1/integrations/" + integration_ + "/counts", "usage.count", key_, body);
    if (answer || !may_pass(answer.error())) break;
  }
  if (answer) {
    const std::lock_guard lock(mutex_);
    count_.taken(*answer);
    return {};
  }
  // A device has ended meanwhile, or an answer was lost and the count was taken: the record tells.
  if (shown(answer.error().problem, "status") == "409") {
    if (auto now = record()) {
      const std::lock_guard lock(mutex_);
      count_.refresh(*now);
    }
  }
  return tl::unexpected(answer.error());
}

void CountSender::run() {
  auto not_before = OwnCount::Clock::now();
  while (!stop_) {
    std::this_thread::sleep_for(kLook);
    const auto now = OwnCount::Clock::now();
    bool due = false;
    {
      const std::lock_guard lock(mutex_);
      due = count_.due(now);
    }
    if (due && now >= not_before && !send()) not_before = OwnCount::Clock::now() + kAfterFailure;
  }
}

void CountSender::finish() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  const auto complete = [this] {
    const std::lock_guard lock(mutex_);
    return count_.complete();
  };
  Outcome<void> last{};
  for (const auto until = OwnCount::Clock::now() + kLastWithin; !complete() && OwnCount::Clock::now() < until;) {
    last = send();
    if (!last && !complete()) std::this_thread::sleep_for(kAfterFailure);
  }
  if (!complete()) message("agiddi: the last count was not taken: " + (last ? std::string("no time was left") : detail_of(last.error())));
}

}  // namespace agiddi::tools
