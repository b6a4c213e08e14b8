#include "tools/cli/ids.h"
#include "tools/cli/node_client.h"
#include "tools/cli/program.h"

#include <charconv>

namespace agiddi::tools {
namespace {

constexpr std::int64_t kCountMax = 999'999'999'999'999;

struct CountOptions {
  std::string node, key, id, device;
  std::int64_t measurements = -1, bytes = -1, active_s = -1, sequence = 0;
};

std::int64_t number_in(const Json& json, const char* name) {
  const std::string text = shown(json, name, "0");
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// Above what either party has counted of the device.
Outcome<std::int64_t> next_sequence(NodeClient& node, const CountOptions& o) {
  auto record = node.get_json("/v1/integrations/" + o.id);
  if (!record) return tl::unexpected(record.error());
  std::int64_t last = 0;
  const Json* devices = record->find("devices");
  if (!devices || !devices->is_array()) return failed("the node's record of the integration has no devices");
  for (const Json& device : devices->items()) {
    const Json* counts = shown(device, "device") == o.device ? device.find("counts") : nullptr;
    for (const char* party : {"application", "provider"}) {
      const Json* count = counts ? counts->find(party) : nullptr;
      if (count) last = std::max(last, number_in(*count, "sequence"));
    }
  }
  return last + 1;
}

Outcome<Answer> count(const CountOptions& o) {
  if (auto fits = check_id("ID", o.id); !fits) return tl::unexpected(fits.error());
  if (auto fits = check_device_id("--device", o.device); !fits) return tl::unexpected(fits.error());
  auto key = load_key_file(o.key);
  if (!key) return passed_on(key.error());
  NodeClient node(o.node);
  auto sequence = o.sequence > 0 ? Outcome<std::int64_t>(o.sequence) : next_sequence(node, o);
  if (!sequence) return tl::unexpected(sequence.error());
  Json entry = Json::object({{"device", o.device}, {"measurements", o.measurements}});
  if (o.bytes >= 0) entry.set("bytes", o.bytes);
  if (o.active_s >= 0) entry.set("activeMs", 1'000 * o.active_s);
  auto answer = node.write("POST", "/v1/integrations/" + o.id + "/counts", "usage.count", *key,
                           Json::object({{"integration", o.id}, {"sequence", *sequence}, {"devices", Json::array({std::move(entry)})}}));
  if (!answer) return tl::unexpected(answer.error());
  const Json* devices = answer->find("devices");
  const Json* told = devices && devices->is_array() && !devices->items().empty() ? &devices->items().front() : nullptr;
  std::string text = "counted " + std::to_string(o.measurements) + " measurements of " + o.device + "\n";
  if (told) {
    text += "its node has reported " + shown(*told, "reportedMeasurements") + " measurements, " + shown(*told, "reportedBytes") + " bytes\n";
    // Of the provider's count nothing follows; whose it is, the key alone does not say.
    if (o.measurements < number_in(*told, "reportedMeasurements")) {
      text += "that is fewer: as the application's count the rest stays unpaid, and a node that is a window ahead of it waits 15 s and then ends the device, disputed\n";
    }
    if (told->find("countAgainWithin")) text += "an application counts again within " + shown(*told, "countAgainWithin") + " measurements\n";
  }
  return Answer{*answer, text};
}

}  // namespace

void declare_count(Command& program) {
  const auto o = std::make_shared<CountOptions>();
  Command command = program.sub("count", "Count what was received of a device, as the application, or sent, as its provider");
  command.positional("ID", o->id, "Id of the integration");
  command.node(o->node);
  command.option("--key", o->key, "The key file of the application, or of the device's provider", true);
  command.option("--device", o->device, "Id of the device", true);
  command.integer("--measurements", o->measurements, 0, kCountMax, "All that came, or were sent, since the integration began", true);
  command.integer("--bytes", o->bytes, 0, kCountMax, "Their bytes; an application's first count decides whether all have them");
  command.integer("--active-seconds", o->active_s, 0, kCountMax / 1'000, "For how long; as with --bytes");
  command.integer("--sequence", o->sequence, 1, kCountMax, "Number of the count (default: the next)");
  command.examples(
      "  agiddi count 5f… --device urn:agiddi:device:… --measurements 1200 --key application.jwk --node http://127.0.0.1:8101\n"
      "Totals, which never fall. The application's count takes part in the settlement: it pays for what it counted, and for what its node had reported\n"
      "before its first count; who counts once goes on counting, for its node serves no further than a window ahead of the count. agiddi integrate\n"
      "--follow --count does it by itself. The provider's count is shown beside the others and changes no money.");
  command.action([o] { return count(*o); });
}

}  // namespace agiddi::tools
