// What a simulation is: everything that its story depends on.
#pragma once

#include <string>
#include <vector>

#include "consensus/replica.h"

namespace agiddi::tools {

struct FaultKinds {
  bool loss = false, delay = false, reorder = false, crash = false, partition = false, duplicate = false;
};

struct SimOptions {
  std::uint64_t seed = 1;
  std::size_t nodes = 4;
  FaultKinds faults;
  std::size_t transactions = 60;
  std::uint64_t steps_max = 2'000'000;      // events; a run that needs more has stalled
  bool real_signatures = false;             // Ed25519 instead of a cheap keyed hash
  bool trace = false;                       // print every event
  consensus::TestFaults test_faults;        // planted bugs
  bool send_before_persist = false;         // a planted bug of the driver
};

struct CommandLine {
  SimOptions options;
  std::vector<std::size_t> nodes{4};
  std::uint64_t seeds = 1;
  bool quiet = false;
};

// Reads the arguments; an error names the wrong one.
Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments);
std::string usage();
// The command that repeats a run.
std::string replay_command(const SimOptions& options);

}  // namespace agiddi::tools
