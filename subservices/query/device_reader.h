// The public metadata of a device as the default graph holds it: its star and those of its sensors.
//
// Threads: any, each with a reader of its own; the source must outlive it.
#pragma once

#include <string>

#include "ledger/triple_source.h"
#include "ontology/metadata.h"
#include "protocol/json.h"

namespace agiddi::subservices {

class DeviceReader {
 public:
  explicit DeviceReader(const ledger::TripleSource& triples);

  ontology::Triples star(const std::string& urn) const;   // empty: there is no such device, or it is retired
  Json entry(const std::string& urn) const;               // {"id","version","metadata"} of a device that is there

 private:
  void copy(ledger::TermId subject, ontology::Triples& out, std::vector<ledger::TermId>* hosted) const;

  const ledger::TripleSource& triples_;
  ledger::TermId hosts_;
};

}  // namespace agiddi::subservices
