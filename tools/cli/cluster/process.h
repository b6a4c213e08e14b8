// Detached processes: started in a session of their own, found again from another shell, never confused with a stranger that got the same
// process id (the start time and the boot must agree, and the signal goes through a pidfd).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tools/cli/outcome.h"

namespace agiddi::tools {

struct ProcessId {
  int pid = 0;
  std::string start_time;   // field 22 of /proc/PID/stat
  std::string boot;         // of the system, as the start time counts from there
};

struct Launch {
  std::vector<std::string> arguments;                                // the program's path first
  std::string folder, log_file;                                      // working folder; both outputs are appended to the log
  std::vector<std::pair<std::string, std::string>> environment;      // added to ours
};

Outcome<ProcessId> launch(const Launch& what);
bool is_running(const ProcessId& process);                            // a zombie is not
// SIGTERM (or SIGKILL at once), then SIGKILL for what still runs after grace_ms; returns when all are gone. Strangers are never touched.
Outcome<void> stop_processes(const std::vector<ProcessId>& processes, bool kill_at_once, int grace_ms = 5'000);

// The file holds the bare number; the rest stands beside it in `<path>.start`.
Outcome<void> write_pid_file(const std::string& path, const ProcessId& process);
ProcessId read_pid_file(const std::string& path);                     // pid 0 when there is none
std::string last_lines(const std::string& file, std::size_t count);
std::string own_folder();                                             // of this executable

}  // namespace agiddi::tools
