// agiddi:distanceKm, the function of an expression and what an index of places needs of it. Pure functions.
#pragma once

#include <string_view>

#include "ledger/triple_source.h"

namespace agiddi::ontology::sparql {

inline constexpr std::string_view kDistanceFunction = "https://w3id.org/agiddi/ontology#distanceKm";

// Great-circle distance on a sphere of the mean radius of IUGG's GRS 80, from degrees.
double distance_km(double lat1, double lon1, double lat2, double lon2);

// How far anything in a rectangle (x: latitudes, y: longitudes) is at least from a place.
double far_at_least_km(const ledger::Rectangle& rectangle, double latitude, double longitude);

}  // namespace agiddi::ontology::sparql
