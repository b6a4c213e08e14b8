#include "ontology/sparql/distance.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace agiddi::ontology::sparql {
namespace {

constexpr double kEarthRadius_km = 6371.0088;
constexpr double kRadians = std::numbers::pi / 180;
constexpr double kRounding_km = 1e-3;            // far above what doubles lose, which is most at the antipode

// How long a parallel is, of the equator.
double parallel(double latitude) { return std::abs(latitude) == 90 ? 0 : std::cos(latitude * kRadians); }

}  // namespace

// By the haversine formula. A place that is written in two ways, at 180 and at -180 degrees or at a pole, is 0 from itself.
double distance_km(double lat1, double lon1, double lat2, double lon2) {
  const double turn = std::remainder(lon2 - lon1, 360);
  const double half_lat = std::sin((lat2 - lat1) * kRadians / 2), half_lon = std::sin(turn * kRadians / 2);
  const double h = half_lat * half_lat + parallel(lat1) * parallel(lat2) * half_lon * half_lon;
  return 2 * kEarthRadius_km * std::asin(std::sqrt(std::clamp(h, 0.0, 1.0)));   // a latitude beyond a pole may make it negative by rounding
}

// From its middle, less the longest way from there to an edge: up or down and then along a parallel, none of which is longer than the equator's part.
double far_at_least_km(const ledger::Rectangle& r, double latitude, double longitude) {
  if (!std::isfinite(r.x_low + r.x_high + r.y_low + r.y_high) || r.x_low < -90 || r.x_high > 90 || std::abs(latitude) > 90) return 0;   // what lies there is no place
  const double within = kEarthRadius_km * kRadians * ((r.x_high - r.x_low) / 2 + (r.y_high - r.y_low) / 2);
  return std::max(0.0, distance_km((r.x_low + r.x_high) / 2, (r.y_low + r.y_high) / 2, latitude, longitude) - within - kRounding_km);
}

}  // namespace agiddi::ontology::sparql
