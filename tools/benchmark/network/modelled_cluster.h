// Members with the daemon's own agreement (consensus::Engine) in one thread and in virtual time, between them links of one delay. Processors, disks and
// execution take no time and links have no bound in bytes, so what is left is the network's share: messages that wait for each other, and the waits that the Engine
// itself makes to gather more. The same seed gives the same figures.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "consensus/engine.h"
#include "tools/sim/random.h"

namespace agiddi::tools {

struct ModelledNetwork {
  std::size_t nodes = 4;
  std::int64_t link_us = 1'000;         // one way, each message
  double rate = 0;                      // payments a second of all clients, at random moments; 0: one after the other, each when the one before was answered
  std::size_t payments = 1'000;         // measured
  std::uint64_t seed = 1;
};

struct ModelledFigures {
  std::vector<double> latencies_ms;     // from the submission at a node to the block's execution there
  std::uint64_t frames = 0, bytes = 0;  // that left all nodes, but for statuses, which are sent twice a second whatever the load is
  std::uint64_t blocks = 0;
  double seconds = 0;                   // virtual, from the first submission to the last answer
};

// The error names what did not happen: the agreement stopped, or a member is wrong.
Result<ModelledFigures> run_modelled(const ModelledNetwork& network);

}  // namespace agiddi::tools
