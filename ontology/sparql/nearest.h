// ORDER BY the distance from a place, with LIMIT: ?s geo:lat ?a . ?s geo:long ?b read from the index of places, the nearest first, so that only the first few are
// ever looked at. Internal.
#pragma once

#include "ontology/sparql/operators.h"

namespace agiddi::ontology::sparql {

// agiddi:distanceKm(?latitude, ?longitude, a number, a number).
struct DistanceCall {
  Slot latitude = kNoSlot, longitude = kNoSlot;
  double to_latitude = 0, to_longitude = 0;
};
std::optional<DistanceCall> distance_call(const Expr& expression);

class NearestOperator final : public Operator {
 public:
  // box: of the pattern of latitudes, across it that of longitudes. The graph in which it runs has an index for them.
  NearestOperator(Place subject, Place latitude, Place longitude, TermId predicate, ScanRange box, const DistanceCall& call)
      : subject_(std::move(subject)), latitude_(std::move(latitude)), longitude_(std::move(longitude)), predicate_(predicate), box_(std::move(box)), call_(call) {}
  bool run(Execution& execution, Emit emit) override;   // in the order of the distances; values that are no numbers have none, and are left out
  std::string describe() const override;

 private:
  struct Entry {
    double distance_km;
    TermId subject, latitude, longitude;
  };
  class Waiting;
  Place subject_, latitude_, longitude_;
  TermId predicate_;
  ScanRange box_;
  DistanceCall call_;
};

}  // namespace agiddi::ontology::sparql
