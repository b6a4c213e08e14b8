// The bodies of proposed batches: held, logged before a vote promises them, fetched by id when gossip did not bring them.
#include <algorithm>

#include "consensus/engine.h"
#include "protocol/check.h"

namespace agiddi::consensus {
namespace {

constexpr std::int64_t kRefetch_ms = 80;
constexpr std::int64_t kRefetchMax_ms = 500;

}  // namespace

TransactionPtr Engine::find_body(const Hash& id) const {
  if (TransactionPtr held = mempool_.find(id)) return held;
  if (const auto indexed = body_index_.find(id); indexed != body_index_.end()) return indexed->second.transaction;
  if (const auto spare = spare_bodies_.find(id); spare != spare_bodies_.end()) return spare->second;
  const auto late = late_index_.find(id);
  return late == late_index_.end() ? nullptr : late->second;
}

void Engine::want(const Batch& batch, Now now) {
  Wanted wanted{batch, batch.digest(), {}, now.monotonic_ms + config_.fetch_delay_ms, 0};
  for (const Hash& id : batch.transactions) {
    if (!find_body(id)) wanted.missing.insert(id);
  }
  mempool_.mark_in_flight(batch.transactions);
  wanted_.insert_or_assign(batch.height, std::move(wanted));
}

bool Engine::is_wanted(const Hash& id) const {
  return std::any_of(wanted_.begin(), wanted_.end(), [&](const auto& one) { return one.second.missing.contains(id); });
}

// A transaction came by gossip, from a client or as an answer.
void Engine::body_arrived(const TransactionPtr& transaction) {
  for (auto& [height, wanted] : wanted_) wanted.missing.erase(transaction->id);
}

void Engine::supply_bodies(Now now) {
  for (auto entry = wanted_.begin(); entry != wanted_.end();) {
    const Height height = entry->first;
    Wanted& wanted = entry->second;
    if (!wanted.missing.empty()) {
      ++entry;
      continue;
    }
    std::vector<TransactionPtr> transactions;
    std::size_t bytes = 0;
    for (const Hash& id : wanted.batch.transactions) {
      TransactionPtr body = find_body(id);
      if (!body) {
        wanted.missing.insert(id);  // it left the mempool with another block
        continue;
      }
      bytes += weight(*body);
      transactions.push_back(std::move(body));
    }
    if (!wanted.missing.empty()) {
      ++entry;
      continue;
    }
    const Hash digest = wanted.digest;
    mempool_.mark_in_flight(wanted.batch.transactions);
    const bool oversized = bytes > limits::kBatchMax_bytes && transactions.size() > 1;
    entry = wanted_.erase(entry);
    if (oversized) continue;  // no correct primary proposes it, so it gets no vote
    for (const TransactionPtr& one : transactions) spare_bodies_.erase(one->id);   // they are found by their height from now on
    keep_bodies(height, digest, std::move(transactions));
    replica_.bodies_held(height, digest, now);
  }
  if (wanted_.empty()) spare_bodies_.clear();
  fetch_bodies(now);
}

void Engine::fetch_bodies(Now now) {
  for (auto& [height, wanted] : wanted_) {
    if (wanted.missing.empty() || now.monotonic_ms < wanted.next_fetch_ms) continue;
    // The primary first: it promised to hold them. Then everyone in turn.
    const std::size_t members = context_.members.size();
    for (std::size_t step = 0; step < members; ++step) {
      const auto peer = static_cast<MemberIndex>((replica_.primary() + wanted.attempts + step) % members);
      if (peer == config_.self || !connected_[peer]) continue;
      FetchTransactions request;
      for (const Hash& id : wanted.missing) {
        if (request.ids.size() < limits::kBatchTransactionsMax) request.ids.push_back(id);
      }
      counters_.bodies_fetched += request.ids.size();
      send(peer, {std::move(request)});
      wanted.attempts += static_cast<unsigned>(step);
      break;
    }
    ++wanted.attempts;
    wanted.next_fetch_ms = now.monotonic_ms + std::min(kRefetch_ms * wanted.attempts, kRefetchMax_ms);
  }
}

// In the same output as the vote that promises them, so the log has both or neither.
void Engine::keep_bodies(Height height, const Hash& digest, std::vector<TransactionPtr> transactions) {
  LoggedBodies& logged = logged_bodies_[height];
  std::vector<TransactionPtr> fresh;
  for (const TransactionPtr& transaction : transactions) {
    if (logged.ids.insert(transaction->id).second) fresh.push_back(transaction);
    body_index_.insert_or_assign(transaction->id, IndexedBody{transaction, height});
  }
  if (!fresh.empty() && !config_.test_faults.bodies_not_logged) {
    // Never the number of a record that is there: each record has one key.
    output_.persist.push_back(log_bodies(height, static_cast<std::uint32_t>(logged.keys.size()), fresh));
    logged.keys.push_back(output_.persist.back().key);
  }
  bodies_.insert_or_assign(height, BodySet{digest, std::move(transactions)});
}

void Engine::keep_late(const TransactionPtr& body) {
  if (!late_index_.try_emplace(body->id, body).second) return;
  late_bodies_.push_back(body);
  late_bytes_ += weight(*body);
  while (late_bytes_ > kLateBodies_bytes) {
    late_bytes_ -= weight(*late_bodies_.front());
    late_index_.erase(late_bodies_.front()->id);
    late_bodies_.pop_front();
  }
}

void Engine::forget_bodies(Height height) {
  if (const auto logged = logged_bodies_.find(height); logged != logged_bodies_.end()) {
    for (Bytes& key : logged->second.keys) output_.persist.push_back({std::move(key), std::nullopt});
    for (const Hash& id : logged->second.ids) {
      const auto indexed = body_index_.find(id);
      if (indexed == body_index_.end() || indexed->second.height != height) continue;
      keep_late(indexed->second.transaction);
      body_index_.erase(indexed);
    }
    logged_bodies_.erase(logged);
  }
  bodies_.erase(height);
  if (const auto wanted = wanted_.find(height); wanted != wanted_.end()) {
    for (const Hash& id : wanted->second.batch.transactions) spare_bodies_.erase(id);
  }
  wanted_.erase(height);
}

}  // namespace agiddi::consensus
