// Cursors: where the next page of a search begins. A cursor holds the sort keys of the last device that was shown, so pages neither repeat nor
// skip a device when others are registered in between; it is bound to the conditions and the order that it was made for.
//
// Threads: pure functions of values. Errors: Status::invalid for a damaged or foreign cursor.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "subservices/query/conditions.h"

namespace agiddi::subservices {

struct Position {
  std::vector<std::optional<std::string>> keys;   // lexical values of the sort keys, nothing where the device lacks one
  std::string device;                             // URN
};

std::string write_cursor(const std::string& fingerprint, const Position& position);
Result<Position> read_cursor(std::string_view cursor, const std::string& fingerprint, const std::vector<SortKey>& order);

// The SPARQL condition for what comes after a position.
std::string after(const Position& position, const std::vector<SortKey>& order);
// What follows "ORDER BY".
std::string order_clause(const std::vector<SortKey>& order);

}  // namespace agiddi::subservices
