// The clocks that the consensus core is given: monotonic and wall, ms. Any thread.
#pragma once

#include <chrono>
#include <cstdint>

#include "consensus/engine.h"

namespace agiddi::node {

inline std::int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

inline consensus::Now clocks() {
  const auto monotonic = std::chrono::steady_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::milliseconds>(monotonic).count(), wall_ms()};
}

}  // namespace agiddi::node
