// Measurements in SenML (RFC 8428), made from their unified template. Pure and thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/time.h"

namespace agiddi::subservices {

// Appends one record to a pack's text, with a comma before it when there is one already: {"n","u","v","t","agiddi:id"}. The name is the sensor's IRI in the
// characters that SenML allows ("_" and two hexadecimal digits for a byte of another one); "t" in seconds; the unit is SenML's where its registry has
// one, else the UCUM code. measurement: as measurement_json() wrote it; one that it did not write aborts. id: visible ASCII without quotes.
void append_senml_record(std::string& pack, std::string_view measurement, std::string_view id);

}  // namespace agiddi::subservices
