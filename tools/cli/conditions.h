// Search conditions as they are typed ('sensor.range>100') into the body of POST /v1/query.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/outcome.h"

namespace agiddi::tools {

struct QueryArguments {
  std::vector<std::string> conditions;   // name OP value; OP is = != < <= > >=
  std::string near;                      // "LAT,LON,KM"
  std::string order_by, cursor;
  std::int64_t limit = 0;                // 0: the node's default
};

// The same name with = several times means any of the values; with >= and <= once each, between them.
Outcome<Json> query_body(const QueryArguments& arguments);

}  // namespace agiddi::tools
