#include "tools/cli/follow_integration.h"
#include "tools/cli/ids.h"
#include "tools/cli/program.h"

namespace agiddi::tools {
namespace {

struct Options {
  std::string node, key, account, payment, protocol, unit, format, context, member, webhook;
  std::vector<std::string> devices;
  FollowOptions following;
};

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

Outcome<Answer> integrate(const Options& o) {
  if (!o.webhook.empty() && o.following.follow) return wrong_usage("--webhook and --follow exclude each other: readings go to one receiver");
  if (!o.webhook.empty() && o.protocol == "mqtt") return wrong_usage("--webhook belongs to delivery by sse: leave out --protocol mqtt");
  if (auto fits = o.following.check(); !fits) return tl::unexpected(fits.error());
  const std::string protocol = !o.protocol.empty() ? o.protocol : o.webhook.empty() ? "mqtt" : "sse";
  if (auto fits = check_id("--payment", o.payment); !fits) return tl::unexpected(fits.error());
  if (auto fit = check_device_ids("--device", o.devices); !fit) return tl::unexpected(fit.error());
  auto key = load_key_file(o.key);
  if (!key) return passed_on(key.error());
  auto application = account_of(*key, o.account);
  if (!application) return tl::unexpected(application.error());
  NodeClient node(o.node);
  Json devices = Json::array();
  for (const std::string& device : o.devices) devices.push(device);
  if (o.devices.empty()) {
    auto paid = paid_devices(node, o.payment);
    if (!paid) return tl::unexpected(paid.error());
    devices = std::move(*paid);
  }
  const std::size_t device_count = devices.items().size();
  Json delivery = Json::object({{"protocol", protocol}});
  if (!o.unit.empty()) delivery.set("unit", o.unit);
  if (!o.format.empty()) delivery.set("format", o.format);
  if (!o.context.empty()) delivery.set("context", o.context);
  Json body = Json::object({{"application", *application}, {"payment", o.payment}, {"devices", std::move(devices)}, {"delivery", std::move(delivery)}});
  const Json anywhere = body;
  if (!o.member.empty()) body.set("node", o.member);
  auto answer = node.write("POST", "/v1/integrations", "integration.create", *key, body);
  if (!answer) return tl::unexpected(answer.error());
  auto id = text_member(*answer, "integration");
  if (!id) return tl::unexpected(id.error());
  const Json* access = answer->find("delivery");
  if (o.following.follow) return follow_integration(o.node, *key, {*id, protocol, device_count, access ? *access : Json(), anywhere}, o.following);
  if (!o.webhook.empty()) {
    auto webhook = node.write("POST", "/v1/integrations/" + *id + "/webhook", "integration.webhook", *key, Json::object({{"integration", *id}, {"url", o.webhook}}));
    if (!webhook) {
      message("integration " + *id + " has been made, its webhook not; try again with: agiddi integration webhook " + *id + " --url URL");
      return tl::unexpected(webhook.error());
    }
    answer->set("webhook", *webhook);
    return Answer{*answer, "integration " + *id + "\nreadings go to " + o.webhook + "\n"};
  }
  const auto problem = text_member(*answer, "deliveryProblem");
  const std::string instead = "no credentials yet" + (problem ? ": " + *problem : std::string(", its node gives them")) + " (agiddi integration credentials " + *id + ")\n";
  return Answer{*answer, "integration " + *id + "\n" + (access ? access->pretty() : instead)};
}

}  // namespace

void declare_integrate(Command& program) {
  const auto o = std::make_shared<Options>();
  Command command = program.sub("integrate", "Get what was paid for: start the devices and their measurements");
  command.node(o->node);
  command.option("--key", o->key, "The application's key file: the payer's", true);
  command.option("--account", o->account, kAccountHelp);
  command.option("--payment", o->payment, "Id of the payment", true);
  command.options("--device", o->devices, "Only this device of the payment; may be repeated (default: all)");
  command.choice("--protocol", o->protocol, {"mqtt", "sse"}, "How measurements come: mqtt (default) or sse");
  command.option("--webhook", o->webhook, "Address to which the serving node posts the readings (https://…)");
  command.option("--unit", o->unit, "Unit wanted in the measurements (UCUM code or QUDT IRI)");
  command.choice("--format", o->format, {"unified", "senml"}, "How measurements are written: the unified template (default) or SenML packs");
  command.choice("--context", o->context, {"inline", "link"}, "The unified template's JSON-LD context: inline (default), or a link to it, which is shorter");
  command.option("--serving-node", o->member, "Id of the member that is to serve (default: the node asked)");
  o->following.declare(command);
  command.examples(
      "  agiddi integrate --payment 5f… --key application.jwk --protocol sse --follow --node http://127.0.0.1:8101\n"
      "  agiddi integrate --payment 5f… --key application.jwk --json --node http://127.0.0.1:8101     credentials for your own MQTT client\n"
      "  agiddi integrate --payment 5f… --key application.jwk --webhook https://example.org/readings --node http://127.0.0.1:8101\n"
      "--follow prints short lines on a terminal (and with --text), else each measurement as JSON; what happens to the connection goes to standard\n"
      "error. It ends with status 0 when the integration ends and after Ctrl-C, 1 when the node or the broker stays away. With --fallback URL another node\n"
      "goes on when the serving one falls silent: nothing paid is lost, and what nobody accounted for is refunded.");
  command.action([o] { return integrate(*o); });
}

}  // namespace agiddi::tools
