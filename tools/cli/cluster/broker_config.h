// The Mosquitto broker of a local cluster, with the project's plugin.
#pragma once

#include <string>

#include "tools/cli/cluster/plan.h"
#include "tools/cli/cluster/process.h"

namespace agiddi::tools {

std::string broker_config(const ClusterPlan& plan, const std::string& plugin);
Outcome<std::string> find_broker_program();                    // mosquitto in PATH or /usr/sbin
Outcome<std::string> find_broker_plugin();                     // lib/agiddi_broker_plugin.so beside bin/
// AGIDDI_BROKER_PRELOAD names a sanitizer's runtime that an uninstrumented broker must load before an instrumented plugin.
Outcome<Launch> broker_launch(const ClusterPlan& plan);

}  // namespace agiddi::tools
