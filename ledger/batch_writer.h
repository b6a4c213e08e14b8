// Writes that are many and need not be atomic, in batches of bounded size; not synced. Internal to the ledger.
#pragma once

#include "ledger/kv.h"

namespace agiddi::ledger {

class BatchWriter {
 public:
  explicit BatchWriter(KvStore& store) : store_(store) {}
  void put(Column column, Bytes key, Bytes value) {
    bytes_ += key.size() + value.size() + 64;
    batch_.push_back({column, std::move(key), std::move(value)});
    if (bytes_ >= kBatch_bytes) flush();
  }
  void flush() {
    if (!batch_.empty()) store_.write(batch_, false);
    batch_.clear();
    bytes_ = 0;
  }

 private:
  static constexpr std::size_t kBatch_bytes = 1024 * 1024;
  KvStore& store_;
  KvBatch batch_;
  std::size_t bytes_ = 0;
};

}  // namespace agiddi::ledger
