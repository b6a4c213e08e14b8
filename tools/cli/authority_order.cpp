#include "tools/cli/authority_order.h"

#include <thread>

#include "tools/cli/command.h"
#include "tools/cli/node_client.h"

namespace agiddi::tools {
namespace {

constexpr auto kOrderPoll = std::chrono::milliseconds(500);

Outcome<std::string> begin_order(NodeClient& authority, const Json& payment) {
  Json body = Json::object({});
  for (const char* name : {"payer", "items", "currency", "total"}) body.set(name, *payment.find(name));
  auto answer = authority.post_json("/v1/orders", body);
  if (!answer) return tl::unexpected(answer.error());
  auto order = text_member(*answer, "order");
  if (!order) return order;
  message("order " + *order + ": pay " + shown(*answer, "total") + " " + shown(*answer, "currency") + " as follows, until " + shown(*answer, "expires") + "\n" + shown(*answer, "pay"));
  return order;
}

}  // namespace

Outcome<std::string> authorized_by(const AuthorityOrder& wanted, const Json& payment) {
  NodeClient authority(wanted.url);
  std::string order = wanted.order;
  if (order.empty()) {
    auto begun = begin_order(authority, payment);
    if (!begun) return begun;
    order = *std::move(begun);
  }
  std::string told;
  const auto end = std::chrono::steady_clock::now() + wanted.patience;
  while (std::chrono::steady_clock::now() < end) {
    auto answer = authority.get_json("/v1/orders/" + order);
    if (!answer) return tl::unexpected(answer.error());
    auto state = text_member(*answer, "state");
    if (!state) return state;
    if (*state == "paid") return text_member(*answer, "authorization");
    if (*state != "waiting" && *state != "seen") return failed("order " + order + " is " + *state + (answer->find("reason") ? ": " + shown(*answer, "reason") : ""));
    const std::string news = *state == "seen" ? "seen, " + shown(*answer, "confirmations") + " confirmations" : *state;
    if (std::exchange(told, news) != news) message("order " + order + ": " + news);
    std::this_thread::sleep_for(kOrderPoll);
  }
  return failed("order " + order + " was not paid within " + std::to_string(wanted.patience.count()) + " minutes; go on later with --order " + order);
}

}  // namespace agiddi::tools
