#include <chrono>
#include <cstdio>

#include "tools/cli/follow.h"
#include "tools/cli/node_client.h"
#include "tools/cli/program.h"

namespace agiddi::tools {
namespace {

struct Options {
  std::string node, key, payment, protocol = "mqtt", unit, member;
  std::vector<std::string> devices;
  bool follow = false;
};

constexpr auto kUnreachableMax = std::chrono::seconds(30);

// Every device of the payment.
Outcome<Json> paid_devices(NodeClient& node, const std::string& payment) {
  auto record = node.get_json("/v1/payments/" + payment);
  if (!record) return record;
  Json devices = Json::array();
  const Json* items = record->find("items");
  if (!items || !items->is_array()) return failed("the node's record of the payment has no items");
  for (const Json& item : items->items()) {
    const Json* device = item.find("device");
    if (device) devices.push(*device);
  }
  return devices;
}

void print_line(const std::string& line) {
  std::fputs((line + "\n").c_str(), stdout);
  std::fflush(stdout);
}

// Whether the integration is over, as the node says. It may be silent for a while (a restart), not for long.
std::function<Outcome<bool>()> end_probe(NodeClient& node, const std::string& integration) {
  auto heard = std::make_shared<std::chrono::steady_clock::time_point>(std::chrono::steady_clock::now());
  return [&node, integration, heard]() -> Outcome<bool> {
    const auto now = std::chrono::steady_clock::now();
    auto answer = node.get_json("/v1/integrations/" + integration);
    if (!answer && now - *heard > kUnreachableMax) return tl::unexpected(answer.error());
    if (!answer) return false;
    *heard = now;
    const Json* state = answer->find("state");
    return state && state->is_string() && state->as_string() == "ended";
  };
}

Outcome<Answer> integrate(const Options& o) {
  auto key = load_key_file(o.key);
  if (!key) return passed_on(key.error());
  NodeClient node(o.node);
  Json devices = Json::array();
  for (const std::string& device : o.devices) devices.push(device);
  if (o.devices.empty()) {
    auto paid = paid_devices(node, o.payment);
    if (!paid) return tl::unexpected(paid.error());
    devices = std::move(*paid);
  }
  Json delivery = Json::object({{"protocol", o.protocol}});
  if (!o.unit.empty()) delivery.set("unit", o.unit);
  Json body = Json::object({{"application", did_from_key(key->public_key())}, {"payment", o.payment}, {"devices", std::move(devices)}, {"delivery", std::move(delivery)}});
  if (!o.member.empty()) body.set("node", o.member);
  auto answer = node.write("POST", "/v1/integrations", "integration.create", *key, body);
  if (!answer) return tl::unexpected(answer.error());
  auto id = text_member(*answer, "integration");
  if (!id) return tl::unexpected(id.error());
  const Json* access = answer->find("delivery");
  if (!o.follow) {
    return Answer{*answer, "integration " + *id + "\n" + (access ? access->pretty() : "")};
  }
  if (!access) return failed("the node's answer has no delivery credentials");
  message("integration " + *id + ", following until it ends");
  const Follower follower{print_line, end_probe(node, *id)};
  auto followed = o.protocol == "mqtt" ? follow_mqtt(*access, follower) : follow_stream(*access, follower);
  if (!followed) return tl::unexpected(followed.error());
  if (auto record = node.get_json("/v1/integrations/" + *id)) {
    const Json* because = record->find("endedBecause");
    message("integration " + *id + " ended" + (because && because->is_string() ? ": " + because->as_string() : ""));
  }
  return Answer{Json(), ""};   // its measurements are what it prints
}

}  // namespace

void declare_integrate(Command& program) {
  const auto o = std::make_shared<Options>();
  Command command = program.sub("integrate", "Get what was paid for: start the devices and their measurements");
  command.node(o->node);
  command.option("--key", o->key, "The application's key file: the payer's", true);
  command.option("--payment", o->payment, "Id of the payment", true);
  command.options("--device", o->devices, "Only this device of the payment; may be repeated (default: all)");
  command.choice("--protocol", o->protocol, {"mqtt", "sse"}, "How measurements come: mqtt (default) or sse");
  command.option("--unit", o->unit, "Unit wanted in the measurements (UCUM code or QUDT IRI)");
  command.option("--serving-node", o->member, "Id of the member that is to serve (default: the node asked)");
  command.flag("--follow", o->follow, "Print one measurement a line until the end");
  command.examples(
      "  agiddi integrate --payment 5f… --key application.jwk --protocol sse --follow --node http://127.0.0.1:8101\n"
      "  agiddi integrate --payment 5f… --key application.jwk --json --node http://127.0.0.1:8101     credentials for your own MQTT client");
  command.action([o] { return integrate(*o); });
}

}  // namespace agiddi::tools
