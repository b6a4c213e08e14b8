// `--follow`: prints the measurements of an integration until it ends, the user stops it, or its node is away for too long.
#pragma once

#include <string>

#include "protocol/identity.h"
#include "tools/cli/command.h"
#include "tools/cli/node_client.h"

namespace agiddi::tools {

struct FollowOptions {
  bool follow = false, text = false, count = false;
  std::int64_t retry_s = 60, count_s = 0;   // count_s: 0 = not said
  std::vector<std::string> fallbacks;   // addresses of nodes that may go on
  void declare(Command& command);
  Outcome<void> check() const;          // before anything is sent
};

struct Followed {
  std::string id, protocol;
  std::size_t devices = 1;
  Json delivery;                 // null: credentials are asked for first
  Json request;                  // integration.create, for another node that goes on; null: unknown
};

// Credentials of a running integration, signed for with the application's key; the former ones end.
Outcome<Json> new_credentials(NodeClient& node, const KeyPair& key, const std::string& integration);
Outcome<Answer> follow_integration(const std::string& node_url, const KeyPair& key, const Followed& what, const FollowOptions& options);

}  // namespace agiddi::tools
