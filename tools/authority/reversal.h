// Tells the ledger that a signed receipt is void: the document receipt.reverse, signed by the authority, to the first of its nodes that takes it.
//
// Threads: submit_reversal stands alone, and blocks until a node has answered or none has.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "protocol/identity.h"

namespace agiddi::tools {

struct Reversal {
  std::string receipt, reason;
};

enum class ReversalAnswer {
  done,       // the ledger knows
  unknown,    // no payment has used the receipt, which may still come until it expires
  failed,     // no node took it
};

struct ReversalSender {
  std::string authority, network;
  std::vector<std::string> nodes;     // urls, tried in turn
};

ReversalAnswer submit_reversal(const ReversalSender& sender, const KeyPair& key, const Reversal& reversal, std::int64_t now_s, const std::atomic<bool>& stopping);

}  // namespace agiddi::tools
