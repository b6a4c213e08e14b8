// Mempool: the verified transactions that wait for a block, first come first served, bounded in count and bytes.
//
// Core lane only. Holds shared pointers to immutable transactions. A transaction is waiting (may be proposed), in flight (stands in a
// proposed batch of the current view) or gone (committed: only its id is remembered, for a bounded while).
#pragma once

#include <deque>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "consensus/messages.h"

namespace agiddi::consensus {

enum class Admission : std::uint8_t {
  accepted,
  duplicate,   // held already
  committed,   // stands in a recent block
  full,        // no room: the client should try later (429)
};
const char* to_text(Admission admission);

struct MempoolLimits {
  std::size_t transactions = limits::kMempoolMax_transactions;
  std::size_t bytes = limits::kMempoolMax_bytes;
  std::size_t remembered = 65'536;   // ids of committed transactions
};

class Mempool {
 public:
  struct Arrival {
    std::int64_t ms = 0;
    std::int64_t patience_ms = 0;                             // by Suspicion::patience_ms()
  };

  explicit Mempool(MempoolLimits limits = {});

  // One signer holds at most half of the room, and what one peer brought at most `1 / peers_share`.
  Admission add(TransactionPtr transaction, Arrival now, std::optional<MemberIndex> from = {});
  // So that f members who lie cannot fill it: f + 1. What is here counts for nobody any more (peers may have other numbers now).
  void share_among(std::size_t peers_share);

  TransactionPtr find(const Hash& id) const;                  // waiting or in flight; nullptr otherwise
  bool recently_committed(const Hash& id) const { return remembered_.contains(id); }

  // The oldest waiting transactions, at most that many and that many bytes (at least one if any waits).
  std::vector<Hash> select(std::size_t max_count, std::size_t max_bytes) const;
  void mark_in_flight(const std::vector<Hash>& ids);
  void release_in_flight();                                   // a view ended: what was proposed and not committed waits again
  void commit(const std::vector<Hash>& ids);                  // forgets the bodies, remembers the ids

  std::size_t size() const { return by_id_.size(); }
  std::size_t waiting() const { return waiting_.size(); }
  std::size_t bytes() const { return bytes_; }
  std::size_t waiting_bytes() const { return waiting_bytes_; }
  const Arrival* oldest() const;                              // of all that are held; nullptr: none is
  std::optional<std::int64_t> oldest_waiting_ms() const;      // of those that wait for a proposal
  // Transactions that arrived before `before_ms` and have not been handed to the primary again; marks them. At most max_count.
  std::vector<TransactionPtr> take_overdue(std::int64_t before_ms, std::size_t max_count);
  void forget_forwarding();                                   // what was handed over may be lost
  // Drops those that wait and whose time window ended before then: nobody will order them any more.
  std::vector<Hash> drop_expired(TimeMs now);

 private:
  struct Entry {
    TransactionPtr transaction;
    Arrival arrival;
    std::size_t size_bytes = 0;
    bool forwarded = false;
    std::optional<MemberIndex> from{};
  };
  using Entries = std::map<std::uint64_t, Entry>;             // by arrival: a running number
  struct Place {
    std::uint64_t number = 0;
    bool in_flight = false;
  };

  void forget(std::unordered_map<Hash, Place, HashHasher>::iterator found);

  MempoolLimits limits_;
  Entries waiting_, in_flight_;
  std::unordered_map<Hash, Place, HashHasher> by_id_;
  std::uint64_t next_number_ = 0;
  std::map<PublicKey, std::size_t> held_by_signer_;
  struct Brought {
    std::size_t transactions = 0, bytes = 0;
  };
  std::map<MemberIndex, Brought> brought_;
  std::size_t peers_share_ = 1;
  std::size_t bytes_ = 0, waiting_bytes_ = 0;
  std::unordered_set<Hash, HashHasher> remembered_;
  std::deque<Hash> remembered_order_;
};

// What a transaction counts for in the mempool's and a batch's byte bounds.
std::size_t weight(const Transaction& transaction);

}  // namespace agiddi::consensus
