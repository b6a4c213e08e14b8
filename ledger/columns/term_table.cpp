#include "ledger/columns/term_table.h"

#include <cstring>
#include <mutex>

#include "ledger/dictionary.h"
#include "protocol/check.h"
#include "protocol/crypto/crypto.h"

namespace agiddi::ledger::columns {
namespace {

constexpr std::size_t kTextBlock_bytes = 256 * 1024;
constexpr std::size_t kFirstSlots = 1024;

std::uint32_t number_in(std::uint64_t slot) { return static_cast<std::uint32_t>(slot); }
std::uint32_t hash_in(std::uint64_t slot) { return static_cast<std::uint32_t>(slot >> 32); }

}  // namespace

TermTable::TermTable() : segments_(kSegments), slots_(kFirstSlots) {}

TermTable::~TermTable() {
  for (auto& segment : segments_) delete segment.load(std::memory_order_relaxed);
}

std::size_t TermTable::Texts::add(BytesView encoded, const char*& stored) {
  const auto length = static_cast<std::uint32_t>(encoded.size());
  const std::size_t needed = sizeof length + encoded.size();
  std::size_t taken = 0;
  if (needed > free_bytes) {
    free_bytes = taken = std::max(needed, kTextBlock_bytes);
    blocks.push_back(std::make_unique_for_overwrite<char[]>(free_bytes));
    at = blocks.back().get();
  }
  std::memcpy(at, &length, sizeof length);
  std::memcpy(at + sizeof length, encoded.data(), encoded.size());
  stored = at;
  at += needed;
  free_bytes -= needed;
  return taken;
}

TermTable::Segment& TermTable::segment_of(std::uint64_t number) {
  AGIDDI_CHECK(number >= 1 && number < kSegments * kSegment, "a dictionary has fewer than 2^31 terms");
  auto& segment = segments_[number / kSegment];
  if (segment.load(std::memory_order_relaxed) == nullptr) {
    segment.store(new Segment{}, std::memory_order_release);
    memory_.fetch_add(sizeof(Segment), std::memory_order_relaxed);
  }
  return *segment.load(std::memory_order_relaxed);
}

void TermTable::place(std::uint32_t hash, std::uint32_t number) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at] != 0) at = (at + 1) & mask;
  slots_[at] = std::uint64_t{hash} << 32 | number;
}

void TermTable::grow() {
  memory_.fetch_add(slots_.size() * sizeof(std::uint64_t), std::memory_order_relaxed);
  std::vector<std::uint64_t> former(slots_.size() * 2);
  former.swap(slots_);
  for (const std::uint64_t slot : former) {
    if (slot != 0) place(hash_in(slot), number_in(slot));
  }
}

void TermTable::put(std::uint64_t number, BytesView encoded) {
  memory_.fetch_add(texts_.add(encoded, segment_of(number)[number % kSegment]), std::memory_order_relaxed);
  const auto hash = static_cast<std::uint32_t>(table_hash(encoded));
  std::unique_lock guard(lock_);
  if (++placed_ * 2 > slots_.size()) grow();
  place(hash, static_cast<std::uint32_t>(number));
}

void TermTable::reserve(std::uint64_t numbers) {
  AGIDDI_CHECK(placed_ == 0, "room is made before the first term");
  std::size_t slots = slots_.size();
  while (slots < 2 * numbers) slots *= 2;
  memory_.fetch_add((slots - slots_.size()) * sizeof(std::uint64_t), std::memory_order_relaxed);
  slots_.assign(slots, 0);
  for (std::uint64_t number = 1; number < numbers; number = (number / kSegment + 1) * kSegment) segment_of(number);
}

void TermTable::Filler::put(std::uint64_t number, BytesView encoded) {
  Segment* segment = number < kSegments * kSegment ? table_.segments_[number / kSegment].load(std::memory_order_relaxed) : nullptr;
  AGIDDI_CHECK(segment != nullptr && number > 0, "a term has a number that there is room for");
  const char*& stored = (*segment)[number % kSegment];
  AGIDDI_CHECK(stored == nullptr, "a number of the dictionary has one term");
  table_.memory_.fetch_add(texts_.add(encoded, stored), std::memory_order_relaxed);
  ++count_;
  waiting_.push_back(std::uint64_t{static_cast<std::uint32_t>(table_hash(encoded))} << 32 | number);
  if (waiting_.size() == kTogether) place_waiting();
}

// Other fillers look for places as well.
void TermTable::Filler::place_waiting() {
  std::vector<std::uint64_t>& slots = table_.slots_;
  const std::size_t mask = slots.size() - 1;
  for (const std::uint64_t slot : waiting_) __builtin_prefetch(&slots[hash_in(slot) & mask], 1);
  for (const std::uint64_t slot : waiting_) {
    for (std::size_t at = hash_in(slot) & mask;; at = (at + 1) & mask) {
      std::uint64_t former = 0;
      if (std::atomic_ref(slots[at]).compare_exchange_strong(former, slot, std::memory_order_relaxed)) break;
    }
  }
  waiting_.clear();
}

TermTable::Filler::~Filler() {
  place_waiting();
  const std::unique_lock guard(table_.lock_);
  table_.placed_ += count_;
  std::move(texts_.blocks.begin(), texts_.blocks.end(), std::back_inserter(table_.texts_.blocks));
}

void TermTable::filled(std::uint64_t count) {
  AGIDDI_CHECK(placed_ == count, "each number of the dictionary has a term");
  size_.store(count, std::memory_order_release);
}

std::uint64_t TermTable::append(BytesView encoded) {
  const std::uint64_t number = size_.load(std::memory_order_relaxed) + 1;
  put(number, encoded);
  size_.store(number, std::memory_order_release);
  return number;
}

BytesView TermTable::encoded(std::uint64_t number) const {
  const Segment* segment = segments_[number / kSegment].load(std::memory_order_acquire);
  AGIDDI_CHECK(segment != nullptr && (*segment)[number % kSegment] != nullptr, "a term number is in the dictionary");
  const char* at = (*segment)[number % kSegment];
  std::uint32_t length = 0;
  std::memcpy(&length, at, sizeof length);
  return {at + sizeof length, length};
}

TermId TermTable::id_of(std::uint64_t number) const { return make_id(tag_of_encoded(encoded(number)), number); }

TermId TermTable::find(BytesView encoded) const {
  const std::uint32_t hashed = static_cast<std::uint32_t>(table_hash(encoded));
  std::shared_lock guard(lock_);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hashed & mask; slots_[at] != 0; at = (at + 1) & mask) {
    if (hash_in(slots_[at]) == hashed && this->encoded(number_in(slots_[at])) == encoded) return id_of(number_in(slots_[at]));
  }
  return kNoTerm;
}

}  // namespace agiddi::ledger::columns
