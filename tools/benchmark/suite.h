// The commands of the benchmark suite: consensus, recovery, integrate, smoke, and all of them in turn. And what every command does with its figures.
#pragma once

#include "tools/benchmark/report/publish.h"
#include "tools/cli/command.h"

namespace agiddi::tools {

// --csv and --report, of every benchmark.
std::shared_ptr<const PublishOptions> declare_publishing(Command& program);
// The action, and then publish().
Command::Action published(const std::shared_ptr<const PublishOptions>& options, const std::string& benchmark, Command::Action action);

void declare_suite(Command& program, const std::shared_ptr<const PublishOptions>& options);

}  // namespace agiddi::tools
