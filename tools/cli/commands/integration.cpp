#include "tools/cli/follow_integration.h"
#include "tools/cli/ids.h"
#include "tools/cli/program.h"

namespace agiddi::tools {
namespace {

struct IntegrationOptions {
  std::string node, key, id, url, format, unit;
  bool end = false;
  FollowOptions following;
};

std::string integration_text(const Json& record) {
  const Json* delivery = record.find("delivery");
  std::string out = "integration  " + shown(record, "integration") + "\nstate        " + shown(record, "state");
  if (record.find("endedBecause")) out += " (" + shown(record, "endedBecause") + ")";
  out += "\nserved by    " + shown(record, "node", "nobody yet") + "\npayment      " + shown(record, "payment") + "\ndelivery     " +
         (delivery ? shown(*delivery, "protocol") : "-") + "\n";
  const Json* devices = record.find("devices");
  if (!devices || !devices->is_array()) return out;
  for (const Json& device : devices->items()) {
    out += "device       " + shown(device, "device") + "\n             " + shown(device, "bytesUsed") + " bytes used";
    if (device.find("bytesRemaining")) out += ", " + shown(device, "bytesRemaining") + " left";
    if (device.find("expires")) out += ", until " + shown(device, "expires");
    out += ", last measurement " + shown(device, "lastMeasurement", "none known here");
    if (const Json* counts = device.find("counts")) {
      for (const char* party : {"application", "provider"}) {
        if (const Json* count = counts->find(party)) out += std::string(", ") + party + " counted " + shown(*count, "measurements") + " measurements";
      }
      const Json* settled = counts->find("settled");
      if (settled && counts->find("application")) out += ", " + shown(*settled, "bytes") + " bytes of it paid";
    }
    if (device.find("silentSince")) out += ", silent since " + shown(device, "silentSince");
    out += "\n";
  }
  return out;
}

Outcome<Json> integration_record(NodeClient& node, const std::string& id) {
  if (auto fits = check_id("ID", id); !fits) return tl::unexpected(fits.error());
  return node.get_json("/v1/integrations/" + id);
}

Outcome<Answer> close_integration(const IntegrationOptions& o) {
  if (auto fits = check_id("ID", o.id); !fits) return tl::unexpected(fits.error());
  auto key = load_key_file(o.key);
  if (!key) return passed_on(key.error());
  NodeClient node(o.node);
  auto answer = node.write("POST", "/v1/integrations/" + o.id + "/close", "integration.close", *key, Json::object({{"integration", o.id}}));
  if (!answer) return tl::unexpected(answer.error());
  return Answer{*answer, "integration " + o.id + " is closed; what was not used goes back to the payer\n"};
}

Outcome<Answer> renew_credentials(const IntegrationOptions& o) {
  if (auto fits = check_id("ID", o.id); !fits) return tl::unexpected(fits.error());
  auto key = load_key_file(o.key);
  if (!key) return passed_on(key.error());
  if (auto fits = o.following.check(); !fits) return tl::unexpected(fits.error());
  NodeClient node(o.node);
  if (!o.following.follow) {
    auto delivery = new_credentials(node, *key, o.id);
    if (!delivery) return tl::unexpected(delivery.error());
    return Answer{Json::object({{"integration", o.id}, {"delivery", *delivery}}), "integration " + o.id + "\n" + delivery->pretty()};
  }
  auto record = integration_record(node, o.id);
  if (!record) return tl::unexpected(record.error());
  if (shown(*record, "state") == "ended") return failed("the integration has ended: " + shown(*record, "endedBecause"));
  const Json *delivery = record->find("delivery"), *devices = record->find("devices");
  const std::size_t device_count = devices && devices->is_array() ? devices->items().size() : 1;
  return follow_integration(o.node, *key, {o.id, delivery ? shown(*delivery, "protocol") : "sse", device_count, Json(), Json()}, o.following);
}

Outcome<Answer> change_webhook(const IntegrationOptions& o) {
  if (auto fits = check_id("ID", o.id); !fits) return tl::unexpected(fits.error());
  if (o.end != o.url.empty()) return wrong_usage("give either --url or --end");
  auto key = load_key_file(o.key);
  if (!key) return passed_on(key.error());
  NodeClient node(o.node);
  Json body = Json::object({{"integration", o.id}});
  for (const auto& [name, value] : {std::pair<const char*, const std::string&>{"url", o.url}, {"format", o.format}, {"unit", o.unit}}) {
    if (!value.empty()) body.set(name, value);
  }
  auto answer = node.write(o.end ? "DELETE" : "POST", "/v1/integrations/" + o.id + "/webhook", "integration.webhook", *key, body);
  if (!answer) return tl::unexpected(answer.error());
  if (o.end) return Answer{Json::object({{"integration", o.id}, {"state", "ended"}}), "the webhook of integration " + o.id + " has ended\n"};
  return Answer{*answer, "readings of integration " + o.id + " go to " + o.url + "\n"};
}

}  // namespace

void declare_integration(Command& program) {
  Command integration = program.sub("integration", "Show or close a running integration, or get new credentials for it");
  integration.examples(
      "  agiddi integration show 5f… --node http://127.0.0.1:8101\n"
      "  agiddi integration credentials 5f… --follow --key application.jwk --node http://127.0.0.1:8101     goes on reading after integrate --follow was stopped");
  {
    const auto o = std::make_shared<IntegrationOptions>();
    Command command = integration.sub("show", "Print its state, and how much is used; the serving node knows it best");
    command.positional("ID", o->id, "Id of the integration");
    command.node(o->node);
    command.examples("  agiddi integration show 5f… --node http://127.0.0.1:8101");
    command.action([o]() -> Outcome<Answer> {
      NodeClient node(o->node);
      auto record = integration_record(node, o->id);
      if (!record) return tl::unexpected(record.error());
      return Answer{*record, integration_text(*record)};
    });
  }
  {
    const auto o = std::make_shared<IntegrationOptions>();
    Command command = integration.sub("close", "End it at once; what was not used goes back to the payer");
    command.positional("ID", o->id, "Id of the integration");
    command.node(o->node);
    command.option("--key", o->key, "The application's key file", true);
    command.examples("  agiddi integration close 5f… --key application.jwk --node http://127.0.0.1:8101");
    command.action([o] { return close_integration(*o); });
  }
  {
    const auto o = std::make_shared<IntegrationOptions>();
    Command command = integration.sub("credentials", "Get new delivery credentials from the node that serves it; the former ones end");
    command.positional("ID", o->id, "Id of the integration");
    command.node(o->node);
    command.option("--key", o->key, "The application's key file", true);
    o->following.declare(command);
    command.examples("  agiddi integration credentials 5f… --key application.jwk --json --node http://127.0.0.1:8101");
    command.action([o] { return renew_credentials(*o); });
  }
  {
    const auto o = std::make_shared<IntegrationOptions>();
    Command command = integration.sub("webhook", "Have the node that serves it post the readings to an address, or end that");
    command.positional("ID", o->id, "Id of the integration");
    command.node(o->node);
    command.option("--key", o->key, "The application's key file", true);
    command.option("--url", o->url, "Where to: https://host[:port]/path");
    command.choice("--format", o->format, {"jsonld", "senml"}, "How readings are written: jsonld or senml (default: as the delivery says)");
    command.option("--unit", o->unit, "Unit wanted in the readings (UCUM code or QUDT IRI)");
    command.flag("--end", o->end, "Post no more");
    command.examples(
        "  agiddi integration webhook 5f… --url https://example.org/readings --key application.jwk --node http://127.0.0.1:8101\n"
        "  agiddi integration webhook 5f… --end --key application.jwk --node http://127.0.0.1:8101");
    command.action([o] { return change_webhook(*o); });
  }
}

}  // namespace agiddi::tools
