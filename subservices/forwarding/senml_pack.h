// Measurements in SenML (RFC 8428). Pure and thread-safe.
//
// A record: {"bn","n","u","v","t","agiddi:integration","agiddi:epoch","agiddi:deviceVersion","agiddi:sequence","agiddi:id"?}. "bn" is the device's URN and "/sensor/", "n" the
// sensor's name, so that both together are the sensor's IRI, in the characters that SenML allows ("_" and two hexadecimal digits for a byte of another one); "t" in seconds; the
// unit is SenML's where its registry has one, else the UCUM code. Labels with a colon are ours: a reader that does not know them passes over them (section 4.4).
#pragma once

#include <string>
#include <string_view>

#include "subservices/forwarding/measurement.h"

namespace agiddi::subservices {

// SenML's name of a unit (QUDT IRI), or its UCUM code; "" when it has neither.
std::string senml_unit(std::string_view unit_iri);
// And back: the UCUM code of SenML's name; the name itself where the registries name it as UCUM does, or not at all.
std::string_view ucum_of_senml(std::string_view unit);

// The fixed parts of a sensor's measurements in that unit (QUDT IRI).
MeasurementText senml_text(const MeasurementFrame& frame, std::size_t sensor, const std::string& unit);

// Appends one record to a pack's text, with a comma before it when there is one already. measurement: in the unified template, as measurement_json() wrote it; one that it
// did not write aborts. id: visible ASCII without quotes, "" = none.
void append_senml_record(std::string& pack, std::string_view measurement, std::string_view id);
// A pack of that one measurement, the same to the byte as a frame with `senml` makes it.
std::string senml_pack(std::string_view measurement);

}  // namespace agiddi::subservices
