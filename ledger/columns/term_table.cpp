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

const char* TermTable::store(BytesView encoded) {
  const auto length = static_cast<std::uint32_t>(encoded.size());
  const std::size_t needed = sizeof length + encoded.size();
  if (needed > text_free_) {
    text_free_ = std::max(needed, kTextBlock_bytes);
    texts_.push_back(std::make_unique_for_overwrite<char[]>(text_free_));
    memory_.fetch_add(text_free_, std::memory_order_relaxed);
    text_at_ = texts_.back().get();
  }
  char* at = text_at_;
  std::memcpy(at, &length, sizeof length);
  std::memcpy(at + sizeof length, encoded.data(), encoded.size());
  text_at_ += needed;
  text_free_ -= needed;
  return at;
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

void TermTable::reserve(std::uint64_t numbers) {
  std::unique_lock guard(lock_);
  AGIDDI_CHECK(placed_ == 0, "room is made before the first term");
  std::size_t slots = slots_.size();
  while (slots < 2 * numbers) slots *= 2;
  memory_.fetch_add((slots - slots_.size()) * sizeof(std::uint64_t), std::memory_order_relaxed);
  slots_.assign(slots, 0);
}

void TermTable::put(std::uint64_t number, BytesView encoded) {
  AGIDDI_CHECK(number >= 1 && number < kSegments * kSegment, "a dictionary has fewer than 2^31 terms");
  auto& segment = segments_[number / kSegment];
  if (segment.load(std::memory_order_relaxed) == nullptr) {
    segment.store(new Segment{}, std::memory_order_release);
    memory_.fetch_add(sizeof(Segment), std::memory_order_relaxed);
  }
  (*segment.load(std::memory_order_relaxed))[number % kSegment] = store(encoded);
  const auto hash = static_cast<std::uint32_t>(table_hash(encoded));
  std::unique_lock guard(lock_);
  if (++placed_ * 2 > slots_.size()) grow();
  place(hash, static_cast<std::uint32_t>(number));
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
