// What figures depend on: the machine, the versions, the commit, what was on disk before it was answered, and which signatures were checked.
#pragma once

#include <string>

#include "protocol/json.h"

namespace agiddi::tools {

// {"time","commit","machine":{…},"versions":{…},"durable","verified"}. benchmark: its name, which decides the last two. The commit is AGIDDI_COMMIT of the environment,
// as tools/bench sets it. unverified: nobody made or checked the signatures of clients.
Json conditions(const std::string& benchmark, bool unverified = false);

}  // namespace agiddi::tools
