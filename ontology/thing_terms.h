// What the writer and the reader of Thing Descriptions share. Private to the ontology floor.
#pragma once

#include <string_view>

#include "ontology/vocabulary.h"

namespace agiddi::ontology::thing {

struct Prefix { std::string_view name, iri; };
// The prefixes of a TD made here, besides the terms of the TD 1.1 and discovery contexts. No name is a term of those.
inline constexpr Prefix kPrefixes[] = {
    {"agiddi", ns::kAgiddi}, {"geo", ns::kGeo}, {"schema", ns::kSchema},
};

// Where readings of a paid device come from, relative to a node: the one form that a TD here has.
inline constexpr std::string_view kStreamHref = "v1/integrations/{integration}/stream";
inline constexpr std::string_view kDevicesHref = "v1/devices/";

// A price's unit: its name in a registration and its UN/CEFACT code (Recommendation 20).
struct PriceUnit { std::string_view field, code; };
inline constexpr PriceUnit kPriceUnits[] = {
    {"perMinute", "MIN"}, {"perHour", "HUR"}, {"perDay", "DAY"}, {"perKilobyte", "2P"}, {"perMegabyte", "4L"},
};

}  // namespace agiddi::ontology::thing
