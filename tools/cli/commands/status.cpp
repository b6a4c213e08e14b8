#include "tools/cli/node_client.h"
#include "tools/cli/program.h"

namespace agiddi::tools {
namespace {

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
  Command command = program.sub("status", "Show a node's height, view and peers");
  command.node(*url);
  command.examples("  agiddi status --node http://127.0.0.1:8101");
  command.action([url]() -> Outcome<Answer> {
    NodeClient node(*url);
    auto status = node.get_json("/v1/status");
    if (!status) return tl::unexpected(status.error());
    return Answer{*status, status_text(*status)};
  });
}

}  // namespace agiddi::tools
