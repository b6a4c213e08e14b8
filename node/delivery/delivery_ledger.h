// What the data plane reads of the ledger about an integration, and where it keeps its own meters. An interface, so that the delivery service can
// be driven by a small world in tests; make_delivery_ledger() is the one over the running ledger.
//
// Threads: called from the delivery thread only. Values are copies.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/chain.h"
#include "subservices/access/counted.h"
#include "subservices/forwarding/measurement.h"

namespace agiddi::ledger { class Ledger; }

namespace agiddi::node {

struct GrantedDevice {
  Hash device;
  std::string provider;                       // DID of the registration
  Json access;                                // {"protocol","sealed":{"ciphertext","nonce","recipients":[{"member","key"}]}}
  subservices::DeviceTemplate measurement;    // of the version that was paid for
  std::optional<std::uint64_t> bytes_limit;   // S
  std::optional<std::int64_t> time_limit_ms;  // T
  std::optional<TimeMs> expires;              // the last instant at which a reading is forwarded
  std::uint64_t bytes_reported = 0;           // what former reports on the ledger already say was used
  std::uint64_t bytes_lost = 0;               // of those: reserved by a node that was replaced, and never reported
  std::uint64_t bytes_reserved = 0;           // with a lease: up to which total of bytes readings may be forwarded
  std::uint64_t readings_reported = 0;
  std::uint64_t measurements_reported = 0;
  std::optional<subservices::ApplicationCount> application;   // what the application has counted
  std::int64_t active_reported_ms = 0;
  std::int64_t active_base_ms = 0;            // of that, in epochs before this one
  std::int64_t silent_reported_ms = 0;
  std::int64_t sampling_ms = 0;               // the slowest declared sampling interval, 0 when none is declared
  bool ended = false;                         // on the ledger
};

enum class IntegrationState : std::uint8_t { unclaimed, active, closing, ended };

struct IntegrationHead {
  Hash id;
  IntegrationState state = IntegrationState::unclaimed;
  std::string node;                           // the serving member's id, "" = unclaimed
  std::uint64_t epoch = 0;
  std::uint64_t last_report = 0;              // sequence of the last usage report on the ledger
  std::string unit;                           // delivery.unit, "" = as declared
  std::string ended_because;
};

struct IntegrationView : IntegrationHead {
  TimeMs claimed = 0;                         // block time of the claim
  TimeMs ended = 0;                           // block time of the end; 0 before
  bool leased = false;                        // forwarded is only while this node's lease holds, and what is reserved
  TimeMs lease_term = 0;
  bool counted = false;                       // its application may count; reports tell measurements
  std::string protocol;                       // "mqtt", "sse", "websocket"
  bool senml = false;                         // delivery.format
  bool linked_context = false;                // delivery.context
  std::vector<GrantedDevice> devices;
};

class DeliveryLedger {
 public:
  virtual ~DeliveryLedger() = default;
  // Every node asks for the head of every integration whenever it changes: it costs the same however many devices there are.
  virtual std::optional<IntegrationHead> head(const Hash& id) const = 0;
  virtual std::optional<IntegrationView> integration(const Hash& id) const = 0;
  // Beside the devices of integration(id); nothing where the application has not counted. Cheap.
  virtual std::vector<std::optional<subservices::ApplicationCount>> counts(const Hash& id) const = 0;
  virtual std::vector<Hash> served_by(const std::string& member) const = 0;   // active and closing ones
  // This node's own notes. Each write is on its own; they survive the death of the process.
  virtual std::optional<Bytes> local_get(BytesView key) const = 0;
  virtual std::vector<std::pair<Bytes, Bytes>> local_scan(BytesView prefix) const = 0;
  virtual void local_put(BytesView key, BytesView value) = 0;
  virtual void local_erase(BytesView key) = 0;
};

std::unique_ptr<DeliveryLedger> make_delivery_ledger(const Chain& chain, ledger::Ledger& ledger);

}  // namespace agiddi::node
