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

struct OverloadOptions {
  std::int64_t nodes = 4, seconds = 10, clients = 256, factor = 10;
};
Outcome<Answer> bench_overload(const OverloadOptions& options);

}  // namespace agiddi::tools
