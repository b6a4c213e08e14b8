// The commands of the benchmark suite: consensus, recovery, integrate, smoke, and all of them in turn.
#pragma once

#include "tools/cli/command.h"

namespace agiddi::tools {

void declare_suite(Command& program);

}  // namespace agiddi::tools
