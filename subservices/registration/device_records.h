// From a recorded device version back to its description, and so to its triples, metadata and template: these are derived, not stored.
#pragma once

#include "ontology/device.h"
#include "ontology/metadata.h"
#include "subservices/records.h"

namespace agiddi::subservices {

// The description as it was parsed when it was recorded.
ontology::DeviceDescription recorded_description(const records::DeviceVersion& record);
ontology::DeviceIdentity recorded_identity(const Hash& device, const records::DeviceVersion& record);
// The JSON-LD template of a version that the ledger holds.
Json recorded_template(const StateView& state, const Hash& device, std::uint32_t version);

}  // namespace agiddi::subservices
