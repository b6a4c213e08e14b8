// Chain: what the HTTP and data-plane parts of the daemon may ask of the running ledger. One instance a process.
//
// Threads: every method may be called from any thread and returns at once; callbacks come from an internal lane and must not block
// (post to your own executor). Snapshots are immutable and pinned to a block height.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ledger/ledger.h"
#include "protocol/block.h"
#include "protocol/genesis.h"

namespace agiddi::node {

struct Outcome {          // of one transaction, from its block
  std::uint64_t height = 0;
  TimeMs timestamp = 0;   // of the block
  Receipt receipt;        // status 200/201 or the rejection
};

struct PeerStatus { std::string id; bool connected = false; };

struct ChainStatus {
  std::string network, node;       // network id, this member's id
  std::uint64_t height = 0;        // applied
  std::uint64_t view = 0;
  std::string primary;             // member id
  std::vector<PeerStatus> peers;   // the other members
  bool syncing = false;            // behind the certified blocks of others
  bool has_quorum = false;         // enough members connected to commit
  std::size_t mempool = 0;         // transactions held
  std::uint64_t epoch = 0;         // of the member set in force here
  bool is_member = true;           // false: the node follows the chain, votes on nothing and takes no writes
  std::optional<std::uint64_t> epoch_ends;  // the last height of this epoch, when the next member set is decided
};

// What happened in one applied block, for /v1/events, standing streams and the data plane. kind: "block", "device", "payment", "integration".
struct ChainEvent {
  std::string kind;
  std::uint64_t height = 0;
  Hash subject;                    // block hash, device, payment or integration id
  Hash transaction;                // the transaction that caused it (zero for "block")
  Json data;                       // public JSON for the event stream
};

class Chain {
 public:
  using Done = std::function<void(Result<Outcome>)>;
  using Listener = std::function<void(const std::vector<ChainEvent>&)>;  // once a block, in height order

  virtual ~Chain() = default;
  virtual const Genesis& genesis() const = 0;
  virtual MemberSet members() const = 0;                       // in force
  virtual const Member& self() const = 0;                      // its id is for ever; keys and address as at start
  virtual TimeMs now() const = 0;                              // wall clock, ms
  virtual ChainStatus status() const = 0;
  virtual std::shared_ptr<const ledger::LedgerSnapshot> snapshot() const = 0;   // latest applied

  // Takes a transaction that passed the door checks, its signature among them. done is called exactly once: with the outcome when its block is applied here, or with
  // Status::overloaded (mempool full; nothing consumed), unavailable (no quorum or shutting down), conflict. An id that
  // the ledger knows yields its recorded outcome. There is no time-out here: the caller bounds its own wait.
  virtual void submit(Transaction transaction, Done done) = 0;
  // Signs and submits a transaction of this member (integration.claim, usage.report).
  virtual void submit_own(std::string action, Json body, Done done) = 0;

  // Whether this node holds the transaction for a coming block (state "pending"). Nothing: too busy to look.
  virtual void is_pending(const Hash& transaction, std::function<void(std::optional<bool>)> done) = 0;

  virtual std::uint64_t subscribe(Listener listener) = 0;      // returns a handle
  virtual void unsubscribe(std::uint64_t handle) = 0;          // no call of the listener after it returns
  // Opens the content key of sealed access with this member's sealing key.
  virtual Result<Bytes> open_sealed_key(BytesView sealed) const = 0;
  // This member's key in use, for messages to others that are no documents of the ledger: each kind must not be mistaken for one.
  virtual std::shared_ptr<const KeyPair> signing_key() const = 0;
};

}  // namespace agiddi::node
