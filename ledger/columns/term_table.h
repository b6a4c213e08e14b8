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
  // To fill it at first: room for the numbers below this one; then fillers, any number at a time, each of one thread; and when they are gone, the number
  // of terms: each number from 1 to that was put once.
  void reserve(std::uint64_t numbers);
  class Filler;
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

  // Where the texts stand, which never move.
  struct Texts {
    std::vector<std::unique_ptr<char[]>> blocks;
    std::size_t free_bytes = 0;
    char* at = nullptr;
    std::size_t add(BytesView encoded, const char*& stored);   // how many bytes it took from the system
  };
  void put(std::uint64_t number, BytesView encoded);
  Segment& segment_of(std::uint64_t number);
  void place(std::uint32_t hash, std::uint32_t number);
  void grow();

  std::vector<std::atomic<Segment*>> segments_;
  std::atomic<std::uint64_t> size_{0};
  std::atomic<std::size_t> memory_{0};
  Texts texts_;

  // Open addressing: a hash and a number, 0 = free.
  mutable std::shared_mutex lock_;
  std::vector<std::uint64_t> slots_;
  std::uint64_t placed_ = 0;
};

class TermTable::Filler {
 public:
  explicit Filler(TermTable& table) : table_(table) { waiting_.reserve(kTogether); }
  Filler(const Filler&) = delete;
  Filler& operator=(const Filler&) = delete;
  ~Filler();
  void put(std::uint64_t number, BytesView encoded);
  std::uint64_t count() const { return count_; }

 private:
  static constexpr std::size_t kTogether = 32;   // places that memory is waited for together
  void place_waiting();
  TermTable& table_;
  Texts texts_;
  std::vector<std::uint64_t> waiting_;           // slots to be
  std::uint64_t count_ = 0;
};

}  // namespace agiddi::ledger::columns
