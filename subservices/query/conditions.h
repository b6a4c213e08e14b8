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

// One sort key of the result. The device's id always follows as the last one.
struct OrderKey {
  std::string variable;      // without "?"
  bool descending = false;
  bool optional = false;     // devices without the value come last; "?<variable>Missing" tells
};

struct SearchPlan {
  std::string sparql;                // SELECT of ?device and the sort keys, with ORDER BY and LIMIT
  std::vector<OrderKey> order;
  std::size_t limit = 100;
  std::string fingerprint;           // of conditions and order: what a cursor is bound to
};

// Reads the whole body: conditions, orderBy, limit, cursor.
Result<SearchPlan> plan_search(const Json& body);

// Where the next page begins, made of the last row: the values of the sort keys (N-Triples, empty when missing) and the device.
std::string make_cursor(const SearchPlan& plan, const std::vector<std::string>& key_values, const std::string& device);

}  // namespace agiddi::subservices
