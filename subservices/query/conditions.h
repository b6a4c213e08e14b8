// Search conditions (the value-name pairs of API.md step 2) and the SPARQL text made of them. User text enters the query only as an
// escaped literal, a validated IRI or a number.
//
// Threads: pure functions of values. Errors: Status::invalid with a JSON pointer for each bad condition.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/json.h"

namespace agiddi::subservices {

// How the values of a sort key are written in a query.
enum class KeyForm : std::uint8_t { decimal, real, time, string, iri };

// One sort key of the result; the device's id always follows as the last one. Devices without the value come last in both directions.
struct SortKey {
  std::string variable;      // without "?"
  KeyForm form = KeyForm::string;
  bool descending = false;
  bool optional = false;     // a device may lack the value
};

struct SearchPlan {
  std::string sparql;                // SELECT of ?device and the sort keys, with ORDER BY and LIMIT
  std::string probe;                 // the same with one row more, which tells whether there is a next page
  std::vector<SortKey> order;
  std::size_t limit = 100;
  std::string fingerprint;           // of conditions and order: what a cursor is bound to
  bool has_distance = false;         // ?distance, in kilometres
  bool watch = false;                // what matches later is wanted too
};

// Reads the whole body: conditions, orderBy, limit, cursor, watch.
Result<SearchPlan> plan_search(const Json& body);

}  // namespace agiddi::subservices
