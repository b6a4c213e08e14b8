// How many bytes a block takes beyond its transactions. They are those of the records that the ledger stores and the peers exchange (records/block.proto), built
// again from GET /v1/blocks and from the proof of the block's first transaction, which is verified, so that the sizes are those of a block that was certified.
#pragma once

#include <vector>

#include "tools/benchmark/bench_cluster.h"

namespace agiddi::tools {

struct BlockBytes {
  std::uint64_t height = 0;
  std::size_t transactions = 0;
  std::size_t header = 0, certificate = 0, batch = 0;   // the batch: height, view, time and 32 bytes for each transaction
  std::size_t transaction = 0, receipt = 0;             // of the first one; in a block of payments all are alike
  std::size_t overhead() const { return header + certificate + batch; }
  double share() const;                                 // of the overhead in all of it, receipts included
};

// Of the block among the latest `count` whose number of transactions lies nearest to the wanted one (not an empty one).
Outcome<BlockBytes> nearest_block(const BenchCluster& cluster, std::size_t transactions, std::size_t count);

}  // namespace agiddi::tools
