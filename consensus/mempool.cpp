#include "consensus/mempool.h"

#include <algorithm>

#include "protocol/check.h"

namespace agiddi::consensus {

const char* to_text(Admission admission) {
  switch (admission) {
    case Admission::accepted: return "accepted";
    case Admission::duplicate: return "duplicate";
    case Admission::committed: return "committed";
    case Admission::full: return "full";
  }
  return "unknown";
}

// The record's size and what holding it costs beside.
std::size_t weight(const Transaction& transaction) { return transaction.body.size() + transaction.protected_text.size() + 512; }

Mempool::Mempool(MempoolLimits limits) : limits_(limits) {}

void Mempool::share_among(std::size_t peers_share) {
  peers_share_ = std::max<std::size_t>(peers_share, 1);
  brought_.clear();
  for (Entries* entries : {&waiting_, &in_flight_}) {
    for (auto& [number, entry] : *entries) entry.from.reset();
  }
}

Admission Mempool::add(TransactionPtr transaction, Arrival now, std::optional<MemberIndex> from) {
  AGIDDI_CHECK(transaction != nullptr, "a transaction must be there to be held");
  const Hash id = transaction->id;
  if (by_id_.contains(id)) return Admission::duplicate;
  if (remembered_.contains(id)) return Admission::committed;
  const std::size_t size = weight(*transaction);
  if (by_id_.size() >= limits_.transactions || bytes_ + size > limits_.bytes) return Admission::full;
  std::size_t& of_signer = held_by_signer_[transaction->signer];
  if (of_signer >= std::max<std::size_t>(limits_.transactions / 2, 1)) return Admission::full;
  if (from) {
    Brought& brought = brought_[*from];
    if (brought.transactions >= limits_.transactions / peers_share_ || brought.bytes + size > limits_.bytes / peers_share_) {
      if (of_signer == 0) held_by_signer_.erase(transaction->signer);
      return Admission::full;
    }
    ++brought.transactions;
    brought.bytes += size;
  }
  ++of_signer;
  bytes_ += size;
  waiting_bytes_ += size;
  by_id_.emplace(id, Place{next_number_, false});
  waiting_.emplace_hint(waiting_.end(), next_number_++, Entry{std::move(transaction), now, size, false, from});
  return Admission::accepted;
}

TransactionPtr Mempool::find(const Hash& id) const {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return nullptr;
  const Entries& entries = found->second.in_flight ? in_flight_ : waiting_;
  return entries.at(found->second.number).transaction;
}

std::vector<Hash> Mempool::select(std::size_t max_count, std::size_t max_bytes) const {
  std::vector<Hash> ids;
  std::size_t bytes = 0;
  for (const auto& [number, entry] : waiting_) {
    if (ids.size() >= max_count || (!ids.empty() && bytes + entry.size_bytes > max_bytes)) break;
    bytes += entry.size_bytes;
    ids.push_back(entry.transaction->id);
  }
  return ids;
}

void Mempool::mark_in_flight(const std::vector<Hash>& ids) {
  for (const Hash& id : ids) {
    const auto found = by_id_.find(id);
    if (found == by_id_.end() || found->second.in_flight) continue;
    found->second.in_flight = true;
    auto node = waiting_.extract(found->second.number);
    waiting_bytes_ -= node.mapped().size_bytes;
    in_flight_.insert(std::move(node));
  }
}

void Mempool::release_in_flight() {
  for (const auto& [number, entry] : in_flight_) by_id_.at(entry.transaction->id).in_flight = false;
  waiting_.merge(in_flight_);
  forget_forwarding();
  waiting_bytes_ = bytes_;
}

void Mempool::forget_forwarding() {
  for (auto& [number, entry] : waiting_) entry.forwarded = false;
}

void Mempool::forget(std::unordered_map<Hash, Place, HashHasher>::iterator found) {
  Entries& entries = found->second.in_flight ? in_flight_ : waiting_;
  const auto held = entries.find(found->second.number);
  const Entry& entry = held->second;
  bytes_ -= entry.size_bytes;
  if (!found->second.in_flight) waiting_bytes_ -= entry.size_bytes;
  const auto signer = held_by_signer_.find(entry.transaction->signer);
  if (--signer->second == 0) held_by_signer_.erase(signer);
  if (entry.from) {
    Brought& brought = brought_[*entry.from];
    --brought.transactions;
    brought.bytes -= entry.size_bytes;
  }
  entries.erase(held);
  by_id_.erase(found);
}

std::vector<Hash> Mempool::drop_expired(TimeMs now) {
  std::vector<Hash> ids;
  for (const auto& [number, entry] : waiting_) {
    if (entry.transaction->header.issued_at_s * 1000 + kWindowAfter_ms < now) ids.push_back(entry.transaction->id);
  }
  for (const Hash& id : ids) forget(by_id_.find(id));
  return ids;
}

void Mempool::commit(const std::vector<Hash>& ids) {
  for (const Hash& id : ids) {
    if (const auto found = by_id_.find(id); found != by_id_.end()) forget(found);
    if (remembered_.insert(id).second) remembered_order_.push_back(id);
  }
  while (remembered_order_.size() > limits_.remembered) {
    remembered_.erase(remembered_order_.front());
    remembered_order_.pop_front();
  }
}

const Mempool::Arrival* Mempool::oldest() const {
  if (by_id_.empty()) return nullptr;
  if (waiting_.empty() || (!in_flight_.empty() && in_flight_.begin()->first < waiting_.begin()->first)) return &in_flight_.begin()->second.arrival;
  return &waiting_.begin()->second.arrival;
}

std::optional<std::int64_t> Mempool::oldest_waiting_ms() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.begin()->second.arrival.ms;
}

std::vector<TransactionPtr> Mempool::take_overdue(std::int64_t before_ms, std::size_t max_count) {
  std::vector<TransactionPtr> out;
  for (auto& [number, entry] : waiting_) {
    if (entry.arrival.ms >= before_ms || out.size() >= max_count) break;
    if (entry.forwarded) continue;
    entry.forwarded = true;
    out.push_back(entry.transaction);
  }
  return out;
}

}  // namespace agiddi::consensus
