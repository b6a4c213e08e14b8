// The benchmarks of agiddi-bench. Each starts what it measures, prints a table and gives the same figures as JSON; timings never fail it.
#pragma once

#include <cstdint>

#include "tools/cli/outcome.h"

namespace agiddi::tools {

struct PayOptions {
  std::int64_t nodes = 4, seconds = 10, rate = 0;   // rate 0: closed loop
  std::int64_t clients = 256;
};
Outcome<Answer> bench_pay(const PayOptions& options);

struct LoadOptions {
  std::string folder, without;                      // of a cluster that runs; a node that is left alone
  std::int64_t clients = 8, rate = 0, seconds = 10;
};
// Payments on a cluster that runs already, until the time is over or SIGTERM comes; and how many blocks they made.
Outcome<Answer> bench_load(const LoadOptions& options);

struct OverloadOptions {
  std::int64_t nodes = 4, seconds = 10, clients = 256, factor = 10;
};
Outcome<Answer> bench_overload(const OverloadOptions& options);

}  // namespace agiddi::tools
