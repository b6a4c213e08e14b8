// How hosts are looked up for webhooks (host_lookups.h). Plain values.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "protocol/result.h"

namespace agiddi::node {

struct LookupBounds {
  std::chrono::milliseconds refused_first{30'000}, refused_max{600'000};   // how long the failure of a look-up is the answer
  std::chrono::milliseconds quick{1'000};                                  // what takes no longer
};

// A host's address, numeric, or why it has none. Blocks.
using ResolveHost = std::function<Result<std::string>(const std::string& host, bool tls)>;

}  // namespace agiddi::node
