// Reads the measurements of a running integration until it ends.
#pragma once

#include <functional>
#include <string>

#include "tools/cli/outcome.h"

namespace agiddi::tools {

struct Follower {
  std::function<void(const std::string&)> measurement;   // one line of JSON
  // Asks the node whether the integration has ended; may take a moment. A failure when no node has answered for long.
  std::function<Outcome<bool>()> ended;
};

// delivery: the member of the integration's answer ({"broker","topic","username","password"} or {"url"}).
Outcome<void> follow_mqtt(const Json& delivery, const Follower& follower);
Outcome<void> follow_stream(const Json& delivery, const Follower& follower);

}  // namespace agiddi::tools
