// Planted bugs, one at a time, that the simulator's checkers must find: a test of the tests.
#pragma once

#include "tools/sim/options.h"

namespace agiddi::tools {

struct PlantedBug {
  std::string name, what;
  std::string found_by;         // part of what the checker says; several, separated by '|', where the histories of a seed decide which check comes first
  std::uint64_t seeds_max;      // found within so many seeds, from 1, with these faults and members:
  std::string faults;           // as for --faults
  std::size_t nodes;            // 0 = from the seed
  void (*plant)(SimOptions&);
};
const std::vector<PlantedBug>& bug_table();

// False when there is no bug of that name.
bool plant(SimOptions& options, const std::string& name);

}  // namespace agiddi::tools
