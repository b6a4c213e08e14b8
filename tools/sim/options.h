// What a simulation is: everything that its story depends on.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "consensus/test_faults.h"
#include "protocol/result.h"
#include "subservices/executor.h"

namespace agiddi::tools {

// Planted bugs of the driver around the Engine.
struct DriverFaults {
  bool send_before_persist = false;       // messages leave before their records are on disk
  bool log_unsynced = false;              // records are written and not synced
  bool transactions_unverified = false;   // signatures of clients are not verified
  bool chunks_unchecked = false;          // parts of a snapshot are believed without their hashes
  bool attested_by_one = false;           // a snapshot is believed when one member attests it
  friend bool operator==(const DriverFaults&, const DriverFaults&) = default;
};

struct SimOptions {
  std::uint64_t seed = 1;
  std::size_t nodes = 4;                    // members; 0 = from the seed
  std::size_t transactions = 0;             // of all clients; 0 = from the seed
  std::set<std::string> faults;             // names of fault_table()
  std::uint64_t steps_max = 3'000'000;      // events; a run that needs more has stalled
  bool real_signatures = false;             // Ed25519 for the members too, instead of a cheap keyed hash
  bool trace = false;                       // print every event
  std::string bug;                          // planted: a name of bug_table(), or empty
  consensus::TestFaults test_faults;        // what that bug sets
  subservices::ExecutorFaults executor_faults;
  DriverFaults driver_faults;

  bool has(const char* fault) const { return faults.contains(fault); }
};

// What can go wrong in a simulated network. Byzantine: what a member does that lies; up to f members at a time.
struct FaultKind {
  std::string name, what;
  bool byzantine = false;
};
const std::vector<FaultKind>& fault_table();
std::set<std::string> all_faults();
// "all", "none", "benign", "byzantine" or names, with commas between.
Result<std::set<std::string>> read_faults(const std::string& text);

struct CommandLine {
  SimOptions options;
  std::vector<std::size_t> nodes{4};
  std::uint64_t seeds = 1;
  unsigned jobs = 1;
  std::uint64_t failures_max = 1;           // stop after so many failing seeds
  bool quiet = false, list_bugs = false, list_faults = false, find_bugs = false;
};

// Reads the arguments; an error names the wrong one.
Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments);
std::string usage();
// Sizes that are left to the seed, made definite.
SimOptions resolved(SimOptions options);
// The command that repeats a run.
std::string replay_command(const SimOptions& options);

}  // namespace agiddi::tools
