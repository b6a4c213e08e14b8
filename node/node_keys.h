// A node's own keys: its node key and sealing key, and the ones that follow them when governance rotates them. The keys to come lie beside the
// present ones, in `<file>.next`, and are used from the height on from which the member set names them: no restart is needed for a rotation.
//
// Threads: any. The secrets never leave the process and are never logged.
#pragma once

#include <memory>
#include <mutex>

#include "node/config.h"

namespace agiddi::node {

struct OwnPlace {
  std::size_t index = 0;                         // in the member set
  std::shared_ptr<const KeyPair> key;
};

class NodeKeys {
 public:
  NodeKeys(Genesis genesis, KeyPair key, SealingKey sealing_key, std::string key_file = "", std::string sealing_key_file = "");

  const Genesis& genesis() const { return genesis_; }
  std::shared_ptr<const KeyPair> key() const;    // in use; at first that of the configuration
  void use(const OwnPlace& place);
  // Which member this node is, by its keys; nothing when it is none. Reads `<file>.next` when the known keys are not there.
  std::optional<OwnPlace> place(const MemberSet& members);
  // With any of the sealing keys, the latest first.
  Result<Bytes> open(BytesView sealed);

 private:
  Genesis genesis_;
  std::string key_file_, sealing_key_file_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const KeyPair>> keys_;
  std::shared_ptr<const KeyPair> current_;
  std::vector<SealingKey> sealing_keys_;
};

// Errors name the file. Keys that are no member's of genesis are no error: the node follows until governance adds it.
Result<std::unique_ptr<NodeKeys>> load_node_keys(const NodeConfig& config);

}  // namespace agiddi::node
