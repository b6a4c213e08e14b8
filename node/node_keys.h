// What makes a member: its genesis, its node key and its sealing key, read from the files that the configuration names.
#pragma once

#include "node/config.h"

namespace agiddi::node {

struct NodeKeys {
  Genesis genesis;
  KeyPair key;
  SealingKey sealing_key;
  std::size_t self;  // index among the members
};

// Errors name the file, and say when the keys are no member's of this genesis.
Result<NodeKeys> load_node_keys(const NodeConfig& config);

}  // namespace agiddi::node
