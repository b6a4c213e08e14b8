// Standing queries: search conditions that are matched against the devices that a block changed (POST /v1/query with "watch": true).
//
// A device is looked at by itself: its star and those of its sensors hold all that a condition can ask. An index over what the queries demand
// (standing_index.h)
// finds the few that a device can concern. Those are asked exactly: by a compiled form that does what the engine does (ontology/sparql/conjunction.h), and by
// the engine
// itself where a query has none. So the devices told of are exactly those that the search would give.
//
// Threads: used by one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ledger/triple_source.h"
#include "ontology/sparql/query.h"
#include "protocol/crypto/crypto.h"
#include "protocol/json.h"
#include "subservices/query/conditions.h"
#include "subservices/query/device_texts.h"

namespace agiddi::subservices {

struct StandingMatch {
  enum class Kind : std::uint8_t { match, update, unmatch };   // began to match, still does and has changed, does not any more
  Kind kind = Kind::match;
  std::uint64_t query = 0;
  Hash device;
  std::optional<std::string> distance_km;                      // of a query with `near`
};

class StandingQueries {
 public:
  StandingQueries();
  ~StandingQueries();
  // A number for the query. now: tells which of its demands is rare.
  Result<std::uint64_t> add(const SearchPlan& plan, const ledger::TripleSource& now);
  void remove(std::uint64_t query);
  std::size_t size() const;

  // What the change of these devices from one state to another means to each query; in the order of the devices, then of the queries.
  // texts: where the texts of devices that match are kept, made of what was read for matching.
  std::vector<StandingMatch> changed(const std::vector<Hash>& devices, const ledger::TripleSource& before, const ledger::TripleSource& after,
                                     DeviceTexts* texts = nullptr);

 private:
  struct Queries;
  std::unique_ptr<Queries> queries_;
};

}  // namespace agiddi::subservices
