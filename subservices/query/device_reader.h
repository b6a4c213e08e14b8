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

// The triples of a device and its sensors. Terms stay where they are when it moves; those of predicates belong to the reader that read it.
struct DeviceStar {
  std::deque<ledger::Term> terms;
  std::vector<ontology::TripleView> triples;
};

class DeviceReader {
 public:
  // With texts, metadata that stands there is copied and what is made is kept there; the entries are the same without.
  explicit DeviceReader(const ledger::TripleSource& triples, DeviceTexts* texts = nullptr);

  DeviceStar star(const std::string& urn) const;   // empty: there is no such device, or it is retired
  // Makes the text of a device whose star was read, unless it stands among the texts; puts the triples in another order.
  void keep_text(const Hash& device, DeviceStar& star) const;
  // {"id","version","metadata","distanceKm"?} of a device that is there, as JSON behind what `out` holds.
  // False, and nothing is appended: there is no such device.
  bool append_entry(std::string& out, const std::string& urn, const std::optional<std::string>& distance_km = {}) const;

 private:
  DeviceStar read(ledger::TermId device) const;
  void read(ledger::TermId subject, DeviceStar& out, std::vector<ledger::TermId>* hosted) const;
  std::string version_of(ledger::TermId device) const;

  const ledger::TripleSource& triples_;
  DeviceTexts* const texts_;
  const ledger::TermId hosts_, version_;
  mutable std::unordered_map<ledger::TermId, ledger::Term> predicates_;   // those that were met; devices have the same few
};

}  // namespace agiddi::subservices
