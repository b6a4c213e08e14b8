#include "subservices/forwarding/recent_readings.h"

#include <algorithm>
#include <utility>

namespace agiddi::subservices {

std::optional<std::uint64_t> RecentReadings::mark(BytesView payload, const std::vector<Reading>& readings) {
  if (!std::all_of(readings.begin(), readings.end(), [](const Reading& reading) { return reading.time.has_value(); })) return std::nullopt;
  std::uint64_t mark = 0xcbf29ce484222325;
  for (const char c : payload) mark = (mark ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  mark = (mark ^ (mark >> 32)) * 0xd6e8feb86659fd93;   // the low bits tell where it is kept
  return std::max<std::uint64_t>(mark ^ (mark >> 32), 1);
}

std::size_t RecentReadings::find(std::uint64_t mark) const {
  std::size_t at = home(mark);
  while (slots_[at] != 0 && slots_[at] != mark) at = (at + 1) & (slots_.size() - 1);
  return at;
}

// Those behind it that were pushed on by it move up.
void RecentReadings::erase(std::uint64_t mark) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = find(mark);
  for (std::size_t at = (hole + 1) & mask; slots_[at] != 0; at = (at + 1) & mask) {
    const std::size_t from_home = (at - home(slots_[at])) & mask, from_hole = (at - hole) & mask;
    if (from_home < from_hole) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = 0;
}

void RecentReadings::grow() {
  std::rotate(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(next_), order_.end());
  next_ = 0;
  kept_ = kept_ == 0 ? kKeptFirst : 2 * kept_;
  order_.reserve(kept_);
  slots_.assign(2 * kept_, 0);
  for (const std::uint64_t mark : order_) place(mark);
}

std::size_t RecentReadings::next_memory_bytes() const {
  if (order_.size() < kept_ || kept_ == kKept) return memory_bytes();
  return kept_ == 0 ? 3 * kKeptFirst * sizeof(std::uint64_t) : 2 * memory_bytes();
}

void RecentReadings::add(std::uint64_t mark, bool may_grow) {
  if (contains(mark)) return;
  if (order_.size() == kept_ && kept_ < kKept && (may_grow || kept_ == 0)) grow();
  if (order_.size() < kept_) {
    order_.push_back(mark);
  } else {
    erase(std::exchange(order_[next_], mark));
    next_ = (next_ + 1) % kept_;
  }
  place(mark);
}

std::vector<std::uint64_t> RecentReadings::last(std::size_t max) const {
  const std::size_t count = std::min(max, order_.size());
  std::vector<std::uint64_t> out;
  out.reserve(count);
  for (std::size_t i = order_.size() - count; i < order_.size(); ++i) out.push_back(order_[(next_ + i) % order_.size()]);
  return out;
}

}  // namespace agiddi::subservices
