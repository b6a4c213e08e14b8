// Access, as HTTP and the data plane call it: integrations at a pinned height. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/ledger.h"
#include "ontology/device.h"
#include "protocol/json.h"
#include "protocol/time.h"
#include "subservices/access/counted.h"

namespace agiddi::subservices {

// One device of an integration, with all that the serving node needs to start it and to stop it in time.
struct ServedDevice {
  Hash device;
  std::uint32_t version = 0;
  std::string provider;                          // DID: must equal the provider in the opened access data
  Json description;                              // the device as it was registered; "access" holds {"protocol","sealed":{"ciphertext","nonce","recipients"}}
  ontology::DeviceDescription parsed;            // the same, parsed: sensors, units, sealed access as bytes
  Json measurement_template;                     // JSON-LD
  std::optional<std::int64_t> limit_ms;          // T: total time bought
  std::optional<TimeMs> expires;                 // when T ends (from the payment or from the grant); exact
  std::optional<std::int64_t> limit_bytes;       // S: exact
  std::int64_t bytes_used = 0;                   // as last reported on the ledger, with what was lost in hand-overs
  std::int64_t bytes_lost = 0;                   // of those: what a node reserved that was replaced, and never reported
  std::int64_t bytes_reserved = 0;               // with a lease: no more is delivered before the ledger says so
  std::int64_t active_ms = 0;
  std::int64_t silent_ms = 0;                    // not among active_ms
  std::int64_t active_base_ms = 0;               // of that, in epochs before this one
  std::int64_t readings = 0;
  std::int64_t measurements = 0;
  std::optional<ApplicationCount> application;   // what it has counted
  bool ended = false;
};

enum class ServiceState : std::uint8_t { unclaimed, active, closing, ended };

struct ServiceTask {
  Hash integration;
  std::string application;                       // DID
  Hash payment;
  ServiceState state = ServiceState::unclaimed;
  std::string node;                              // member id; empty while unclaimed
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;                    // of the last usage.report on the ledger; the next must be above
  std::string protocol;                          // mqtt, sse, websocket
  std::string unit;                              // asked for, or empty
  bool senml = false;                            // measurements in SenML, or in the unified template, and then
  bool linked_context = false;                   // with a link to its context
  TimeMs granted = 0;                            // block time of integration.create
  TimeMs claimed = 0;                            // block time of the claim
  TimeMs ended = 0;                              // block time of the end; 0 before
  bool leased = false;                           // it is served only while its node's lease holds
  bool counted = false;                          // its application and providers may count; the node reports measurements
  TimeMs lease_term = 0;                         // for which a renewal holds
  std::string ended_because;
  std::vector<ServedDevice> devices;
};

class AccessService {
 public:
  explicit AccessService(const ledger::LedgerSnapshot& snapshot) : snapshot_(snapshot) {}

  // id: hex. {"integration","application","payment","state":"active" or "ended","node"?,"epoch","delivery":{"protocol","format"?,"context"?},"devices":[{"device","version","bytesUsed","bytesRemaining"?,
  // "expires"?,"state","counts"?}],"endedBecause"?}: what the ledger knows; a serving node puts its live counters on top. `phase` says unclaimed, active, closing, ended.
  Result<Json> integration(std::string_view id) const;
  Result<ServiceTask> task(const Hash& integration) const;
  Result<ServiceTask> task_without_devices(const Hash& integration) const;   // at the same cost however many devices it has
  // What the application has counted, beside the devices of the task; no parsing of what they are, so a serving node can look often.
  std::vector<std::optional<ApplicationCount>> counts(const Hash& integration) const;
  // Integrations that this member serves and that have not ended: what it takes up again after a restart.
  std::vector<Hash> served_by(std::string_view member) const;

 private:
  const ledger::LedgerSnapshot& snapshot_;
};

}  // namespace agiddi::subservices
