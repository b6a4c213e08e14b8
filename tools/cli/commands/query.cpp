#include <cstdio>
#include <cstdlib>

#include "tools/cli/conditions.h"
#include "tools/cli/node_client.h"
#include "tools/cli/program.h"

namespace agiddi::tools {
namespace {

std::string name_of(const Json& device) {
  const Json* metadata = device.find("metadata");
  const auto text = [](const Json* value) { return value && value->is_string() ? value->as_string() : std::string(); };
  if (!metadata) return {};
  for (const char* name : {"schema:name", "name"}) {
    if (const std::string found = text(metadata->find(name)); !found.empty()) return found;
  }
  return {};
}

// A device that does not match any more comes with its id alone.
std::string line_of(const Json& device) {
  const Json *id = device.find("id"), *version = device.find("version"), *distance = device.find("distanceKm");
  std::string out = id && id->is_string() ? id->as_string() : "?";
  if (version) out += "  version " + version->dump();
  if (distance && distance->is_number()) {
    char text[32];
    std::snprintf(text, sizeof text, "  %.3f km", std::strtod(distance->number_text().c_str(), nullptr));
    out += text;
  }
  if (version) out += "  " + name_of(device);
  return out;
}

std::string found_text(const Json& answer) {
  std::string out;
  if (const Json* devices = answer.find("devices"); devices && devices->is_array()) {
    for (const Json& device : devices->items()) {
      if (const Json* id = device.find("id"); !id || !id->is_string()) continue;
      out += line_of(device) + "\n";
    }
    out += std::to_string(devices->items().size()) + (devices->items().size() == 1 ? " device\n" : " devices\n");
  }
  if (const Json* next = answer.find("next"); next && next->is_string()) out += "more: --cursor " + next->as_string() + "\n";
  return out;
}

constexpr int kIdle_ms = 40'000;        // the node sends a comment each 15 s
constexpr int kOpen_ms = 30'000;

// Prints a line for each device that matches now, and for each that begins to, changes or does not any more, until the stream or the output ends.
Outcome<Answer> watch(const std::string& node, Json body) {
  HttpRequest request;
  request.method = "POST";
  request.url = NodeClient(node).url() + "/v1/query";
  request.headers = {{"Content-Type", "application/json"}};
  request.body = body.set("watch", true).dump();
  request.timeout_ms = kOpen_ms;
  bool nobody_reads = false;
  const auto print = [&](const std::string& event, const Json& device) {
    const std::string line = json_wanted() ? Json::object({{"event", event}, {"device", device}}).dump() : event + "  " + line_of(device);
    nobody_reads = std::fputs((line + "\n").c_str(), stdout) < 0 || std::fflush(stdout) != 0;
  };
  const auto handle = [&](const SseEvent& event) {
    const auto data = parse_json(event.data);
    if (!data) return true;
    const Json* found = event.event == "result" ? data->find("devices") : nullptr;
    if (!found) print(event.event, *data);
    for (std::size_t i = 0; found && i < found->items().size() && !nobody_reads; ++i) print("result", found->items()[i]);
    return !nobody_reads;
  };
  const auto end = http_stream(request, kIdle_ms, handle, [] { return true; });
  if (nobody_reads) return failed("standard output is closed");
  if (!end) return passed_on(end.error());
  if (end->response.status != 200) return tl::unexpected(failure_of(end->response));
  return failed("the node ended the stream" + (end->last_comment.starts_with("end: ") ? ": " + end->last_comment.substr(5) : std::string()) + "; ask again");
}

}  // namespace

void declare_query(Command& program) {
  struct Options { std::string node; QueryArguments query; bool show_sparql = false, watch = false; };
  const auto o = std::make_shared<Options>();
  Command command = program.sub("query", "Find devices by conditions");
  command.positionals("CONDITION", o->query.conditions, "name OP value with OP one of = != < <= > >=; all must hold");
  command.node(o->node);
  command.option("--near", o->query.near, "LATITUDE,LONGITUDE,KILOMETRES");
  command.option("--order-by", o->query.order_by, "A single-valued name or distance, - before it for descending (write --order-by=-NAME)");
  command.integer("--limit", o->query.limit, 1, 1000, "Devices in one answer (100)");
  command.option("--cursor", o->query.cursor, "Where the next page begins, from the last answer");
  command.flag("--sparql", o->show_sparql, "Show the SPARQL query too");
  command.flag("--watch", o->watch, "Go on: a line for each device that begins to match, changes, or does not match any more");
  command.examples(
      "  agiddi query 'sensor.observedProperty=Temperature' 'sensor.range>100' --node http://127.0.0.1:8101\n"
      "  agiddi query 'type=WeatherStation' 'cost.perMinute<=0.5' --near 47.6,-122.3,10 --order-by cost.perMinute\n"
      "  agiddi query 'type=SmartMeter' 'location.place=Berlin' --watch\n"
      "  agiddi query 'sensor.range>212 [degF]'            across units, in SI\n"
      "Names: GET /v1/query/attributes. The same name with = several times: any of the values; with >= and <=: between.");
  command.action([o]() -> Outcome<Answer> {
    auto body = query_body(o->query);
    if (!body) return tl::unexpected(body.error());
    if (o->watch) return watch(o->node, *std::move(body));
    NodeClient node(o->node);
    auto answer = node.post_json("/v1/query", *body);
    if (!answer) return tl::unexpected(answer.error());
    std::string text = found_text(*answer);
    const Json* sparql = answer->find("sparql");
    if (o->show_sparql && sparql && sparql->is_string()) text = sparql->as_string() + "\n\n" + text;
    return Answer{std::move(*answer), std::move(text)};
  });
}

}  // namespace agiddi::tools
