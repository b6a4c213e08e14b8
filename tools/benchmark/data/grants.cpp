#include "tools/benchmark/data/grants.h"

#include <poll.h>

#include <algorithm>
#include <chrono>

#include "tools/benchmark/data/bench_broker.h"

namespace agiddi::tools {
namespace {

using GrantsClock = std::chrono::steady_clock;

constexpr std::size_t kBatch = 200;
constexpr std::size_t kOnWayMax = 8;              // batches
constexpr int kAnswerWait_ms = 10'000;
constexpr const char* kControlTopic = "$CONTROL/agiddi/v1";
constexpr const char* kPassword = "password-0123456789abcdef";

std::string user(std::size_t i) { return "i-user-" + std::to_string(i); }
std::string granted_topic(std::size_t i) { return "in/topic-" + std::to_string(i); }

class Control {
 public:
  explicit Control(MqttLink link) : link_(std::move(link)) {}

  bool send(const Json& commands) {
    ++asked_;
    link_.publish(kControlTopic, commands.dump(), 1);
    return link_.flush();
  }
  // Until no more than so many messages are unanswered; false when an answer is no good or does not come.
  bool wait(std::size_t unanswered) {
    while (asked_ - answered_ > unanswered) {
      pollfd ready{link_.descriptor(), static_cast<short>(link_.unsent() > 0 ? POLLIN | POLLOUT : POLLIN), 0};
      if (::poll(&ready, 1, kAnswerWait_ms) <= 0) return false;
      bool good = true;
      const bool open = link_.receive([&](const MqttPublish& answer) {
        if (!answer.topic.ends_with("/response")) return;
        ++answered_;
        good = good && answer.payload.find("\"ok\":false") == std::string_view::npos;
      });
      if (!open || !link_.flush() || !good) return false;
    }
    return true;
  }

 private:
  MqttLink link_;
  std::uint64_t asked_ = 0, answered_ = 0;
};

}  // namespace

Outcome<GrantFigures> measure_grants(std::size_t grants, std::size_t revocations) {
  auto broker = BenchBroker::start(true);
  if (!broker) return tl::unexpected(broker.error());
  auto link = MqttLink::open((*broker)->port(), "bench-node", (*broker)->node_account());
  if (!link) return tl::unexpected(link.error());
  Control control(std::move(*link));
  GrantFigures figures;
  figures.grants = grants;
  const auto expires = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count() + 3'600'000;
  std::vector<Json> batches;
  for (std::size_t from = 0; from < grants; from += kBatch) {
    Json batch = Json::array();
    for (std::size_t i = from; i < std::min(grants, from + kBatch); ++i) {
      batch.push(Json::object({{"command", "grant"},
                               {"username", user(i)},
                               {"password", kPassword},
                               {"publish", Json::array({granted_topic(i)})},
                               {"subscribe", Json::array()},
                               {"expires", std::int64_t{expires}}}));
    }
    batches.push_back(std::move(batch));
  }
  const auto begin = GrantsClock::now();
  for (const Json& batch : batches) {
    if (!control.send(batch) || !control.wait(kOnWayMax)) return failed("the broker does not take grants");
  }
  if (!control.wait(0)) return failed("the broker does not take grants");
  figures.grants_per_s = static_cast<double>(grants) / std::chrono::duration<double>(GrantsClock::now() - begin).count();

  for (std::size_t k = 0; k < std::min(revocations, grants); ++k) {
    const std::size_t i = k * (grants / std::min(revocations, grants));
    auto client = MqttLink::open((*broker)->port(), "bench-client-" + std::to_string(i), {user(i), kPassword});
    if (!client) return tl::unexpected(client.error());
    const auto asked = GrantsClock::now();
    if (!control.send(Json::array({Json::object({{"command", "revoke"}, {"username", user(i)}})}))) return failed("the broker does not take a revocation");
    for (bool open = true; open;) {
      pollfd ready{client->descriptor(), POLLIN, 0};
      if (::poll(&ready, 1, kAnswerWait_ms) <= 0) return failed("a revoked client's connection stays open");
      open = client->receive([](const MqttPublish&) {});
    }
    figures.revoked_ms.push_back(std::chrono::duration<double, std::milli>(GrantsClock::now() - asked).count());
    if (!control.wait(0)) return failed("the broker refuses a revocation");
  }
  return figures;
}

}  // namespace agiddi::tools
