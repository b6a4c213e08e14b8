// The public metadata of a device as the default graph holds it: its star and those of its sensors.
//
// Threads: any, each with a reader of its own; the source, and the texts if there are any, must outlive it.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ledger/triple_source.h"
#include "ontology/metadata.h"
#include "subservices/query/device_texts.h"

namespace agiddi::subservices {

class DeviceReader {
 public:
  // With texts, metadata that stands there is copied and what is made is kept there; the entries are the same without.
  explicit DeviceReader(const ledger::TripleSource& triples, DeviceTexts* texts = nullptr);

  ontology::Triples star(const std::string& urn) const;   // empty: there is no such device, or it is retired
  // {"id","version","metadata","distanceKm"?} of a device that is there, as JSON behind what `out` holds.
  // False, and nothing is appended: there is no such device.
  bool append_entry(std::string& out, const std::string& urn, const std::optional<std::string>& distance_km = {}) const;

 private:
  // Terms of a star; they stay where they are.
  struct Star {
    std::deque<ledger::Term> terms;
    std::vector<ontology::TripleView> triples;
  };
  Star read(ledger::TermId device) const;
  void read(ledger::TermId subject, Star& out, std::vector<ledger::TermId>* hosted) const;
  std::string version_of(ledger::TermId device) const;

  const ledger::TripleSource& triples_;
  DeviceTexts* const texts_;
  const ledger::TermId hosts_, version_;
  mutable std::unordered_map<ledger::TermId, ledger::Term> predicates_;   // those that were met; devices have the same few
};

}  // namespace agiddi::subservices
