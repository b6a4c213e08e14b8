// The triple store as the benchmark uses it: opened in a folder, filled a block at a time, read at its last block. All that the benchmark knows of
// the store behind ledger::TripleSource stands in store.cpp.
//
// Threads: apply() one thread; view() and what it gives, any. A view must not outlive the store.
#pragma once

#include <memory>
#include <string>

#include "ledger/triple_store.h"
#include "tools/cli/outcome.h"

namespace agiddi::tools {

class BenchStore {
 public:
  virtual ~BenchStore() = default;
  virtual void apply(const ledger::TripleChanges& block) = 0;   // durable when it returns
  virtual std::shared_ptr<const ledger::TripleSource> view() const = 0;
  virtual std::uint64_t triples() const = 0;
};

enum class StoreKind : std::uint8_t { columns, disk };   // queries read columns in memory, or the indexes on disk
Outcome<std::unique_ptr<BenchStore>> open_bench_store(const std::string& folder, StoreKind kind);

}  // namespace agiddi::tools
