// The dictionary in memory: encoded terms by number, and numbers by term. It only grows.
//
// Threads: one writer; any number of readers. A reader may ask for the numbers below a size() that it has seen, without a lock; find() takes a
// shared one. Internal to the ledger.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <shared_mutex>
#include <vector>

#include "ledger/term_id.h"
#include "protocol/bytes.h"

namespace agiddi::ledger::columns {

class TermTable {
 public:
  TermTable();
  ~TermTable();
  TermTable(const TermTable&) = delete;
  TermTable& operator=(const TermTable&) = delete;

  // Encoded as in the store (ledger/dictionary.h). The first one gets number 1.
  std::uint64_t append(BytesView encoded);
  // Room for the numbers below this one, so that put() need not make it.
  void reserve(std::uint64_t numbers);
  // To fill it at first: any order, then the number of terms; each number from 1 to that was put.
  void put(std::uint64_t number, BytesView encoded);
  void filled(std::uint64_t count);
  std::uint64_t size() const { return size_.load(std::memory_order_acquire); }
  BytesView encoded(std::uint64_t number) const;                 // 1 to size()
  TermId id_of(std::uint64_t number) const;
  TermId find(BytesView encoded) const;                          // kNoTerm: not here
  std::size_t memory_bytes() const { return memory_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kSegment = 1 << 16;
  static constexpr std::size_t kSegments = 1 << 15;              // 2^31 terms
  using Segment = std::array<const char*, kSegment>;             // each: length (4), then the bytes

  const char* store(BytesView encoded);
  void place(std::uint32_t hash, std::uint32_t number);
  void grow();

  std::vector<std::atomic<Segment*>> segments_;
  std::atomic<std::uint64_t> size_{0};
  std::atomic<std::size_t> memory_{0};
  std::vector<std::unique_ptr<char[]>> texts_;
  std::size_t text_free_ = 0;
  char* text_at_ = nullptr;

  // Open addressing: a hash and a number, 0 = free.
  mutable std::shared_mutex lock_;
  std::vector<std::uint64_t> slots_;
  std::uint64_t placed_ = 0;
};

}  // namespace agiddi::ledger::columns
