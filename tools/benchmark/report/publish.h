// Where a benchmark's figures go: standard output (text, or JSON with --json), a CSV file, and a folder with a page, the CSV and the JSON. The same figures in all of them.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/command.h"

namespace agiddi::tools {

struct PublishOptions {
  std::string csv, folder;   // "": not wanted
};

// Adds what the figures depend on, writes what is wanted, passes the answer on. A file that cannot be written is a failure; the figures are then on standard error.
Outcome<Answer> publish(Outcome<Answer> answer, const std::string& benchmark, const PublishOptions& options);
// The same of several, each of which has its conditions; the first failure is passed on after everything was written.
Outcome<void> write_documents(const std::vector<Json>& documents, const PublishOptions& options);

}  // namespace agiddi::tools
