#include <charconv>
#include <optional>

#include "tools/cli/node_client.h"
#include "tools/cli/program.h"

namespace agiddi::tools {
namespace {

// The value of a metric without labels; nothing when the text does not have it.
std::optional<std::uint64_t> metric(std::string_view text, const std::string& name) {
  const std::size_t line = ("\n" + std::string(text)).find("\n" + name + " ");
  if (line == std::string::npos) return std::nullopt;
  const std::string_view rest = text.substr(line + name.size() + 1);
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  return failure == std::errc{} ? std::optional(value) : std::nullopt;
}

// What the node holds on its disk, as its metrics tell; nothing when it does not show them.
std::string disk_text(std::string_view metrics) {
  std::string out;
  if (const auto first = metric(metrics, "agiddi_first_block")) out += "blocks   from height " + std::to_string(*first) + (*first <= 1 ? ", the whole chain\n" : "\n");
  if (const auto at = metric(metrics, "agiddi_snapshot_height"); at && *at > 0) out += "snapshot of height " + std::to_string(*at) + "\n";
  if (const auto bytes = metric(metrics, "agiddi_data_bytes")) out += "disk     " + std::to_string((*bytes + 999'999) / 1'000'000) + " MB\n";
  if (const auto missing = metric(metrics, "agiddi_snapshot_chunks_missing"); missing && *missing > 0) {
    out += "joining  " + std::to_string(*missing) + " chunks of a snapshot are missing\n";
  }
  return out;
}

std::string status_text(const Json& status) {
  std::string out = "network  " + shown(status, "network") + "\nnode     " + shown(status, "node") + "\nheight   " + shown(status, "height") + "\nview     " +
                    shown(status, "view") + ", primary " + shown(status, "primary") + "\nsyncing  " + shown(status, "syncing") + "\n";
  if (const Json* peers = status.find("peers"); peers && peers->is_array()) {
    for (const Json& peer : peers->items()) {
      const Json* connected = peer.find("connected");
      out += "peer     " + shown(peer, "id") + (connected && connected->is_bool() && connected->as_bool() ? " connected\n" : " not connected\n");
    }
  }
  return out;
}

}  // namespace

void declare_status(Command& program) {
  const auto url = std::make_shared<std::string>();
  Command command = program.sub("status", "Show a node's height, view, peers and disk use");
  command.node(*url);
  command.examples("  agiddi status --node http://127.0.0.1:8101");
  command.action([url]() -> Outcome<Answer> {
    NodeClient node(*url);
    auto status = node.get_json("/v1/status");
    if (!status) return tl::unexpected(status.error());
    const auto metrics = node.get("/metrics", "text/plain");
    return Answer{*status, status_text(*status) + (metrics ? disk_text(metrics->body) : "")};
  });
}

}  // namespace agiddi::tools
