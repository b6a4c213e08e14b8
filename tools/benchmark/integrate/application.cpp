#include "tools/benchmark/integrate/application.h"

#include <poll.h>

#include <unordered_set>

#include "protocol/identity.h"
#include "tools/benchmark/data/mqtt_link.h"
#include "tools/cli/node_client.h"
#include "tools/cli/purchase.h"

namespace agiddi::tools {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kPaidKilobytes = "10000";   // more than any repetition uses
constexpr auto kReadingsWithin = std::chrono::seconds(30);

double ms_since(Clock::time_point begin) { return std::chrono::duration<double, std::milli>(Clock::now() - begin).count(); }

}  // namespace

Outcome<void> Application::pay() {
  NodeClient node(node_);
  Json items = Json::array();
  for (const std::string& device : devices_) items.push(Json::object({{"device", device}, {"kilobytes", Json::number(kPaidKilobytes)}}));
  const Json wanted = Json::object({{"items", std::move(items)}});
  auto quote = node.post_json("/v1/quotes", wanted);
  if (!quote) return tl::unexpected(quote.error());
  auto body = payment_body(wanted, *quote, did_from_key(account_.public_key()), "credit", "");
  if (!body) return tl::unexpected(body.error());
  auto paid = node.write("POST", "/v1/payments", "payment.create", account_, *body);
  if (!paid) return tl::unexpected(paid.error());
  auto payment = text_member(*paid, "payment");
  if (!payment) return tl::unexpected(payment.error());
  payment_ = *payment;
  return {};
}

Outcome<IntegrationTimes> Application::integrate() {
  Json devices = Json::array();
  for (const std::string& device : devices_) devices.push(device);
  const Json document = Json::object({{"application", did_from_key(account_.public_key())},
                                      {"payment", payment_},
                                      {"devices", std::move(devices)},
                                      {"delivery", Json::object({{"protocol", "mqtt"}})}});
  NodeClient node(node_);
  if (auto known = node.network(); !known) return tl::unexpected(known.error());   // asked once; not part of the request
  IntegrationTimes times;
  const auto begin = Clock::now();
  auto made = node.write("POST", "/v1/integrations", "integration.create", account_, document);
  if (!made) return tl::unexpected(made.error());
  times.answer_ms = ms_since(begin);
  auto id = text_member(*made, "integration");
  if (!id) return tl::unexpected(id.error());
  integration_ = *id;
  const Json* delivery = made->find("delivery");
  if (!delivery) return failed("an integration came without credentials");
  auto topic = text_member(*delivery, "topic"), username = text_member(*delivery, "username"), password = text_member(*delivery, "password");
  for (const auto* part : {&topic, &username, &password}) {
    if (!*part) return tl::unexpected(part->error());
  }
  auto link = MqttLink::open(broker_port_, "bench-app-" + integration_, {*username, *password});
  if (!link) return tl::unexpected(link.error());
  if (auto done = link->subscribe(*topic, 1); !done) return tl::unexpected(done.error());

  std::unordered_set<std::string> seen;
  while (seen.size() < devices_.size()) {
    pollfd ready{link->descriptor(), POLLIN, 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(begin + kReadingsWithin - Clock::now()).count();
    if (left <= 0 || ::poll(&ready, 1, static_cast<int>(left)) < 0) {
      return failed(std::to_string(devices_.size() - seen.size()) + " of " + std::to_string(devices_.size()) + " devices sent nothing in time");
    }
    const bool open = link->receive([&](const MqttPublish& message) {
      const auto measurement = parse_json(message.payload);
      const Json* device = measurement ? measurement->find("device") : nullptr;
      if (!device || !device->is_string()) return;
      if (seen.empty()) times.first_ms = ms_since(begin);
      if (seen.insert(device->as_string()).second && seen.size() == devices_.size()) times.all_ms = ms_since(begin);
    });
    if (!open || !link->flush()) return failed("the broker closed an application's connection");
  }
  return times;
}

Outcome<void> Application::close() {
  auto closed = NodeClient(node_).write("POST", "/v1/integrations/" + integration_ + "/close", "integration.close", account_, Json::object({{"integration", integration_}}));
  if (!closed) return tl::unexpected(closed.error());
  return {};
}

}  // namespace agiddi::tools
