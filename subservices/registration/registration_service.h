// Registration, as HTTP calls it: reads of devices at a pinned height. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "ledger/ledger.h"
#include "ledger/term.h"
#include "protocol/genesis.h"
#include "protocol/json.h"
#include "protocol/transaction.h"

namespace agiddi::subservices {

struct DeviceView {
  Hash device;
  std::uint32_t version = 0;
  bool current = false;                          // the newest version
  bool retired = false;
  std::string provider;
  Json metadata;                                 // JSON-LD, without secrets
  Json measurement_template;                     // JSON-LD
  std::vector<ledger::Triple> metadata_triples;  // the same as RDF, for Turtle and N-Triples
  std::vector<ledger::Triple> template_triples;
};

class RegistrationService {
 public:
  explicit RegistrationService(const ledger::LedgerSnapshot& snapshot) : snapshot_(snapshot) {}

  // urn: "urn:agiddi:device:…". 404 when unknown (also a version that does not exist).
  Result<DeviceView> device(std::string_view urn, std::optional<std::uint32_t> version = std::nullopt) const;
  Result<DeviceView> device(const Hash& id, std::optional<std::uint32_t> version = std::nullopt) const;
  // {"versions":[{"version","transaction","timestamp"}]}, the oldest first.
  Result<Json> versions(std::string_view urn) const;

 private:
  const ledger::LedgerSnapshot& snapshot_;
};

// The answer of an asynchronous device.register before its commit: {"transaction","devices":[{"id","version":1,"metadata","template"}]}; the metadata lacks
// what only the block knows (timestamp, height). The transaction passed the door.
Result<Json> preview_registration(const MemberSet& members, const ledger::LedgerSnapshot& snapshot, const Transaction& transaction);

}  // namespace agiddi::subservices
