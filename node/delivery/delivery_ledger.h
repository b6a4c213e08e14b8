// What the data plane reads of the ledger about an integration, and where it keeps its own meters. An interface, so that the delivery service can
// be driven by a small world in tests; make_delivery_ledger() is the one over the running ledger.
//
// Threads: called from the delivery thread only. Values are copies.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ledger/kv.h"
#include "node/chain.h"
#include "subservices/forwarding/measurement.h"

namespace agiddi::ledger { class Ledger; }

namespace agiddi::node {

struct GrantedDevice {
  Hash device;
  std::string provider;                       // DID of the registration
  std::string access_protocol;                // "mqtt"
  Json sealed;                                // {"ciphertext","nonce","recipients":[{"member","key"}]}
  subservices::DeviceTemplate measurement;    // of the version that was paid for
  std::optional<std::uint64_t> bytes_limit;   // S
  std::optional<TimeMs> expires;              // first instant at which T is passed is expires + 1 ms
  std::uint64_t bytes_reported = 0;           // what former reports on the ledger already say was used
  std::int64_t sampling_ms = 0;               // the slowest declared sampling interval, 0 when none is declared
};

struct IntegrationView {
  Hash id;
  std::string application;                    // DID
  std::string node;                           // the serving member's id, "" = unclaimed
  std::uint64_t epoch = 0;
  std::uint64_t reports = 0;                  // usage reports of this epoch on the ledger
  TimeMs started = 0;                         // block time of the claim
  bool active = false;
  std::string ended_because;
  std::string protocol;                       // "mqtt", "sse", "websocket"
  std::string unit;                           // delivery.unit, "" = as declared
  std::vector<GrantedDevice> devices;
};

class DeliveryLedger {
 public:
  virtual ~DeliveryLedger() = default;
  virtual std::optional<IntegrationView> integration(const Hash& id) const = 0;
  virtual std::vector<Hash> active_integrations_of(const std::string& member) const = 0;
  // This node's own column (ledger::Column::local), written with sync.
  virtual std::optional<Bytes> local_get(BytesView key) const = 0;
  virtual std::vector<std::pair<Bytes, Bytes>> local_scan(BytesView prefix) const = 0;
  virtual void local_write(const ledger::KvBatch& batch) = 0;
};

std::unique_ptr<DeliveryLedger> make_delivery_ledger(const Chain& chain, ledger::Ledger& ledger);

}  // namespace agiddi::node
